"""A connector that fails again and again: how often it is tried again, what is said, and what ends it."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from cdc import access
from cdc.access import Kafka
from cdc.capture.connect import Connect
from cdc.capture.source import BINLOG, load_sources
from cdc.capture.watchdog import Watch
from cdc.errors import FatalError, catalogue
from cdc.stream.topic import TopicEnds
from compose.local.stack import Stack
from tests.integration.connectors.account import drop_account
from tests.integration.runbook import Operator
from tests.integration.service import start
from tests.integration.shapes.connect import restart_tasks
from tests.integration.shapes.shapes import Shapes, clear, make_deployment
from tests.integration.shapes.side import Side
from tests.integration.stream_faults.worker import await_event, events, landing

KINDS = {"gate": "postgresql", "hatch": "mariadb", "wicket": "mysql"}
TABLES = {"mark": "id int PRIMARY KEY, text varchar(99)", "part": "id int PRIMARY KEY, name varchar(40)"}
ACCOUNT = "guarded"
# The account's rights, and its sessions' end.
GRANTED = {
    "postgresql": (
        f"CREATE ROLE {ACCOUNT} LOGIN REPLICATION",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {ACCOUNT}",
        "CREATE PUBLICATION cdc FOR ALL TABLES",
    ),
    **dict.fromkeys(
        BINLOG,
        (
            f"CREATE USER {ACCOUNT}@'%'",
            f"GRANT SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO {ACCOUNT}@'%'",
        ),
    ),
}
CHANGED = {
    "postgresql": f"ALTER ROLE {ACCOUNT} PASSWORD '{{}}'",
    **dict.fromkeys(BINLOG, f"ALTER USER {ACCOUNT}@'%' IDENTIFIED BY '{{}}'"),
}
ENDED = {
    "postgresql": f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ACCOUNT}'",
    # What it prints are the statements.
    **dict.fromkeys(BINLOG, f"SELECT CONCAT('KILL ', id) FROM information_schema.PROCESSLIST WHERE user = '{ACCOUNT}'"),
}


@dataclass(frozen=True, slots=True)
class Guarded:
    """A source with an account of its own, whose password stands in a file."""

    shapes: Shapes
    side: Side
    secret: Path

    def change_password(self, password: str) -> None:
        """Give the account another password on its server, and end its sessions."""
        kind = self.side.kind
        self.side.run(CHANGED[kind].format(password))
        with self.side.connection() as connection, connection.cursor() as cursor:
            cursor.execute(ENDED[kind])
            for (statement,) in cursor.fetchall() if kind in BINLOG else ():
                cursor.execute(statement)

    def tell_password(self, password: str) -> None:
        """Write it where the service and Connect look for it, in one step."""
        new = self.secret.with_suffix(".new")
        new.write_text(f"password={password}\n")
        new.replace(self.secret)

    def hide_publication(self) -> None:
        """Have the connector's sessions end, and its task fail at each start."""
        self.side.run("ALTER PUBLICATION cdc RENAME TO hidden", ENDED["postgresql"])

    def show_publication(self) -> None:
        """End that."""
        self.side.run("ALTER PUBLICATION hidden RENAME TO cdc")

    def status(self) -> dict[str, Any]:
        """Return what `cdc connectors status` says of the source, and its exit code."""
        done = subprocess.run(
            (sys.executable, "-m", "cdc", "connectors", "status", "--json"),
            env=self.shapes.env,
            capture_output=True,
            text=True,
            check=False,
        )
        return json.loads(done.stdout)[0] | {"exit_code": done.returncode}

    def check(self) -> None:
        """Change the source, and compare it with its mirrors."""
        self.side.run("INSERT INTO part SELECT max(id) + 1, 'later' FROM part")
        self.shapes.check(f"{self.side.name}.part")


@pytest.fixture(params=["gate", "hatch"])
def guarded(request: pytest.FixtureRequest, stack: Stack, tmp_path: Path) -> Iterator[Guarded]:
    """The source, captured."""
    with guard(str(request.param), stack, tmp_path) as made:
        yield made


@contextmanager
def guard(name: str, stack: Stack, tmp_path: Path) -> Iterator[Guarded]:
    """Make a source, and have it captured."""
    side = Side(name, KINDS[name], tuple(TABLES), stack.env)
    secret = Path(stack.env["CDC_LOCAL"]) / "secrets" / "guarded.properties"  # where the stack's Connect may read
    secret.write_text("password=one\n")  # without it Connect forgets no place of a connector
    shapes = make_deployment(tmp_path, stack, "guarded", side)
    drop_account(stack, ACCOUNT)
    made = Guarded(shapes, side, secret)
    side.run(*(f"CREATE TABLE {table} ({columns})" for table, columns in TABLES.items()))
    side.run("INSERT INTO mark VALUES (1, 'none')", "INSERT INTO part VALUES (1, 'first')", *GRANTED[side.kind])
    made.change_password("one")
    prefix = "CDC_MES" if side.kind == "postgresql" else "CDC_ERP"
    file = side.file.replace(f"${{env:{prefix}_DBA_USER}}", ACCOUNT)
    file = file.replace(f"${{env:{prefix}_DBA_PASSWORD}}", f"${{file:{secret}:password}}")
    (tmp_path / "connector-configs" / f"{name}.yaml").write_text(file)
    shapes.deployment.cdc("source", "contract", name)
    shapes.deployment.cdc("target", "apply")
    shapes.deployment.cdc("connectors", "apply")
    yield made
    made.tell_password("one")
    clear(shapes)
    drop_account(stack, ACCOUNT)
    secret.unlink()


@pytest.mark.slow  # a minute each; every day: integration/tls/test_run.py
def test_a_password_is_replaced_and_the_connector_is_told_later(guarded: Guarded) -> None:
    """Its task tries again by itself with what it was started with, and is shown as running: nothing is heard of it."""
    name = guarded.side.name
    with landing(guarded.shapes.deployment):
        guarded.check()
        guarded.change_password("two")
        found = await_(guarded.status, lambda found: found["code"] in ("CON-103", "CON-106"))
        action = catalogue()[found["code"]].action
        assert (found["exit_code"], found["next"]) == (4, action)
        guarded.tell_password("two")
        guarded.shapes.deployment.cdc("connectors", "restart", name)
        guarded.check()


@pytest.mark.slow  # a minute
@pytest.mark.parametrize("guarded", ["gate"], indirect=True)
def test_a_password_is_replaced_and_the_worker_is_told_later(guarded: Guarded) -> None:
    """It lands on, and reads the file at each try; only the catalogue is not read meanwhile."""
    operator = Operator(guarded.shapes, {"SOURCE": guarded.side.name})
    with landing(guarded.shapes.deployment) as worker:
        guarded.check()
        guarded.change_password("two")
        await_event(worker.log, lambda event: event.get("code") == "SRC-113")
        guarded.tell_password("two")
        operator.act("SRC-113", 2)
        guarded.check()
        operator.verify("SRC-113")


WAITS_S = [0.5, 1.0, 2.0, *[4.0] * 7]


@pytest.mark.slow  # a minute
@pytest.mark.parametrize("guarded", ["gate"], indirect=True)
def test_a_task_fails_ten_times_and_then_its_cause_is_mended(guarded: Guarded) -> None:
    """The waits are shorter than those of the command; all else is as it is.

    Nobody lands meanwhile, or changes a row: that a publication was away for a while is something that landing finds.
    """
    with watching(guarded) as watch:
        with landing(guarded.shapes.deployment):
            guarded.check()
        guarded.hide_publication()
        restarts = look_until(watch, lambda restarts: len(restarts) == len(WAITS_S))
        assert [line["next_after_s"] for line in restarts] == WAITS_S
        assert {line["code"] for line in restarts} == {"CON-103"}
        waited = [after["moment"] - before["moment"] for before, after in itertools.pairwise(restarts)]
        # A look takes a while itself, before and after its restart.
        assert all(seconds > 0.8 * least for seconds, least in zip(waited, WAITS_S, strict=False)), waited
        found = await_(guarded.status, lambda found: found["task"] == "failed")
        assert (found["exit_code"], found["code"], found["next"]) == (4, "CON-103", catalogue()["CON-103"].action)
        guarded.show_publication()  # nobody tells the connector: the next restart finds it
        with landing(guarded.shapes.deployment):
            recover(guarded, watch)
            well = time.monotonic() + watch.longest_wait_s + 1
            assert look_until(watch, lambda _: time.monotonic() > well) == []
            assert guarded.status()["code"] is None
        guarded.hide_publication()
        (again,) = look_until(watch, lambda restarts: len(restarts) == 1)
        assert again["next_after_s"] == WAITS_S[0]
        guarded.show_publication()
        with landing(guarded.shapes.deployment):
            recover(guarded, watch)


@pytest.mark.slow  # a minute each
@pytest.mark.parametrize("guarded", ["gate"], indirect=True)
@pytest.mark.parametrize("number", [1, 2])
def test_the_command_tries_again_until_it_helps(guarded: Guarded, number: int) -> None:
    """`cdc connectors watch`, at its own pace; two of them restart it no more often than one."""
    logs = [guarded.shapes.deployment.folder / f"watch-{each}.log" for each in range(number)]
    with landing(guarded.shapes.deployment):
        guarded.check()
    with ExitStack() as watches:
        started = [watches.enter_context(command(guarded, log)) for log in logs]
        guarded.hide_publication()
        restarts = await_(lambda: restarted(*logs), lambda found: len(found) >= 3)
        waits = [(line["code"], line["next_after_s"]) for line in restarts]
        assert waits == [("CON-103", 5.0), ("CON-103", 10.0), ("CON-103", 20.0)]
        guarded.show_publication()
        with landing(guarded.shapes.deployment):
            guarded.check()
        for watch in started:
            watch.terminate()
            assert watch.wait(30) == 0


@contextmanager
def command(guarded: Guarded, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    watch = start(guarded.shapes.env, log, "connectors", "watch")
    try:
        yield watch
    finally:
        watch.kill()
        watch.wait()


@pytest.mark.slow  # a minute each
@pytest.mark.parametrize("guarded", ["gate"], indirect=True)
@pytest.mark.parametrize("repair", ["watch", "apply"])
def test_a_reference_that_cannot_be_read_leaves_a_connector_between_its_states(guarded: Guarded, repair: str) -> None:
    """Connect says of it that it is restarting, and does nothing any more."""
    name = guarded.side.name
    with landing(guarded.shapes.deployment), watching(guarded) as watch:
        guarded.check()
        guarded.secret.unlink()
        restart_tasks(guarded.shapes, name)
        found = await_(guarded.status, lambda found: found["connector"] == "restarting")
        assert (found["exit_code"], found["needs_attention"]) == (4, True)
        assert f"`cdc connectors apply {name}`" in found["next"]
        if repair == "watch":
            await_(lambda: refusal_of(watch), lambda code: code == "CON-118")  # and it goes on to look
        guarded.tell_password("one")
        if repair == "watch":
            recover(guarded, watch)
        else:
            assert guarded.shapes.deployment.cdc("connectors", "apply", name) == f"{name}: restarted\n"
            guarded.check()


def refusal_of(watch: Watch) -> str | None:
    """Return the code with which a look ends, if it does."""
    try:
        watch.look()
    except FatalError as error:
        return error.code
    return None


def recover(guarded: Guarded, watch: Watch) -> None:
    """Have the watch look until a change that is made now has landed; then compare."""
    mark = guarded.side.leave_mark()
    query = f"SELECT text FROM {guarded.side.name}.mark"
    look_until(watch, lambda _: guarded.shapes.query(query) == [(mark,)])
    guarded.check()


@contextmanager
def watching(guarded: Guarded) -> Iterator[Watch]:
    env = guarded.shapes.env
    source = load_sources(guarded.shapes.deployment.folder / "connector-configs")[guarded.side.name]
    kafka = Kafka(env["CDC_KAFKA"])
    with Connect(access.Connect(env["CDC_CONNECT_URL"])) as connect, closing(TopicEnds(kafka)) as ends:
        waits = {"first_wait_s": WAITS_S[0], "longest_wait_s": WAITS_S[-1]}
        yield Watch(source, connect, kafka, ends, **waits)


def look_until(watch: Watch, holds: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """Have the watch look until that holds of the restarts that it did meanwhile; return them, each with its moment."""
    restarts: list[dict[str, Any]] = []
    deadline = time.monotonic() + 180
    while not holds(restarts):
        assert time.monotonic() < deadline, restarts
        with capture_logs() as logs:
            watch.look()
        done = [line for line in logs if line["event"] == "connector_restarted"]
        restarts += [{**line, "moment": time.monotonic()} for line in done]
        time.sleep(0.1)
    return restarts


def restarted(*logs: Path) -> list[dict[str, Any]]:
    """Return what several watches restarted, in its order."""
    found = [event for log in logs for event in events(log) if event["event"] == "connector_restarted"]
    return sorted(found, key=lambda event: str(event["at"]))


def await_(look: Callable[[], Any], holds: Callable[[Any], bool], timeout_s: float = 90) -> Any:
    deadline = time.monotonic() + timeout_s
    while not holds(found := look()):
        assert time.monotonic() < deadline, found
        time.sleep(0.5)
    return found

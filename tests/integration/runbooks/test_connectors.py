"""Commands and connectors that stop with a code: its page is followed beside the running service, to equal mirrors."""

from __future__ import annotations

import base64
import dataclasses
import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdc import access
from cdc.capture.connect import Connect
from cdc.errors import FatalError
from compose.local.stack import Stack
from tests.authority import Authority
from tests.integration.connectors.gateway import FAULT, PAGE, Gateway
from tests.integration.runbook import Operator, commands
from tests.integration.service import start
from tests.integration.shapes.connect import exists, restart_tasks
from tests.integration.shapes.shapes import Shapes
from tests.integration.stream_faults.worker import await_event, events

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # some ten seconds each on an idle machine

_CONNECT = 'connect: {url: "${env:CDC_CONNECT_URL}"}'
WHOLE = ("mill.item", "mill.lot")


@pytest.fixture(scope="module", autouse=True)
def _running(mill: Shapes) -> Iterator[None]:
    with mill.running():
        yield


def test_connect_is_away(mill: Shapes, stack: Stack, operator: Operator) -> None:
    stack.stop(["connect"])
    assert "CON-101" in mill.deployment.cdc("connectors", "status", exit_code=1)
    stack.start(["connect"])
    operator.verify("CON-101")


@pytest.mark.parametrize("answer", [PAGE, FAULT], ids=["another", "fault"])
def test_what_answers_is_not_connect(mill: Shapes, operator: Operator, answer: bytes) -> None:
    with Gateway(mill.env["CDC_CONNECT_URL"]) as gateway:
        other = asking(mill, f"url: '{gateway.url}'")
        gateway.go_wrong(answer)
        assert "CON-105" in other.deployment.cdc("connectors", "status", exit_code=1)
        if answer == PAGE:  # the settings are corrected
            operator.verify("CON-105")
        else:  # the worker is mended
            gateway.go_well()
            dataclasses.replace(operator, shapes=other).verify("CON-105")


def test_connect_is_not_trusted(mill: Shapes, operator: Operator, tmp_path: Path) -> None:
    """Another authority has issued what it shows: it comes beside the old one."""
    old, new = Authority(tmp_path / "old"), Authority(tmp_path / "new")
    shown = new.issue("connect", ("127.0.0.1",))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(shown.certificate, shown.key)
    with Gateway(mill.env["CDC_CONNECT_URL"], tls=tls) as gateway:
        other = asking(mill, f"url: '{gateway.url}', ca: '{old.ca}'")
        assert "CON-110" in other.deployment.cdc("connectors", "status", exit_code=1)
        old.ca.write_bytes(old.ca.read_bytes() + new.ca.read_bytes())
        dataclasses.replace(operator, shapes=other).verify("CON-110")


def test_connect_refuses_the_login(mill: Shapes, operator: Operator, tmp_path: Path) -> None:
    secret = tmp_path / "connect.properties"
    secret.write_text("password=old\n")
    login = f"Basic {base64.b64encode(b'cdc:new').decode()}"
    with Gateway(mill.env["CDC_CONNECT_URL"], login=login) as gateway:
        other = asking(mill, f"url: '{gateway.url}', user: cdc, password: '${{file:{secret}:password}}'")
        assert "CON-111" in other.deployment.cdc("connectors", "status", exit_code=1)
        secret.write_text("password=new\n")
        dataclasses.replace(operator, shapes=other).verify("CON-111")


def test_a_reference_that_leads_to_no_file(mill: Shapes, stack: Stack, operator: Operator) -> None:
    """The worker cannot start the connector again."""
    secret = Path(stack.env["CDC_LOCAL"]) / "secrets" / "mill.properties"  # where the stack's Connect may read
    hidden = secret.with_suffix(".hidden")
    secret.write_text(f"password={stack.env['CDC_MES_DBA_PASSWORD']}\n")
    mill.write_otherwise("mill", "${env:CDC_MES_DBA_PASSWORD}", f"${{file:{secret}:password}}")
    mill.deployment.cdc("connectors", "apply", "mill")
    secret.rename(hidden)
    restart_tasks(mill, "mill")
    for again in ("apply", "restart"):
        assert "CON-118" in mill.deployment.cdc("connectors", again, "mill", exit_code=1)
    hidden.rename(secret)
    operator.act("CON-118", 3)
    holds(mill)
    operator.verify("CON-118")
    mill.write(mill.sides["mill"])
    mill.deployment.cdc("connectors", "apply", "mill")
    secret.unlink()


def test_settings_that_connect_refuses(mill: Shapes, operator: Operator) -> None:
    mill.write_otherwise("mill", "user: ${env:CDC_MES_DBA_USER}", "user: nobody")
    assert "CON-102" in mill.deployment.cdc("connectors", "apply", "mill", exit_code=1)
    mill.write(mill.sides["mill"])
    operator.act("CON-102", 4)
    holds(mill)
    operator.verify("CON-102")


def test_a_connector_that_somebody_deleted(mill: Shapes, operator: Operator) -> None:
    """Connect has its place still: what was committed meanwhile is not lost."""
    before = generations(mill)
    with client(mill) as connect:
        connect.delete("mill")
        # Nor does it tell: a plan can say no more than that it may be so.
        with pytest.raises(FatalError, match="CON-116"):
            connect.has_place("mill")
    assert "or go on, if Kafka Connect has kept its place" in mill.deployment.cdc(
        "connectors", "plan", "mill", exit_code=3
    )
    mill.sides["mill"].run("DELETE FROM lot WHERE id = 1")
    assert "CON-116" in mill.deployment.cdc("connectors", "restart", "mill", exit_code=1)
    operator.act("CON-116", 2)
    holds(mill)
    operator.verify("CON-116")
    assert generations(mill) == before


def test_another_slot(mill: Shapes, operator: Operator) -> None:
    """It would forget its place: a plan is agreed on, or nothing is done."""
    before = generations(mill)
    mill.write(dataclasses.replace(mill.sides["mill"], more=("settings: {slot.name: mill_two}",)))
    assert "CON-180" in mill.deployment.cdc("connectors", "apply", "mill", exit_code=5)
    mill.sides["mill"].run("DELETE FROM lot WHERE id = 2")
    operator.act("CON-180", 3)
    mill.until("SELECT generations FROM cdc.position", [(before + 1,)])
    holds(mill)
    operator.verify("CON-180")
    mill.write(mill.sides["mill"])
    operator.act("CON-180", 3)
    mill.until("SELECT generations FROM cdc.position", [(before + 2,)])
    holds(mill)


def test_the_server_has_another_name(mill: Shapes, operator: Operator) -> None:
    before = generations(mill)
    mill.write_otherwise("mill", "host: 127.0.0.1", "host: localhost")
    assert "CON-180" in mill.deployment.cdc("connectors", "apply", "mill", exit_code=5)
    operator.act("CON-180", 2)
    holds(mill)
    operator.verify("CON-180")
    mill.write(mill.sides["mill"])
    operator.act("CON-180", 2)
    assert generations(mill) == before


def test_a_plan_of_before(mill: Shapes, operator: Operator) -> None:
    plan = str(mill.deployment.folder / "plan.json")
    differs(mill, "4096")
    mill.deployment.cdc("connectors", "plan", "mill", "--out", plan, exit_code=3)
    differs(mill, "1024")
    assert "CON-181" in mill.deployment.cdc("connectors", "apply", plan, exit_code=5)
    operator.act("CON-181", 2)
    holds(mill)
    operator.verify("CON-181")


def test_a_file_that_is_no_plan(mill: Shapes, operator: Operator) -> None:
    differs(mill, "4096")
    assert "CON-182" in mill.deployment.cdc(
        "connectors", "apply", str(mill.deployment.folder / "cdc.yaml"), exit_code=2
    )
    operator.act("CON-182", 2)
    holds(mill)
    operator.verify("CON-182")


def test_changes_that_are_passed_over(mill: Shapes, operator: Operator) -> None:
    before = generations(mill)
    place = json.loads(mill.deployment.cdc("connectors", "offsets", "show", "mill", "--json"))
    for key in ("lsn", "lsn_commit", "lsn_proc"):
        if key in place["offsets"][0]["offset"]:
            place["offsets"][0]["offset"][key] += 1_000_000
    file = mill.deployment.folder / "place.json"
    file.write_text(json.dumps(place))
    go = ("connectors", "offsets", "set", "mill", str(file), "--reason", "a test", "--yes")
    assert "CON-183" in mill.deployment.cdc(*go, exit_code=5)
    mill.sides["mill"].run("DELETE FROM lot WHERE id = 3", "UPDATE item SET n = -1 WHERE id = 3")
    operator.act("CON-183", 2)
    mill.until(f"SELECT generations > {before} FROM cdc.position", [(True,)])
    holds(mill)
    operator.verify("CON-183")


def test_a_file_that_is_no_place(mill: Shapes, operator: Operator) -> None:
    file = mill.deployment.folder / "place.json"
    file.write_text("{}")
    go = ("connectors", "offsets", "set", "mill", str(file), "--reason", "a test", "--yes")
    assert "CON-184" in mill.deployment.cdc(*go, exit_code=2)
    mill.deployment.cdc("connectors", "stop", "mill")
    file.write_text(mill.deployment.cdc(*commands("CON-184", "Confirm")[0].replace("SOURCE", "mill").split()[1:]))
    operator.act("CON-184")
    mill.deployment.cdc("connectors", "resume", "mill")
    holds(mill)
    operator.verify("CON-184")


def test_a_condition_that_is_refused(mill: Shapes, operator: Operator) -> None:
    again = ("connectors", "snapshot", "mill", "public.lot", "--where", "pg_sleep(9) IS NULL")
    assert "CON-185" in mill.deployment.cdc(*again, exit_code=2)
    table(operator, "public.lot").act("CON-185", 2)
    holds(mill)
    operator.verify("CON-185")


def test_a_reading_that_does_not_begin(mill: Shapes, operator: Operator) -> None:
    """It waits for a lock on the catalogue, which the command has read by then; the need is on record."""
    log = mill.deployment.folder / "snapshot.log"
    asked = start(mill.env, log, "connectors", "snapshot", "mill", "public.lot")
    with mill.sides["mill"].connection(autocommit=False) as holder:
        deadline = time.monotonic() + 60
        while not exists(mill, "mill-read"):
            assert time.monotonic() < deadline, log.read_text()
        holder.execute("LOCK TABLE pg_catalog.pg_description IN ACCESS EXCLUSIVE MODE")
        assert asked.wait(180) == 6
    assert "CON-109" in log.read_text()
    operator.act("CON-109", 3)
    holds(mill)
    operator.verify("CON-109")


def test_rows_that_cannot_be_read(mill: Shapes, operator: Operator) -> None:
    """Somebody holds the table, and the source's sessions wait for nobody."""
    side = mill.sides["mill"]
    side.run("ALTER DATABASE mill SET lock_timeout = '1s'")
    with side.connection(autocommit=False) as holder:
        holder.execute("LOCK TABLE lot IN ACCESS EXCLUSIVE MODE")
        assert "CON-107" in mill.deployment.cdc("connectors", "snapshot", "mill", "public.lot", "--watch", exit_code=1)
    side.run("ALTER DATABASE mill RESET lock_timeout")
    operator.act("CON-107", 2)
    holds(mill)
    operator.verify("CON-107")


def test_a_condition_that_the_source_refuses(mill: Shapes, operator: Operator) -> None:
    again = ("connectors", "snapshot", "mill", "public.lot", "--where", "n > 'many'", "--watch")
    assert "CON-107" in mill.deployment.cdc(*again, exit_code=1)
    table(operator, "public.lot").act("CON-107", 3)
    holds(mill)
    operator.verify("CON-107")


def test_some_rows_of_a_table_whose_reading_is_paused(mill: Shapes, operator: Operator) -> None:
    again = ("connectors", "snapshot", "mill")
    with mill.sides["mill"].connection(autocommit=False) as holder:
        holder.execute("LOCK TABLE lot IN ACCESS EXCLUSIVE MODE")
        mill.deployment.cdc(*again, "public.lot")
        mill.deployment.cdc(*again, "--pause")
    assert "CON-190" in mill.deployment.cdc(*again, "public.lot", "--where", "id = 1", exit_code=5)
    operator.act("CON-190", 3)
    holds(mill)
    words = {**operator.words, "TABLE": "public.lot", "CONDITION": "id = 1"}
    dataclasses.replace(operator, words=words).verify("CON-190")
    holds(mill)


def test_a_table_that_has_not_been_read(mill: Shapes, operator: Operator) -> None:
    """It is in the file of a connector that stands still: nothing of it is read yet, and nothing is given up."""
    side = mill.sides["mill"]
    side.run(
        "CREATE TABLE later (id int PRIMARY KEY, n int)",
        "INSERT INTO later VALUES (1, 1), (2, 2)",
        "ALTER PUBLICATION cdc ADD TABLE later",
    )
    mill.sides["mill"] = side = dataclasses.replace(side, tables=(*side.tables, "later"))
    mill.write(dataclasses.replace(side, more=("state: stopped",)))
    for command in (("source", "contract", "mill"), ("target", "apply"), ("connectors", "apply", "mill")):
        mill.deployment.cdc(*command)
    mill.write(side)
    again = ("connectors", "snapshot", "mill", "public.later")
    assert "CON-186" in mill.deployment.cdc(*again, "--where", "id = 1", exit_code=5)
    assert "CON-187" in mill.deployment.cdc(*again, "--cancel", exit_code=5)
    operator.act("CON-187", 1)
    mill.check("mill.later", *WHOLE)
    operator.verify("CON-187")
    table(operator, "public.later").act("CON-186")
    operator.verify("CON-186")


def test_a_table_without_a_key_joins_a_connector_that_runs(mill: Shapes, operator: Operator) -> None:
    side, before = mill.sides["mill"], generations(mill)
    side.run(
        "CREATE TABLE remark (text text)",
        "ALTER TABLE remark REPLICA IDENTITY FULL",
        "INSERT INTO remark VALUES ('same'), ('same')",
        "ALTER PUBLICATION cdc ADD TABLE remark",
    )
    mill.sides["mill"] = side = dataclasses.replace(side, keyless=("remark",))
    mill.write(side)
    mill.deployment.cdc("source", "contract", "mill")
    mill.deployment.cdc("target", "apply")
    assert "CON-113" in mill.deployment.cdc("connectors", "apply", "mill", exit_code=5)
    mill.write(dataclasses.replace(side, more=("state: stopped",)))
    operator.act("CON-113", 3)
    mill.write(side)
    operator.act("CON-113", 4)
    mill.until(f"SELECT generations > {before} FROM cdc.position", [(True,)])
    holds(mill)
    operator.verify("CON-113")
    assert mill.query("SELECT text, _count FROM mill.remark") == [("same", 2)]


def test_a_table_that_is_captured_already(mill: Shapes, operator: Operator) -> None:
    assert "SRC-354" in mill.deployment.cdc("connectors", "add-table", "mill", "lot", exit_code=1)
    table(operator, "public.lot").act("SRC-354", 1)
    holds(mill)
    operator.verify("SRC-354")


def test_a_second_connector_on_the_slot_is_taken_away_as_the_plan_says(mill: Shapes) -> None:
    """It gets nothing, and no file says anything of it: the slot stays where it is."""
    with client(mill) as connect:
        own = connect.config("mill") or {}
        other = {"name": "twin", "topic.prefix": "twin", "snapshot.mode": "no_data", "heartbeat.interval.ms": "0"}
        connect.create("twin", {**own, **other}, "running")
    told = mill.deployment.cdc("connectors", "plan", exit_code=3)
    (way,) = (line.partition("`cdc ")[2].partition("`")[0] for line in told.splitlines() if line.startswith("twin: "))
    holds(mill)
    mill.deployment.cdc(*way.split(), "--yes-stop", "--yes-offsets", "--yes-connector")
    mill.deployment.cdc("connectors", "plan")
    assert "SRC-103" in mill.deployment.cdc(*way.split(), exit_code=2)
    holds(mill)


def test_a_snapshot_that_finds_the_slot_of_the_one_before(mill: Shapes, operator: Operator) -> None:
    """Somebody has Kafka Connect forget the place, by hand; `cdc run` begins again, and nobody has to act."""
    side, before, log = mill.sides["mill"], generations(mill), mill.deployment.folder / "run.log"
    known = len(events(log))
    with client(mill) as connect:
        connect.forget("mill")
        side.run("DELETE FROM lot WHERE id = (SELECT min(id) FROM lot)")
        connect.move("mill", "running")
    await_event(log, lambda event: event.get("code") == "CON-114", since=known)
    mill.until(f"SELECT generations > {before} FROM cdc.position", [(True,)])
    holds(mill)
    operator.verify("CON-114")


def holds(mill: Shapes) -> None:
    """Change the source once more and compare."""
    mill.sides["mill"].run("UPDATE item SET n = n + 1 WHERE id = 1")
    mill.check(*WHOLE)


def asking(mill: Shapes, entries: str) -> Shapes:
    """Return the deployment with other settings for Kafka Connect; the service goes on with its own."""
    usual, other = (mill.deployment.folder / name for name in ("cdc.yaml", "other.yaml"))
    text = usual.read_text()
    assert _CONNECT in text
    other.write_text(text.replace(_CONNECT, f"connect: {{{entries}}}"))
    env = {**mill.deployment.env, "CDC_CONFIG": str(other)}
    return dataclasses.replace(mill, deployment=dataclasses.replace(mill.deployment, env=env))


def differs(mill: Shapes, size: str) -> None:
    """Give the connector a setting by hand."""
    with client(mill) as connect:
        config = connect.config("mill") or {}
        connect.configure("mill", {**config, "max.batch.size": size})


def client(mill: Shapes) -> Connect:
    return Connect(access.Connect(mill.env["CDC_CONNECT_URL"]))


def table(operator: Operator, name: str) -> Operator:
    return dataclasses.replace(operator, words={**operator.words, "TABLE": name})


def generations(mill: Shapes) -> Any:
    ((count,),) = mill.query("SELECT generations FROM cdc.position")
    return count

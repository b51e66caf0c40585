"""What a DBA does to sources and connectors while the applications work, also when Connect dies in the middle of it.

Nothing is lost, doubled or torn; or the service stops with its code, and the code's page, followed, has it so again.
"""

from __future__ import annotations

import dataclasses
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event

import httpx
import pytest

from cdc import access
from cdc.access import Kafka
from cdc.capture.connect import Connect
from cdc.capture.reading import Reading
from cdc.capture.source import load_sources
from compose.local.stack import Stack
from tests.beside import beside
from tests.faults.capture.application import BALLAST, at_work, lose_ballast
from tests.faults.capture.deployment import BOTH, Captured
from tests.faults.capture.test_capture import LOADED_S, kill, landed, moved
from tests.integration.runbook import Operator
from tests.integration.service import CDC, start
from tests.integration.shapes.side import Side

# A minute each, on an idle machine.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SHOWN = {"north": "public.", "south": ""}
# Rows of a table that is added.
PALLETS = 5000
CAPTURED_AGAIN = "SELECT generations > 1 AND snapshot_position IS NULL FROM cdc.position WHERE source = '{}'"
# A row in ten that the mirror lacks; none of them is one that `lose_ballast` takes away.
LOST = "DELETE FROM {name}.tx WHERE id < 0 AND id % 10 = 0"
# A transaction of Kafka's for every few rows: a snapshot is still under way when a command has been given.
SLOWLY = "settings: {max.batch.size: 20}"
WEIGHED = "SELECT count(*) FROM south.tx WHERE w = 1.52002767::real"


@pytest.mark.parametrize("name", BOTH)
def test_a_table_is_read_again_while_it_is_written_to(captured: Captured, name: str) -> None:
    """Rows that its mirror lacks come back, those that the source deletes meanwhile do not."""
    table = f"{SHOWN[name]}tx"
    with loaded(captured):
        with at_work(*captured.sides.values()):
            lose(captured, name)
            some = f"id < -{BALLAST // 2}"
            captured.deployment.cdc("connectors", "snapshot", name, table, "--where", some, "--watch")
            back = f"SELECT {some}, count(*) FROM {name}.tx WHERE id < 0 AND mod(id, 10) = 0 GROUP BY 1"
            captured.service.until(back, [(True, BALLAST // 20)])
            with beside(partial(losing, captured, name)):
                captured.deployment.cdc("connectors", "snapshot", name, table, "--watch")
        captured.require_in_order()


@pytest.mark.parametrize("name", BOTH)
def test_what_a_table_missed_is_found_while_it_is_written_to(captured: Captured, name: str) -> None:
    """It was not captured for a while: to read it alone would leave rows that are gone. A code says what to do."""
    operator, table = Operator(captured.service, {"SOURCE": name}), {"north": "public.lot", "south": "claim"}[name]
    again = ("connectors", "snapshot", name, table)
    with loaded(captured):
        pass
    with at_work(*captured.sides.values()):
        with uncaptured(captured, name):
            time.sleep(3)
            captured.sides[name].run(f"DELETE FROM {table.removeprefix('public.')} WHERE id % 3 = 0")
        with captured.replicating(*BOTH):
            # PostgreSQL's connector says nothing of it: landing finds it in the catalogue.
            captured.until(lambda: captured.deployment.exit_code(*again) == 5, "refused", LOADED_S)
            assert "CON-108" in captured.deployment.cdc(*again, exit_code=5)
            operator.act("CON-108", 2)
            captured.service.until(CAPTURED_AGAIN.format(name), [(True,)], timeout_s=LOADED_S)
            operator.verify("CON-108")
    with captured.replicating():
        captured.require_in_order()


@pytest.mark.parametrize("name", BOTH)
def test_connect_is_killed_while_a_table_is_read_again(captured: Captured, whole_stack: Stack, name: str) -> None:
    again = ("connectors", "snapshot", name, f"{SHOWN[name]}tx", "--watch")
    with loaded(captured):
        with at_work(*captured.sides.values()):
            lose(captured, name)
            read = captured.snapshot(name).read()
            before = read.rows
            with commanded(captured, *again) as command:
                captured.until(lambda: read.read().rows > before, "in the reading", LOADED_S)
                kill(whole_stack, "connect")
                assert read.read().rows < before + BALLAST
                lose_ballast(captured.sides[name], 7)
                whole_stack.start(["connect"])
                command.wait(180)
            captured.deployment.cdc(*again)
        captured.require_in_order()


@pytest.mark.parametrize("name", BOTH)
def test_connect_is_killed_when_an_added_table_is_handed_over(
    captured: Captured, whole_stack: Stack, name: str
) -> None:
    """The reader has read the last row of it, and is there still; the connector has its changes already."""
    side, added = captured.sides[name], ("connectors", "add-table", name, f"{SHOWN[name]}pallet", "--apply")
    with loaded(captured):
        add_pallet(side)
        if name == "north":
            side.run("ALTER PUBLICATION cdc ADD TABLE pallet")
        with at_work(*captured.sides.values()), beside(partial(moving, side)):
            with commanded(captured, *added) as command:
                captured.until(lambda: was_read(captured, name, "pallet"), "read", LOADED_S)
                kill(whole_stack, "connect")
                whole_stack.start(["connect"])
                command.wait(180)
            captured.deployment.cdc(*added)
            captured.until(lambda: unread(captured, name) == [], "read", LOADED_S)
        captured.sides[name] = dataclasses.replace(side, tables=(*side.tables, "pallet"))
        captured.require_in_order()


@pytest.mark.parametrize("name", BOTH)
def test_connect_is_killed_under_a_plan(captured: Captured, whole_stack: Stack, name: str) -> None:
    """While it streams, and is given other settings."""
    file = str(captured.deployment.folder / "plan.json")
    with loaded(captured):
        with at_work(*captured.sides.values()):
            captured.service.write(dataclasses.replace(captured.sides[name], more=("settings: {max.batch.size: 512}",)))
            captured.deployment.cdc("connectors", "plan", name, "--out", file, exit_code=3)
            with commanded(captured, "connectors", "apply", file) as command:
                captured.until(lambda: batch_size(captured, name) == "512", "applied", LOADED_S)
                kill(whole_stack, "connect")
                whole_stack.start(["connect"])
                command.wait(180)
            captured.deployment.cdc("connectors", "apply", file)
            before = landed(captured)
            captured.until(lambda: moved(captured, before, 50), "changes landed")
        captured.require_in_order()


def test_a_snapshot_that_is_started_again_in_its_middle_selects_what_came_since(captured: Captured) -> None:
    """Kafka Connect began it by selects of before a column came; of that MariaDB prints six digits."""
    side = captured.sides["south"]
    with loaded(captured):
        side.run("ALTER TABLE tx ADD COLUMN w float", "UPDATE tx SET w = 1.52002767")
        captured.service.until(WEIGHED, [(BALLAST,)], timeout_s=LOADED_S)
        captured.service.write(dataclasses.replace(side, more=(SLOWLY,)))
        captured.deployment.cdc("connectors", "apply", "south")
        read = captured.snapshot("south").read()
        before = read.rows
        begin_by_connect(captured, "south")
        captured.until(lambda: read.read().rows > before, "in the snapshot", LOADED_S)
        assert "restarted" in captured.deployment.cdc("connectors", "restart", "south")
        assert captured.in_snapshot("south")
        captured.until(captured.is_loaded, "loaded", LOADED_S)
        captured.service.until(CAPTURED_AGAIN.format("south"), [(True,)])
        captured.service.until(WEIGHED, [(BALLAST,)])
        side.run("ALTER TABLE tx DROP COLUMN w")  # the comparison below would print six digits of it
        captured.require_in_order()


@pytest.mark.parametrize("name", BOTH)
def test_a_column_is_dropped_and_one_renamed_while_the_table_is_written_to(captured: Captured, name: str) -> None:
    """What is dropped is followed; of what was renamed nobody knows the old rows' values, so the service stops."""
    side, operator = captured.sides[name], Operator(captured.service, {"SOURCE": name})
    with loaded(captured):
        with at_work(*captured.sides.values()):
            side.run("ALTER TABLE shelf ADD COLUMN a int DEFAULT 1", "ALTER TABLE shelf ADD COLUMN b int DEFAULT 2")
            captured.service.until(f"SELECT DISTINCT a, b FROM {name}.shelf", [(1, 2)])
            side.run("ALTER TABLE shelf DROP COLUMN a")
            before = landed(captured)
            captured.until(lambda: moved(captured, before, 50), "changes landed")
        captured.require_in_order()
    with at_work(*captured.sides.values()):
        said = stopped_by(captured, name, "ALTER TABLE shelf RENAME COLUMN b TO c")
        assert "TGT-113 " in said
        with operator.doing("TGT-113", 3):
            captured.service.until(CAPTURED_AGAIN.format(name), [(True,)], timeout_s=LOADED_S)
            operator.verify("TGT-113", timeout_s=LOADED_S)
    with captured.service.running():
        captured.require_alike()
    captured.deployment.cdc("audit", "verify")
    captured.deployment.cdc("ledger", "check")


@contextmanager
def loaded(captured: Captured) -> Iterator[None]:
    """`cdc run`, from the first snapshots on."""
    with captured.replicating():
        captured.capture()
        captured.until(captured.is_loaded, "loaded", LOADED_S)
        yield


@contextmanager
def commanded(captured: Captured, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Give a command, beside which something happens; it may fail of that, and ends with the block."""
    with (captured.deployment.folder / "command.log").open("ab") as output:
        process = subprocess.Popen((CDC, *arguments), env=captured.deployment.env, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def uncaptured(captured: Captured, name: str) -> Iterator[None]:
    """Have a table not captured for a while: not published, or not in the connector file."""
    side = captured.sides[name]
    if name == "north":
        side.run("ALTER PUBLICATION cdc DROP TABLE lot")
        yield
        side.run("ALTER PUBLICATION cdc ADD TABLE lot")
        return
    captured.service.write(dataclasses.replace(side, tables=tuple(one for one in side.tables if one != "claim")))
    assert "CON-180" in captured.deployment.cdc("connectors", "apply", name, exit_code=5)
    file = str(captured.deployment.folder / "lost.json")
    captured.deployment.cdc("connectors", "plan", name, "--out", file, exit_code=3)
    captured.deployment.cdc("connectors", "apply", file)
    yield
    captured.service.write(side)
    assert "CON-108" in captured.deployment.cdc("connectors", "apply", name, exit_code=5)


def begin_by_connect(captured: Captured, name: str) -> None:
    """Have a connector forget its place and begin, by the interface of Kafka Connect alone."""
    captured.deployment.cdc("connectors", "stop", name)
    url = f"{captured.deployment.env['CDC_CONNECT_URL']}/connectors/{name}"
    for method, what in (("DELETE", "offsets"), ("PUT", "resume")):
        httpx.request(method, f"{url}/{what}", timeout=60, trust_env=False).raise_for_status()


def lose(captured: Captured, name: str) -> None:
    """Take rows from a mirror, as somebody who may."""
    with captured.deployment.target() as target:
        target.execute(LOST.format(name=name).encode())


def losing(captured: Captured, name: str, enough: Event) -> None:
    """Delete rows of the source, some at a time."""
    for rest in range(1, 10):
        lose_ballast(captured.sides[name], rest)
        if enough.wait(0.2):
            return


def add_pallet(side: Side) -> None:
    """Make one more table, with rows."""
    side.run(
        "CREATE TABLE pallet (id int PRIMARY KEY, n int)",
        f"INSERT INTO pallet SELECT n, 0 FROM {side.numbers(PALLETS)}",
    )


def moving(side: Side, enough: Event) -> None:
    """Change rows of the added table, delete some and bring others."""
    number = 0
    while not enough.wait(0.02):
        number += 1
        side.commit(
            f"UPDATE pallet SET n = n + 1 WHERE id % 500 = {number % 500}",
            f"DELETE FROM pallet WHERE id = {number}",
            f"INSERT INTO pallet VALUES ({PALLETS + number}, {number})",
        )


def stopped_by(captured: Captured, name: str, statement: str) -> str:
    """Run the service, and a statement in a source once it lands; return what it said at its end."""
    log = captured.deployment.folder / "stopped.log"
    process = start(captured.deployment.env, log, "run")
    before = landed(captured)
    try:
        await_(lambda: moved(captured, before, 20), process)
        captured.sides[name].run(statement)
        assert process.wait(90) == 1, log.read_text()[-2000:]
    finally:
        process.kill()
    return log.read_text()


def await_(wanted: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while not wanted():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)


def reading(captured: Captured, name: str) -> Reading:
    source = load_sources(captured.deployment.folder / "connector-configs")[name]
    return Reading(source, Kafka(captured.deployment.env["CDC_KAFKA"]))


def was_read(captured: Captured, name: str, table: str) -> bool:
    """Whether it is on record that a table has been read."""
    found = reading(captured, name)
    shown = f"public.{table}" if name == "north" else f"{name}.{table}"
    return shown in found.fold().known() and found.fold().unread([shown]) == []


def unread(captured: Captured, name: str) -> list[str]:
    return [state.table for state in reading(captured, name).unread()]


def batch_size(captured: Captured, name: str) -> str | None:
    """Return the setting that the plan changes, as Connect has it."""
    with Connect(access.Connect(captured.deployment.env["CDC_CONNECT_URL"])) as client:
        return (client.config(name) or {}).get("max.batch.size")

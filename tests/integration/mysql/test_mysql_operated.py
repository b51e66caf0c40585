"""A MySQL source while applications write to it, as a DBA and bad luck have it: nothing is lost, doubled or different.

Or the service stops with a code, and the page of the code, followed, has it so again. The cases are those of MariaDB.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from cdc.access import Kafka
from cdc.capture.connector import DDL_FILTER
from cdc.capture.reading import Reading
from cdc.capture.source import load_sources
from compose.local.env import process_environment
from compose.local.stack import Stack
from tests.beside import beside
from tests.faults.capture.application import BALLAST, TABLES, at_work, lose_ballast, make_tables
from tests.faults.capture.deployment import Snapshot, read_stream
from tests.faults.capture.test_operated import CAPTURED_AGAIN, add_pallet, moving
from tests.integration.connectors import test_failing as failing
from tests.integration.onboard import test_onboard as onboard
from tests.integration.runbook import Operator
from tests.integration.runbooks import test_lost_place as lost_place
from tests.integration.service import start
from tests.integration.shapes.connect import resume
from tests.integration.shapes.shapes import Shapes, clear, make_deployment
from tests.integration.shapes.side import Side
from tests.integration.shapes.tables import FRESH, SNAPSHOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # a minute each, on an idle machine

NAME = "south"
WHOLE = tuple(f"{NAME}.{table}" for table in TABLES[NAME])
LOADED_S = 240


@pytest.fixture
def works(env: dict[str, str], mysql_stack: Stack, tmp_path: Path) -> Iterator[Shapes]:
    """A source with rows in it; its connector is not started yet."""
    side = Side(NAME, "mysql", ("mark", *TABLES[NAME]), process_environment(env))
    made = make_deployment(tmp_path, mysql_stack, "works", side)
    side.run("CREATE TABLE mark (id int PRIMARY KEY, text varchar(99))", SNAPSHOT[0])
    make_tables(side)
    made.deployment.cdc("source", "contract", NAME)
    made.deployment.cdc("target", "apply")
    made.apply_stopped(NAME)
    yield made
    clear(made)


@pytest.fixture
def fresh(env: dict[str, str], mysql_stack: Stack, tmp_path: Path) -> Iterator[Shapes]:
    """As the fixture of that name for the other products: `shed`, with tables; no connector yet."""
    shed = Side("shed", "mysql", tuple(FRESH), process_environment(env))
    made = make_deployment(tmp_path, mysql_stack, "fresh", shed)
    shed.run(*(f"CREATE TABLE {name} ({columns})" for name, columns in FRESH.items()), SNAPSHOT[0])
    yield made
    clear(made)


def test_connect_is_killed_during_the_snapshot(works: Shapes, stack: Stack) -> None:
    """Rows that were read by then and are deleted before it reads again do not stay."""
    side = works.sides[NAME]
    with works.running(), looking(works) as snapshot:
        with at_work(side):
            resume(works, NAME)
            await_(lambda: snapshot.read().rows > 0)
            stack.services()["connect"].daemon().kill()
            read = snapshot.read().rows
            assert not snapshot.is_over
            lose_ballast(side, 7)
            stack.start(["connect"])
            await_loaded(works)
        works.check(*WHOLE)
        assert snapshot.read().rows > max(read, BALLAST)  # it began again, or this shows nothing


def test_connect_is_killed_when_snapshot_becomes_stream(works: Shapes, stack: Stack) -> None:
    with works.running(), looking(works) as snapshot:
        with at_work(works.sides[NAME]):
            resume(works, NAME)
            await_(lambda: snapshot.read().is_over)
            kill(stack)
            await_loaded(works)
        works.check(*WHOLE)


def test_connect_is_killed_while_it_streams(works: Shapes, stack: Stack) -> None:
    """Three times, each a while after it has begun to send again."""
    with loaded(works):
        with at_work(works.sides[NAME]):
            for _ in range(3):
                await_landed(works, 100)
                kill(stack)
            await_landed(works, 100)
        works.check(*WHOLE)


def test_a_table_is_added_and_no_other_is_read_again(works: Shapes) -> None:
    side = works.sides[NAME]
    with loaded(works):
        add_pallet(side)
        before = read_rows(works)
        assert before["tx"] >= BALLAST
        with at_work(side), beside(partial(moving, side)):
            works.deployment.cdc("connectors", "add-table", NAME, "pallet", "--apply")
            await_(lambda: unread(works) == [])
        works.sides[NAME] = dataclasses.replace(side, tables=(*side.tables, "pallet"))
        works.check(*WHOLE, f"{NAME}.pallet")
        after = read_rows(works)
        assert {table for table in after if after[table] != before[table]} == {"pallet"}
        assert works.query("SELECT generations FROM cdc.position") == [(1,)]


def test_a_column_is_dropped_and_one_renamed_while_the_table_is_written_to(works: Shapes) -> None:
    """What is dropped is followed; of what was renamed nobody knows the old rows' values, so the service stops."""
    side, operator = works.sides[NAME], Operator(works, {"SOURCE": NAME})
    with loaded(works):
        with at_work(side):
            side.run("ALTER TABLE shelf ADD COLUMN a int DEFAULT 1", "ALTER TABLE shelf ADD COLUMN b int DEFAULT 2")
            works.until(f"SELECT DISTINCT a, b FROM {NAME}.shelf", [(1, 2)])
            side.run("ALTER TABLE shelf DROP COLUMN a")
            await_landed(works, 50)
        works.check(*WHOLE)
    with at_work(side):
        assert "TGT-113 " in stopped_by(works, "ALTER TABLE shelf RENAME COLUMN b TO c")
        with operator.doing("TGT-113", 3):
            works.until(CAPTURED_AGAIN.format(NAME), [(True,)], timeout_s=LOADED_S)
            operator.verify("TGT-113", timeout_s=LOADED_S)
    with works.running():
        works.check(*WHOLE)
    works.deployment.cdc("audit", "verify")
    works.deployment.cdc("ledger", "check")


def test_a_statement_that_the_connector_does_not_know_is_passed_over_or_read_past(works: Shapes) -> None:
    """Of a table that is not captured the file names it; of a captured one a new snapshot reads what came of it."""
    side = works.sides[NAME]
    with loaded(works):
        side.run("CREATE TABLE pages (id int PRIMARY KEY, url int)")
        await_(lambda: is_stopped_by_parser(works))
        works.write(dataclasses.replace(side, more=(f"settings: {{{DDL_FILTER}: CREATE TABLE pages .*}}",)))
        works.deployment.cdc("connectors", "apply", NAME)
        works.check(*WHOLE)
        side.run("ALTER TABLE shelf ADD url int", "UPDATE shelf SET url = 7", "DELETE FROM cart WHERE id = 1")
        await_(lambda: is_stopped_by_parser(works))
        works.deployment.cdc("connectors", "reload", NAME, "--yes")
        works.until(f"SELECT DISTINCT url FROM {NAME}.shelf", [(7,)])
        works.check(*WHOLE)
        assert works.query("SELECT generations FROM cdc.position") == [(2,)]


def is_stopped_by_parser(works: Shapes) -> bool:
    """Whether the task has failed of it."""
    (found,) = json.loads(works.status())
    failure = found["failure"]
    return found["task"] == "failed" and ("ParsingException" in failure or "org.antlr" in failure)


def test_the_log_is_purged_while_the_connector_is_stopped(fresh: Shapes) -> None:
    lost_place.test_it_stops_and_its_page_repairs_it(fresh, "shed", lost_place.purge)


def test_the_password_is_replaced(mysql_stack: Stack, tmp_path: Path) -> None:
    with failing.guard("wicket", mysql_stack, tmp_path) as guarded:
        failing.test_a_password_is_replaced_and_the_connector_is_told_later(guarded)


def test_init_ends_in_mirrors_that_are_the_source(env: dict[str, str], mysql_stack: Stack, tmp_path: Path) -> None:
    side = Side("sheds3", "mysql", ("none",), process_environment(env))
    with onboard.made_of(side, mysql_stack, tmp_path) as shapes:
        onboard.test_init_ends_in_mirrors_that_are_the_source(shapes)


@contextmanager
def loaded(works: Shapes) -> Iterator[None]:
    """`cdc run`, from the first snapshot on."""
    with works.running():
        resume(works, NAME)
        await_loaded(works)
        yield


def await_loaded(works: Shapes) -> None:
    """Wait until the first snapshot has landed, and none is begun again."""
    closed = "SELECT generations > 0 AND snapshot_position IS NULL FROM cdc.position"
    works.until(closed, [(True,)], timeout_s=LOADED_S)
    await_(lambda: unread(works) == [])


def await_landed(works: Shapes, transactions: int) -> None:
    """Wait until as many more of the application's transactions have landed."""
    ((before,),) = works.query(f"SELECT coalesce(max(id), 0) FROM {NAME}.tx")
    works.until(f"SELECT max(id) >= {before + transactions} FROM {NAME}.tx", [(True,)])


def kill(stack: Stack) -> None:
    """SIGKILL Connect, and start it again."""
    stack.services()["connect"].daemon().kill()
    stack.start(["connect"])


@contextmanager
def looking(works: Shapes) -> Iterator[Snapshot]:
    """Look into the stream."""
    with closing(Snapshot(works.env["CDC_KAFKA"], NAME)) as snapshot:
        yield snapshot


def read_rows(works: Shapes) -> Counter[str]:
    """Return how many rows of each table snapshots have brought so far."""
    ((end,),) = works.query("SELECT next_offset FROM cdc.position")
    records = read_stream(works.env["CDC_KAFKA"], NAME, end)
    values = (json.loads(record.value) for record in records if record.value)
    return Counter(value["source"]["table"] for value in values if value.get("op") == "r")


def unread(works: Shapes) -> list[str]:
    """Return the tables of which not all rows have been read."""
    source = load_sources(works.deployment.folder / "connector-configs")[NAME]
    return [state.table for state in Reading(source, Kafka(works.env["CDC_KAFKA"])).unread()]


def stopped_by(works: Shapes, statement: str) -> str:
    """Run the service, and a statement in the source once it lands; return what it said at its end."""
    log = works.deployment.folder / "stopped.log"
    process = start(works.env, log, "run")
    try:
        await_landed(works, 20)
        works.sides[NAME].run(statement)
        assert process.wait(90) == 1, log.read_text()[-2000:]
    finally:
        process.kill()
        process.wait()
    return log.read_text()


def await_(holds: Callable[[], bool], timeout_s: float = 90) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)

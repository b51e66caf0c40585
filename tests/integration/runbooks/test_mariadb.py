"""What a MariaDB server or a table of it may become while everything runs: landing stops, and its page has it go on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from compose.local.env import process_environment
from compose.local.stack import Stack
from tests.integration.runbook import Operator
from tests.integration.runbooks.test_sources import stopped_by
from tests.integration.shapes.shapes import Shapes, clear, make_deployment
from tests.integration.shapes.side import Side
from tests.integration.stream_faults.worker import await_event, events

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # some twenty seconds each on an idle machine

TABLES = ("mark", "item", "lot")
# What the stream tells of, and what leaves the table as it is: landing reads the catalogue.
LOOK = "ALTER TABLE lot COMMENT 'looked at {}'"


@pytest.fixture(scope="module")
def forge(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shapes]:
    """The deployment, up to its first snapshot; the service does not run."""
    side = Side("forge", "mariadb", TABLES, process_environment(stack.env))
    made = make_deployment(tmp_path_factory.mktemp("forge"), stack, "forge", side)
    side.run(
        "CREATE TABLE mark (id int PRIMARY KEY, text varchar(99))",
        *(f"CREATE TABLE {table} (id int PRIMARY KEY, n int)" for table in TABLES[1:]),
        "INSERT INTO mark VALUES (1, 'none')",
        *(f"INSERT INTO {table} SELECT seq, seq FROM seq_1_to_20" for table in TABLES[1:]),
    )
    made.deployment.cdc("source", "contract", "forge")
    made.deployment.cdc("connectors", "apply")
    made.deployment.cdc("target", "apply")
    with made.running():
        made.check("forge.item")
    yield made
    side.run("SET GLOBAL binlog_row_image = FULL", "DROP DATABASE IF EXISTS elsewhere")
    clear(made)


@pytest.fixture
def operator(forge: Shapes) -> Operator:
    """Who follows the pages there."""
    return Operator(forge, {"SOURCE": "forge"})


@pytest.mark.parametrize(
    ("code", "statements", "repairs", "steps"),
    [
        (
            "SRC-125",
            ["SET GLOBAL binlog_row_image = MINIMAL", LOOK.format("SRC-125")],
            ["SET GLOBAL binlog_row_image = FULL"],
            [2],
        ),
        (
            "SRC-126",
            # It was there before anybody captured: at the statement the connector would stop, and read no further.
            [
                "SET sql_log_bin = 0",
                "CREATE DATABASE elsewhere",
                "CREATE TABLE elsewhere.other (a text COMPRESSED)",
                "SET sql_log_bin = 1",
                LOOK.format("SRC-126"),
            ],
            ["ALTER TABLE elsewhere.other MODIFY a text"],
            [3, 4],
        ),
        (
            "SRC-203",
            ["ALTER TABLE lot ADD COLUMN name varchar(9) CHARACTER SET sjis"],
            ["ALTER TABLE lot MODIFY name varchar(9) CHARACTER SET utf8mb4"],
            [3],
        ),
    ],
)
def test_the_server_or_a_table_is_another_one(
    forge: Shapes, operator: Operator, code: str, statements: list[str], repairs: list[str], steps: list[int]
) -> None:
    side = forge.sides["forge"]
    assert f"{code} " in stopped_by(forge, *statements)
    side.run(*repairs)  # a setting counts for sessions that begin behind it
    side.run("UPDATE item SET n = n + 1 WHERE id = 1", "DELETE FROM lot ORDER BY id LIMIT 1")
    with operator.doing(code, *steps):
        forge.check("forge.item", "forge.lot")
        operator.verify(code)


def test_a_connector_that_runs_and_says_nothing(forge: Shapes, stack: Stack, operator: Operator) -> None:
    """It lost its server without noticing: `cdc run` starts it again, and nothing is lost."""
    log = forge.deployment.folder / "run.log"
    with forge.running():
        forge.check("forge.item")
        known = len(events(log))
        stack.stop(["erp"])
        stack.start(["erp"])
        forge.sides["forge"].run("UPDATE item SET n = n + 1 WHERE id = 2", "DELETE FROM lot ORDER BY id LIMIT 1")
        found = await_event(log, lambda event: event["event"] == "connector_restarted", since=known)
        assert found["code"] == "CON-106"
        forge.check("forge.item", "forge.lot")
        operator.verify("CON-106")


def test_zero_dates_that_mean_no_date(forge: Shapes, operator: Operator) -> None:
    side = forge.sides["forge"]
    assert "SRC-206 " in stopped_by(forge, "ALTER TABLE lot ADD COLUMN made date")
    side.run("UPDATE lot SET made = '2024-02-29' WHERE id = 12")
    forge.sides["forge"] = Side(side.name, side.kind, side.tables, side.env, ("zero_dates: as_null",))
    forge.write(forge.sides["forge"])
    with operator.doing("SRC-206", 4):
        forge.check("forge.item", "forge.lot")
        operator.verify("SRC-206")

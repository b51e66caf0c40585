"""What is done to a source while everything runs: the service stops with a code, and its page has it run again."""

from __future__ import annotations

import dataclasses
import re
import shlex
import time

import pytest

from cdc import runbook
from compose.local.stack import Stack
from tests.integration.runbook import Operator, commands
from tests.integration.service import start
from tests.integration.shapes.shapes import Shapes
from tests.integration.shapes.side import Side

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # some twenty seconds each on an idle machine

LONG = "x" * 62
ODD = f"with_{LONG[:58]}"


@pytest.mark.parametrize(
    ("code", "statements", "repairs", "steps"),
    [
        ("SRC-121", ["ALTER TABLE lot REPLICA IDENTITY NOTHING"], ["ALTER TABLE lot REPLICA IDENTITY DEFAULT"], [3]),
        (
            "SRC-124",
            ["CREATE TYPE grade AS ENUM ('a', 'b')", "CREATE DOMAIN graded AS grade"],
            ["DROP DOMAIN graded"],
            [2, 3],
        ),
        ("SRC-201", ["ALTER TABLE lot ADD COLUMN place regclass"], ["ALTER TABLE lot DROP COLUMN place"], [3]),
        ("SRC-202", ["ALTER TABLE lot ADD COLUMN shift timetz"], ["ALTER TABLE lot DROP COLUMN shift"], [3]),
        ("SRC-129", ["CREATE TABLE part () INHERITS (lot)"], ["ALTER TABLE part NO INHERIT lot"], [3]),
        (
            "SRC-128",
            ["ALTER TABLE lot DROP CONSTRAINT lot_pkey, ADD span interval DEFAULT '1 day', ADD PRIMARY KEY (span, id)"],
            ["ALTER TABLE lot DROP span, ADD PRIMARY KEY (id)"],
            [3],
        ),
        ("SRC-204", ['ALTER TABLE lot ADD COLUMN "_offset" int'], ['ALTER TABLE lot RENAME "_offset" TO nudge'], [3]),
    ],
)
def test_the_catalogue_is_another_one(
    mill: Shapes, operator: Operator, code: str, statements: list[str], repairs: list[str], steps: list[int]
) -> None:
    side = mill.sides["mill"]
    assert f"{code} " in stopped_by(mill, *statements)
    side.run("UPDATE item SET n = n + 1 WHERE id = 1", *repairs, "DELETE FROM lot WHERE id = (SELECT min(id) FROM lot)")
    with operator.doing(code, *steps):
        mill.check("mill.item", "mill.lot")
        operator.verify(code)


def test_a_long_value_that_an_update_leaves_alone(mill: Shapes, operator: Operator) -> None:
    """The statement is the page's own; that of a column that is gone again takes the table's identity back."""
    side = mill.sides["mill"]
    assert "SRC-205 " in stopped_by(mill, "ALTER TABLE lot ADD COLUMN readings numeric(9,2)[]")
    (statement,) = re.findall(r"```sql\n *(.*)\n", runbook.read("SRC-205").parts["Act"])
    side.run(statement.replace("orders", "lot"), "UPDATE lot SET readings = '{1,2}' WHERE id = 12")
    with operator.doing("SRC-205", 3):
        mill.check("mill.item", "mill.lot")
        operator.verify("SRC-205")


def test_a_table_that_is_not_published_for_a_while(mill: Shapes, operator: Operator) -> None:
    """What it missed is found by a snapshot of the whole source: the page's last step leads to that of CON-108."""
    side = mill.sides["mill"]
    assert "SRC-123 " in stopped_by(mill, "ALTER PUBLICATION cdc DROP TABLE lot")
    side.run("DELETE FROM lot WHERE id = 11", "INSERT INTO lot VALUES (101, 1)", "ALTER PUBLICATION cdc ADD TABLE lot")
    with operator.doing("SRC-123", 2):
        side.run("UPDATE lot SET n = 7 WHERE id = 12")
        mill.until("SELECT n FROM mill.lot WHERE id = 12", [(7,)])
        mill.until("SELECT count(*) FROM mill.lot WHERE id IN (11, 101)", [(1,)])
        assert "CON-108" in mill.deployment.cdc("connectors", "apply", "mill", exit_code=5)
        operator.act("CON-108", 2)
        mill.until("SELECT count(*) FROM mill.lot WHERE id = 11", [(0,)])
        mill.check("mill.item", "mill.lot")
        operator.verify("CON-108")
        operator.verify("SRC-123")


def test_a_connector_file_that_is_not_usable(mill: Shapes, operator: Operator) -> None:
    file = mill.deployment.folder / "connector-configs" / "mill.yaml"
    file.write_text(file.read_text() + "tabels: [public.lot]\n")
    assert "SRC-101" in mill.deployment.cdc("run", exit_code=2)
    mill.write(mill.sides["mill"])
    with operator.doing("SRC-101", 3):
        mill.check("mill.item")
        operator.verify("SRC-101")


def test_a_contract_that_is_damaged(mill: Shapes, operator: Operator) -> None:
    file = mill.deployment.folder / "connector-configs" / "contracts" / "mill" / "lot.yaml"
    file.write_text(file.read_text().replace("columns:", "colums:"))
    assert "SRC-102" in mill.deployment.cdc("target", "apply", exit_code=2)
    operator.act("SRC-102", 1)
    with operator.doing("SRC-102", 3):
        mill.check("mill.item")
        operator.verify("SRC-102")


@pytest.mark.parametrize(
    ("code", "said", "step"),
    [
        ("SRC-122", "key: [number]", 3),
        ("SRC-127", "without: [number]", 4),
        ("SRC-127", "without: [id]", 4),
        ("SRC-130", "tokens: {n: people}", 3),
    ],
)
def test_what_is_said_of_a_column_cannot_be(mill: Shapes, operator: Operator, code: str, said: str, step: int) -> None:
    mill.write_otherwise("mill", "public.lot", f"{{table: public.lot, {said}}}")
    assert code in mill.deployment.cdc("source", "contract", "mill", exit_code=2)
    mill.write(mill.sides["mill"])
    with operator.doing(code, step):
        mill.check("mill.lot")
        operator.verify(code)


def test_a_column_is_left_out_and_the_contract_does_not_say_so(mill: Shapes, operator: Operator) -> None:
    side = mill.sides["mill"]
    side.run("ALTER TABLE lot ADD COLUMN note text")
    operator.act("SRC-105", 1)
    with mill.running():
        mill.check("mill.item")
    mill.write_otherwise("mill", "public.lot", "{table: public.lot, without: [note]}")
    assert "SRC-105" in mill.deployment.cdc("connectors", "apply", "mill", exit_code=1)
    operator.act("SRC-105", 1)
    mill.deployment.cdc("connectors", "apply", "mill")
    with mill.running():
        side.run("UPDATE lot SET note = 'nobody sees it' WHERE id = 12")
        mill.check("mill.item")
        operator.verify("SRC-105")
    assert mill.query("SELECT FROM information_schema.columns WHERE table_name = 'lot' AND column_name = 'note'") == []
    side.run("ALTER TABLE lot DROP COLUMN note")
    mill.write(side)
    operator.act("SRC-105", 1)
    with mill.running():
        mill.deployment.cdc("connectors", "apply", "mill")
        mill.check("mill.lot")


def test_a_name_that_is_no_source(mill: Shapes, operator: Operator) -> None:
    """Misspelt; and its file was taken away, and is put back."""
    assert "SRC-103" in mill.deployment.cdc("connectors", "apply", "Mill", exit_code=2)
    file = mill.deployment.folder / "connector-configs" / "mill.yaml"
    file.unlink()
    assert "SRC-103" in mill.deployment.cdc("connectors", "status", "mill", exit_code=2)
    mill.write(mill.sides["mill"])
    with operator.doing("SRC-103", 2):
        mill.check("mill.item")
        operator.verify("SRC-103")


def test_a_table_that_is_named_otherwise(mill: Shapes, operator: Operator) -> None:
    assert "SRC-104" in mill.deployment.cdc("connectors", "snapshot", "mill", "lot", exit_code=1)
    with mill.running():
        dataclasses.replace(operator, words={**operator.words, "TABLE": "public.lot"}).act("SRC-104", 1)
        mill.check("mill.lot")
        operator.verify("SRC-104")


def test_a_server_that_offers_no_encryption(mill: Shapes, operator: Operator) -> None:
    side = mill.sides["mill"]
    mill.write(dataclasses.replace(side, more=("tls: {mode: require}",)))
    assert "SRC-112" in mill.deployment.cdc("source", "contract", "mill", "--check", exit_code=1)
    mill.write(side)  # nobody else is on this network
    operator.act("SRC-112", 4)
    with mill.running():
        mill.check("mill.item")
        operator.verify("SRC-112")


def test_the_server_is_away(mill: Shapes, stack: Stack, operator: Operator) -> None:
    with mill.running():
        stack.stop(["mes"])
        assert "SRC-110" in mill.deployment.cdc("source", "contract", "mill", "--check", exit_code=1)
        stack.start(["mes"])
        mill.check("mill.item", "mill.lot")
        operator.verify("SRC-110")


def test_a_login_that_is_refused(mill: Shapes, operator: Operator) -> None:
    side = mill.sides["mill"]
    mill.write_otherwise("mill", "CDC_MES_DBA_PASSWORD", "CDC_ERP_DBA_PASSWORD")
    assert "SRC-111" in mill.deployment.cdc("source", "contract", "mill", "--check", exit_code=1)
    mill.write(side)
    with operator.doing("SRC-101", 3):
        operator.verify("SRC-111")


def test_a_table_that_is_dropped_for_good(mill: Shapes, operator: Operator) -> None:
    side = mill.sides["mill"]
    assert "SRC-120 " in stopped_by(mill, "DROP TABLE lot")
    mill.sides["mill"] = dataclasses.replace(side, tables=tuple(one for one in side.tables if one != "lot"))
    mill.write(mill.sides["mill"])
    side.run("DELETE FROM item WHERE id = 20")
    with operator.doing("SRC-120", 2):
        mill.check("mill.item")
        operator.verify("SRC-120")


def test_a_source_is_taken_off_before_all_of_it_has_landed(mill: Shapes, operator: Operator) -> None:
    """The connector has gone by then: what it had sent is what is left to land."""
    side = mill.sides["mill"]
    side.run("UPDATE item SET n = n + 1")
    await_sent(side)
    (command,) = commands("CON-170", "Verify")
    remove = shlex.split(command.replace("SOURCE", "mill"))[1:]
    remove += ["--yes-stop", "--yes-offsets", "--yes-connector", "--yes-topics"]
    assert "CON-170" in mill.deployment.cdc(*remove, exit_code=5)
    with operator.doing("CON-170", 1):
        mill.until("SELECT id, n FROM mill.item ORDER BY id", sorted(side.rows("item")))
    # The slot is the DBA's to drop.
    assert re.search(r"^topics\s+done", mill.deployment.cdc(*remove, exit_code=4), re.MULTILINE)


def await_sent(side: Side) -> None:
    """Wait until the connector has confirmed what is in the log by now."""
    deadline = time.monotonic() + 60
    with side.connection() as connection, connection.cursor() as cursor:
        (end,) = cursor.execute("SELECT pg_current_wal_lsn()::text").fetchone()
        query = "SELECT confirmed_flush_lsn > %s::pg_lsn FROM pg_replication_slots WHERE slot_name = %s"
        while cursor.execute(query, (end, f"cdc_{side.name}")).fetchone() != (True,):
            assert time.monotonic() < deadline
            time.sleep(0.2)


def stopped_by(shapes: Shapes, *statements: str) -> str:
    """Run the service, and statements in its one source once it lands; return what it said at its end."""
    log = shapes.deployment.folder / "stopped.log"
    log.unlink(missing_ok=True)
    (side,) = shapes.sides.values()
    process = start(shapes.env, log, "run")
    try:
        shapes.check(f"{side.name}.item")
        side.run(*statements)
        assert process.wait(60) == 1, log.read_text()[-2000:]
    finally:
        process.kill()
    return log.read_text()

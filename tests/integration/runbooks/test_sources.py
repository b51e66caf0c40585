"""What is done to a source while everything runs: the service stops with a code, and its page has it run again."""

from __future__ import annotations

import dataclasses

import pytest

from compose.local.stack import Stack
from tests.integration.runbook import Operator
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
        ("SRC-202", ["ALTER TABLE lot ADD COLUMN shift timetz"], ["ALTER TABLE lot DROP COLUMN shift"], [3]),
        ("SRC-129", ["CREATE TABLE part () INHERITS (lot)"], ["ALTER TABLE part NO INHERIT lot"], [3]),
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


def test_a_key_that_is_not_usable(mill: Shapes, operator: Operator) -> None:
    file = mill.deployment.folder / "connector-configs" / "mill.yaml"
    file.write_text(file.read_text().replace("public.lot", "{table: public.lot, key: [number]}"))
    assert "SRC-122" in mill.deployment.cdc("source", "contract", "mill", exit_code=2)
    mill.write(mill.sides["mill"])
    with operator.doing("SRC-122", 3):
        mill.check("mill.lot")
        operator.verify("SRC-122")


def test_the_server_is_away(mill: Shapes, stack: Stack, operator: Operator) -> None:
    with mill.running():
        stack.stop(["mes"])
        assert "SRC-110" in mill.deployment.cdc("source", "contract", "mill", "--check", exit_code=1)
        stack.start(["mes"])
        mill.check("mill.item", "mill.lot")
        operator.verify("SRC-110")


def test_a_login_that_is_refused(mill: Shapes, operator: Operator) -> None:
    side = mill.sides["mill"]
    (mill.deployment.folder / "connector-configs" / "mill.yaml").write_text(
        side.file.replace("CDC_MES_DBA_PASSWORD", "CDC_ERP_DBA_PASSWORD")
    )
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


def stopped_by(mill: Shapes, *statements: str) -> str:
    """Run the service, and statements in the source once it lands; return what it said at its end."""
    log = mill.deployment.folder / "stopped.log"
    log.unlink(missing_ok=True)
    process = start(mill.env, log, "run")
    try:
        mill.check("mill.item")
        side: Side = mill.sides["mill"]
        side.run(*statements)
        assert process.wait(60) == 1, log.read_text()[-2000:]
    finally:
        process.kill()
    return log.read_text()

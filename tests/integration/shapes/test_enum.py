"""A value that is added to an enumerated type of PostgreSQL while the connector runs.

Debezium 3.7 takes the columns of a table anew then, generated ones among them, which the log does not have, and reads
what the log sends for the next rows by their places.
"""

from __future__ import annotations

import dataclasses

import pytest

from tests.integration.runbook import Operator
from tests.integration.shapes.shapes import Shapes
from tests.integration.shapes.test_way_out import stopped

TABLE = (
    "CREATE TYPE mood AS ENUM ('sad')",
    "CREATE TABLE felt (id int PRIMARY KEY, {} b text, c text, m mood)",
    "ALTER PUBLICATION cdc ADD TABLE felt",
    "INSERT INTO felt (id, b, c, m) VALUES (1, 'b', 'c', 'sad')",
)
ADDED = ("ALTER TYPE mood ADD VALUE 'glad'",)
ROWS = (
    "INSERT INTO felt (id, b, c, m) VALUES (2, 'b', 'c', 'glad')",
    "INSERT INTO felt (id, b, c, m) VALUES (3, 'd', 'e', 'glad')",
    "UPDATE felt SET m = 'glad' WHERE id = 1",
)
HELD = "SELECT id, b, c, m FROM yard.felt ORDER BY id"


@pytest.mark.timeout(300)
def test_it_arrives(fresh: Shapes) -> None:
    capture(fresh, "")
    with fresh.running():
        fresh.check("yard.felt")
        fresh.sides["yard"].run(*ADDED)
        fresh.sides["yard"].run(*ROWS)
        fresh.check("yard.felt")


@pytest.mark.timeout(300)
def test_beside_a_generated_column_no_value_lands_in_another_column(fresh: Shapes) -> None:
    capture(fresh, "g text GENERATED ALWAYS AS (upper(id::text)) STORED,")
    with fresh.running():
        fresh.check("yard.one")
    fresh.sides["yard"].run(*ADDED)
    fresh.sides["yard"].run(*ROWS)
    assert "LND-112 " in stopped(fresh)
    assert fresh.query(HELD) == [(1, "b", "c", "sad")]
    with Operator(fresh, {"SOURCE": "yard"}).doing("LND-112", 1):
        fresh.check("yard.one")
        assert fresh.query(HELD) == [(1, "b", "c", "glad"), (2, "b", "c", "glad"), (3, "d", "e", "glad")]


def capture(fresh: Shapes, generated: str) -> None:
    """Have a table captured that has a column of an enumerated type, and what is generated before the others."""
    side = fresh.keep_only("yard")
    side.run(*(statement.format(generated) for statement in TABLE))
    fresh.sides["yard"] = side = dataclasses.replace(side, tables=(*side.tables, "felt"))
    fresh.write(side)
    fresh.apply("yard")

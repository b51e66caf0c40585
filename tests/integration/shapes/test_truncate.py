"""TRUNCATE: a barrier among folded changes, alone, with rows, of a table that canonical rows refer to, and last."""

from __future__ import annotations

import pytest

from tests.integration.shapes.shapes import Shapes

BOTH = ["hall", "depot"]


@pytest.mark.parametrize("name", BOTH)
def test_nothing_is_folded_across_it(shapes: Shapes, name: str) -> None:
    side = shapes.sides[name]
    side.run("INSERT INTO emptied VALUES (1, 1), (2, 2), (3, 3)")
    side.commit(
        "UPDATE emptied SET n = 10 WHERE id = 1",
        "INSERT INTO emptied VALUES (4, 4)",
        "DELETE FROM emptied WHERE id = 2",
        "TRUNCATE TABLE emptied",
        "INSERT INTO emptied VALUES (1, 11), (2, 12), (5, 5)",
        "UPDATE emptied SET n = 13 WHERE id = 2",
        "TRUNCATE TABLE emptied",
        "INSERT INTO emptied VALUES (2, 22), (4, 44)",
    )
    shapes.check(f"{name}.emptied")
    assert len(side.rows("emptied")) == 2
    gone = shapes.query(f"SELECT id, n FROM {name}_deleted.emptied ORDER BY id")
    assert gone == [(1, 11), (3, 3), (5, 5)]


@pytest.mark.parametrize("name", BOTH)
def test_it_lands_though_nothing_follows(shapes: Shapes, name: str) -> None:
    """Of MariaDB's there is no END: a heartbeat has to close it."""
    side = shapes.sides[name]
    side.run("INSERT INTO emptied VALUES (9, 9)")
    shapes.check(f"{name}.emptied")
    side.run("TRUNCATE TABLE emptied")
    shapes.until(f"SELECT count(*) FROM {name}.emptied", [(0,)])


def test_a_table_that_canonical_rows_refer_to(shapes: Shapes) -> None:
    side = shapes.sides["hall"]
    side.run(
        "INSERT INTO part VALUES ('P-1', 1), ('P-2', 1)", "INSERT INTO piece VALUES (1, 'P-1'), (2, 'P-1'), (3, 'P-2')"
    )
    pieces = "SELECT piece_id, part_id FROM trace.piece ORDER BY 1"
    held = "SELECT DISTINCT mapping, code FROM cdc.held ORDER BY 1, 2"
    shapes.until(pieces, [("1", "P-1"), ("2", "P-1"), ("3", "P-2")])
    side.commit("TRUNCATE TABLE part", "INSERT INTO part VALUES ('P-2', 2)")
    shapes.until(pieces, [("3", "P-2")])
    assert shapes.query("SELECT part_id FROM trace.part") == [("P-2",)]
    assert shapes.query(held) == [("hall.piece", "REF-301")]
    side.run("TRUNCATE TABLE part")
    shapes.until(pieces, [])
    side.run("INSERT INTO part VALUES ('P-1', 3), ('P-2', 3)")
    shapes.until(pieces, [("1", "P-1"), ("2", "P-1"), ("3", "P-2")])
    assert shapes.query(held) == []
    shapes.check("hall.part", "hall.piece")

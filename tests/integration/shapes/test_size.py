"""Transactions of every size at once: ten thousand tiny ones, long ones that run beside each other."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.integration.shapes.shapes import Shapes
from tests.integration.shapes.side import Side

TINY = {
    "hall": """
        CREATE PROCEDURE tiny() LANGUAGE plpgsql AS $$
        BEGIN FOR n IN 1..10000 LOOP
            INSERT INTO tiny VALUES (n % 997, n) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n; COMMIT;
        END LOOP; END $$""",
    "depot": """
        CREATE PROCEDURE tiny() BEGIN
            FOR n IN 1..10000 DO
                INSERT INTO tiny VALUES (n % 997, n) ON DUPLICATE KEY UPDATE n = VALUES(n); COMMIT;
            END FOR; END""",
}
PIECES = 5
ROWS = 1500


@pytest.mark.parametrize("name", ["hall", "depot"])
def test_ten_thousand_tiny_transactions(shapes: Shapes, name: str) -> None:
    side = shapes.sides[name]
    before = units(shapes, name)
    side.run(TINY[name], "CALL tiny()")
    shapes.check(f"{name}.tiny")
    assert len(side.rows("tiny")) == 997
    assert units(shapes, name) - before >= 10_000


@pytest.mark.parametrize("name", ["hall", "depot"])
def test_long_transactions_that_run_beside_each_other(shapes: Shapes, name: str) -> None:
    """Each comes whole, in the order of the commits: the first that began is the last that lands."""
    side = shapes.sides[name]
    with ExitStack() as open_at_once:
        connections = [open_at_once.enter_context(side.connection(autocommit=False)) for _ in range(3)]
        for piece in range(PIECES):
            for number, connection in enumerate(connections):
                first = (number * PIECES + piece) * ROWS
                with connection.cursor() as cursor:
                    cursor.execute(inserts(side, first))
        for connection in reversed(connections):
            connection.commit()
    shapes.check(f"{name}.lengthy")
    offsets = shapes.query(f"SELECT id / {PIECES * ROWS}, min(_offset), max(_offset) FROM {name}.lengthy GROUP BY 1")
    (first, second, third) = [(lowest, highest) for _, lowest, highest in sorted(offsets)]
    assert third < second < first
    assert third[1] < second[0]
    assert second[1] < first[0]


def inserts(side: Side, first: int) -> str:
    """Return a statement that inserts some thousand rows."""
    if side.kind == "postgresql":
        return f"INSERT INTO lengthy SELECT n, 0 FROM generate_series({first}, {first + ROWS - 1}) n"
    return f"INSERT INTO lengthy SELECT seq, 0 FROM seq_{first}_to_{first + ROWS - 1}"


def units(shapes: Shapes, name: str) -> int:
    ((count,),) = shapes.query(f"SELECT coalesce(sum(units), 0)::int FROM cdc.batch WHERE stream = 'cdc.{name}'")
    return int(count)

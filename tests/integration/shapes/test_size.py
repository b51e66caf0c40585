"""Transactions of every size at once: ten thousand tiny ones, long ones that run beside each other."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest

from tests.integration.process import peak_mib
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


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["hall", "depot"])
def test_a_transaction_of_a_million_rows(shapes: Shapes, name: str) -> None:
    """It lands whole, without being held in memory: its records are more than 500 MiB."""
    (worker,) = shapes.workers("land")
    commit_at_once(shapes, name, 0, 100_000)
    before = peak_mib(worker)
    commit_at_once(shapes, name, 100_000, 1_100_000)
    assert peak_mib(worker) - before < 128


def commit_at_once(shapes: Shapes, name: str, above: int, up_to: int) -> None:
    """Insert rows, change a part of them, and wait until all of them are there: before, there may be none of them."""
    side = shapes.sides[name]
    rows = f"generate_series(1, {up_to - above}) n" if name == "hall" else f"seq_1_to_{up_to - above}"
    number = "n" if name == "hall" else "CAST(seq AS signed)"
    side.commit(
        f"INSERT INTO lengthy SELECT -{above} - {number}, 1 FROM {rows}", "UPDATE lengthy SET n = 2 WHERE id % 9 = 0"
    )
    count = f"SELECT count(*) FROM {name}.lengthy WHERE id < -{above}"
    seen = set()
    while (found := shapes.query(count)) != [(up_to - above,)]:
        seen.update(found)
        shapes.until("SELECT 1", [(1,)])  # whoever runs has to go on running
        time.sleep(1)
    assert seen <= {(0,)}
    shapes.check(f"{name}.lengthy")


def inserts(side: Side, first: int) -> str:
    """Return a statement that inserts some thousand rows."""
    if side.kind == "postgresql":
        return f"INSERT INTO lengthy SELECT n, 0 FROM generate_series({first}, {first + ROWS - 1}) n"
    return f"INSERT INTO lengthy SELECT seq, 0 FROM seq_{first}_to_{first + ROWS - 1}"


def units(shapes: Shapes, name: str) -> int:
    ((count,),) = shapes.query(f"SELECT coalesce(sum(units), 0)::int FROM cdc.batch WHERE stream = 'cdc.{name}'")
    return int(count)

"""First snapshots that are interrupted, twice, while rows are deleted: no ghost of an earlier attempt stays.

Nor is a row of a table without a key, which is read first, counted as often as it was read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.shapes.connect import await_rows, restart_tasks, resume
from tests.integration.shapes.shapes import Shapes

NAMES = ("yard", "shed")
# An idle machine reads thirty thousand in a second, and takes up to six to start a connector again: it must not be
# through by then.
ROWS = 400_000
FILL = {
    "yard": f"INSERT INTO big SELECT n, 0, repeat(md5(n::text), 5) FROM generate_series(1, {ROWS}) n",
    "shed": f"INSERT INTO big SELECT seq, 0, repeat(md5(seq), 5) FROM seq_1_to_{ROWS}",
}
# Each row a hundred times. The first interruption comes while they are read, the second one behind them, whatever the
# first attempt has still sent.
ALIKE = 12_000
INTERRUPTIONS = (3000, 2 * ALIKE + 20_000)
_PATIENCE_S = 300
FILL_ALIKE = {
    "yard": f"INSERT INTO log SELECT n % {ALIKE // 100}, 'x' FROM generate_series(1, {ALIKE}) n",
    "shed": f"INSERT INTO log SELECT seq % {ALIKE // 100}, 'x' FROM seq_1_to_{ALIKE}",
}


def add_keyless(fresh: Shapes, name: str) -> None:
    """Make a table without a key, and have it captured."""
    side = dataclasses.replace(fresh.sides[name], keyless=("log",))
    side.run("CREATE TABLE log (a int, note varchar(9))", FILL_ALIKE[name])
    if side.kind == "postgresql":
        side.run("ALTER TABLE log REPLICA IDENTITY FULL", "ALTER PUBLICATION cdc ADD TABLE log")
    fresh.sides[name] = side
    fresh.write(side)


def counts(fresh: Shapes, name: str) -> Iterator[dict[tuple[Any, ...], int]]:
    """Yield how often each row is there, in the source and by its mirror."""
    with fresh.sides[name].connection() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT a, note, count(*) FROM log GROUP BY a, note")
        yield {tuple(row): count for *row, count in cursor.fetchall()}
    yield {tuple(row): count for *row, count in fresh.query(f"SELECT a, note, _count FROM {name}.log")}


def interrupt_twice(fresh: Shapes, name: str) -> None:
    """Start a connector; twice, while its rows come, start it again and change what it has read already."""
    resume(fresh, name)
    for attempt, rows in enumerate(INTERRUPTIONS):
        await_rows(fresh, rows, name)
        restart_tasks(fresh, name)
        fresh.sides[name].run(
            f"DELETE FROM big WHERE id % 100 = {attempt}",
            f"INSERT INTO big VALUES ({-attempt}, 1, 'came later')",
            f"UPDATE big SET id = id + {ROWS} WHERE id % 100 = {50 + attempt}",
            f"DELETE FROM log WHERE a = {attempt}",
            f"UPDATE log SET note = 'y' WHERE a = {5 + attempt}",
            "INSERT INTO log VALUES (7, 'x'), (7, 'x'), (NULL, 'x')",
        )


@pytest.mark.slow  # CI has `tests/faults/capture`: Connect is killed during the snapshot
@pytest.mark.timeout(600)
def test_a_first_snapshot_that_is_interrupted_twice(fresh: Shapes) -> None:
    for name in NAMES:
        add_keyless(fresh, name)
        fresh.sides[name].run(FILL[name], "INSERT INTO one VALUES (1, 1)")
        fresh.deployment.cdc("source", "contract", name)
    fresh.deployment.cdc("target", "apply")
    fresh.apply_stopped(*NAMES)
    with fresh.running():
        with ThreadPoolExecutor(2) as both:
            list(both.map(lambda name: interrupt_twice(fresh, name), NAMES))
        fresh.until("SELECT count(*) FROM cdc.position WHERE generations = 1", [(2,)], _PATIENCE_S)
        fresh.check(*(f"{name}.{table}" for name in NAMES for table in ("big", "one", "none")))
        for name in NAMES:
            held, found = counts(fresh, name)
            assert found == held
            # They began again, or this shows nothing.
            for table, rows in (("big", ROWS), ("log", ALIKE)):
                ((read,),) = fresh.query(
                    f"SELECT sum(t.landed + t.superseded) FROM cdc.batch_table t WHERE t.mirror = '{name}.{table}'"
                )
                assert read > rows + 3000, table

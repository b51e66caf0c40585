"""First snapshots that are interrupted, twice, while rows are deleted: no ghost of an earlier attempt stays."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.integration.shapes.connect import await_rows, restart_tasks, resume
from tests.integration.shapes.shapes import Shapes

NAMES = ("yard", "shed")
# An idle machine reads ten thousand in a second, and takes some seconds to start a connector again: it must not be
# through by then.
ROWS = 120_000
FILL = {
    "yard": f"INSERT INTO big SELECT n, 0, repeat(md5(n::text), 5) FROM generate_series(1, {ROWS}) n",
    "shed": f"INSERT INTO big SELECT seq, 0, repeat(md5(seq), 5) FROM seq_1_to_{ROWS}",
}


def interrupt_twice(fresh: Shapes, name: str) -> None:
    """Start a connector; twice, while its rows come, start it again and change what it has read already."""
    resume(fresh, name)
    for attempt in range(2):
        await_rows(fresh, 4000, name)
        restart_tasks(fresh, name)
        fresh.sides[name].run(
            f"DELETE FROM big WHERE id % 100 = {attempt}",
            f"INSERT INTO big VALUES ({-attempt}, 1, 'came later')",
            f"UPDATE big SET id = id + {ROWS} WHERE id % 100 = {50 + attempt}",
        )


def test_a_first_snapshot_that_is_interrupted_twice(fresh: Shapes) -> None:
    for name in NAMES:
        fresh.sides[name].run(FILL[name], "INSERT INTO one VALUES (1, 1)")
        fresh.deployment.cdc("source", "contract", name)
    fresh.deployment.cdc("target", "apply")
    fresh.apply_stopped(*NAMES)
    with fresh.running():
        with ThreadPoolExecutor(2) as both:
            list(both.map(lambda name: interrupt_twice(fresh, name), NAMES))
        fresh.until("SELECT count(*) FROM cdc.position WHERE generations = 1", [(2,)])
        fresh.check(*(f"{name}.{table}" for name in NAMES for table in ("big", "one", "none")))
        # They began again, or this shows nothing.
        for name in NAMES:
            ((read,),) = fresh.query(
                f"SELECT sum(t.landed + t.superseded) FROM cdc.batch_table t WHERE t.mirror = '{name}.big'"
            )
            assert read > ROWS + 3000

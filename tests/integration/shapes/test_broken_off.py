"""Connect stops in the middle of transactions, with exactly-once on and off: what comes again is known as such."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest

from compose.local.stack import Stack
from tests.integration.shapes.connect import await_rows, kill, offsets, restart_tasks, set_offsets, without_transactions
from tests.integration.shapes.shapes import Shapes
from tests.integration.shapes.side import Side

ROWS = 30_000
BOTH = ("hall", "depot")


def work(side: Side, first: int) -> None:
    """One long transaction of inserts, updates that leave a long value out, and deletes."""
    source = (
        f"SELECT n, 0, md5(n::text) FROM generate_series({first}, {first + ROWS - 1}) n"
        if side.kind == "postgresql"
        else f"SELECT seq, 0, md5(seq) FROM seq_{first}_to_{first + ROWS - 1}"
    )
    side.commit(
        f"INSERT INTO broken_off {source}",
        f"UPDATE broken_off SET n = n + 1 WHERE id % 7 = 0 AND id >= {first}",
        f"DELETE FROM broken_off WHERE id % 11 = 0 AND id >= {first}",
    )


def work_on(side: Side, transactions: Iterable[int]) -> None:
    """Several of them, one after the other."""
    for first in transactions:
        work(side, first)


def fates(shapes: Shapes, name: str, fate: str) -> int:
    ((count,),) = shapes.query(f"SELECT coalesce(sum({fate}), 0)::int FROM cdc.batch WHERE stream = 'cdc.{name}'")
    return int(count)


@pytest.mark.parametrize("how", ["restart", pytest.param("kill", marks=pytest.mark.slow)])
def test_tasks_are_started_again_and_the_worker_is_killed(shapes: Shapes, stack: Stack, how: str) -> None:
    first = {"restart": 0, "kill": 500_000}[how]
    with ThreadPoolExecutor(2) as both:
        # Enough of it that some is still to come when the tasks have begun again, however long that takes.
        transactions = range(first, first + {"restart": 1, "kill": 2}[how] * ROWS, ROWS)
        done = [both.submit(work_on, shapes.sides[name], transactions) for name in BOTH]
        await_rows(shapes, 3000, *BOTH)
        restart_tasks(shapes, *BOTH)
        if how == "kill":
            await_rows(shapes, 3000, *BOTH)
            kill(stack)
        for job in done:
            job.result()
    shapes.check("hall.broken_off", "depot.broken_off")


@pytest.mark.slow  # Connect is stopped, started, killed, started and stopped again
@pytest.mark.parametrize("how", ["restart", "kill"])
def test_the_same_without_transactions_of_kafka(shapes: Shapes, stack: Stack, how: str) -> None:
    first = {"restart": 1_000_000, "kill": 2_000_000}[how]
    before = {name: fates(shapes, name, "replayed") for name in BOTH}
    with without_transactions(stack) as worker, ThreadPoolExecutor(2) as both:
        done = [both.submit(work, shapes.sides[name], first) for name in BOTH]
        await_rows(shapes, 5000, *BOTH)
        if how == "restart":
            restart_tasks(shapes, *BOTH)
        else:
            worker.daemon().kill()
            time.sleep(1)
            worker.daemon().start()
        for job in done:
            job.result()
        shapes.check("hall.broken_off", "depot.broken_off")
    if how == "kill":
        assert all(fates(shapes, name, "replayed") > before[name] for name in BOTH)


def test_whole_transactions_come_again(shapes: Shapes) -> None:
    """The connector is put back to where it was: all that it has sent since is sent a second time."""
    side = shapes.sides["depot"]
    shapes.check("depot.repeated")
    stored = offsets(shapes, "depot")
    side.run(*(f"INSERT INTO repeated VALUES ({n}, {n})" for n in range(20)))
    side.commit("UPDATE repeated SET n = n + 1", "DELETE FROM repeated WHERE id > 15")
    side.run("INSERT INTO repeated VALUES (99, 0)", "UPDATE repeated SET id = 100 WHERE id = 99")
    shapes.check("depot.repeated")
    rows = "SELECT id, n, _offset FROM depot.repeated ORDER BY 1"
    before, landed = fates(shapes, "depot", "replayed"), shapes.query(rows)
    set_offsets(shapes, "depot", stored)
    shapes.check("depot.repeated")
    assert fates(shapes, "depot", "replayed") - before >= 20 + 16 + 4 + 3
    assert shapes.query(rows) == landed

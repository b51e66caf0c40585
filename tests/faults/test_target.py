"""The target fails: it crashes in the middle of transactions, takes no writes, is full, or others stand in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import psycopg
import pytest

from compose.local.stack import Stack
from tests.faults.cell import Cell
from tests.faults.conftest import administer
from tests.faults.worker import Worker, until
from tests.integration.service import connect

MOMENTS = ["W6:2", "D4:2"]
MORE_MOMENTS = [
    "W4:2",
    "D7:2",
    "W3:2",
    "W5:2",
    "W8:2",
    "W13:3",
    "W15:3",
    "W16:1",
    "D1:1",
    "D2:2",
    "D3:2",
    "D5:2",
    "D6:2",
    "D8:2",
    "D9:1",
]


@pytest.fixture(autouse=True)
def _target_comes_back(stack: Stack) -> Iterator[None]:
    """Also when a test has failed half-way."""
    yield
    stack.start(["target"])


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_target_crashes(moment: str, stack: Stack, new_cell: Callable[..., Cell]) -> None:
    crash_at(moment, stack, new_cell())


@pytest.mark.slow
@pytest.mark.parametrize("moment", MORE_MOMENTS)
def test_the_target_crashes_at_other_moments(moment: str, stack: Stack, new_cell: Callable[..., Cell]) -> None:
    crash_at(moment, stack, new_cell(seed=2))


def crash_at(moment: str, stack: Stack, cell: Cell) -> None:
    """Freeze a worker where it hurts, so that the moment is the right one."""
    start, other = (cell.land, cell.derive) if moment.startswith("W") else (cell.derive, cell.land)
    beside = other()
    with cell.retries() if moment.startswith("D") else nullcontext():
        victim = start(crash=f"{moment}:STOP")
        until(victim.is_frozen, "frozen")
    stack.services()["target"].daemon().kill()
    victim.thaw()
    until(lambda: "TGT-101" in victim.said() and "TGT-101" in beside.said(), "noticed")
    stack.start(["target"])
    cell.require_recovery(victim, beside)


def test_the_target_takes_no_writes_for_a_while(new_cell: Callable[..., Cell]) -> None:
    cell = new_cell()
    workers = [cell.land(), cell.derive()]
    until(lambda: cell.has_landed(2), "batches")
    with cell.retries():
        administer(cell.deployment, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
        # Who has something to write says so; a derive worker that has caught up has nothing while nothing lands.
        until(lambda: any("TGT-123" in worker.said() for worker in workers), "noticed")
        writable = "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE"
        administer(
            cell.deployment, writable, "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"
        )
    cell.require_recovery(*workers)


def test_a_deadlock(new_cell: Callable[..., Cell]) -> None:
    """Somebody has a mirror and wants the position that landing has, which wants the mirror."""
    cell = new_cell()
    # Whoever looks first gives way: landing, but not before the other one has come to wait for it.
    database = cell.deployment.env["CDC_TARGET_DATABASE"]
    administer(cell.deployment, f"ALTER DATABASE {database} SET deadlock_timeout = '5s'")
    workers: list[Worker] = []
    while not workers or "40P01" not in workers[0].said():
        with rival(cell) as other:
            other.execute("SET deadlock_timeout = '1min'")
            other.execute("LOCK TABLE north.tx, south.tx IN SHARE ROW EXCLUSIVE MODE")
            workers = workers or [cell.land(), cell.derive()]
            until(lambda: cell.query("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted") == [(True,)], "waiting")
            other.execute("SELECT FROM cdc.position FOR UPDATE")
    cell.require_recovery(*workers)


def test_somebody_locks_what_is_written(new_cell: Callable[..., Cell]) -> None:
    """For longer than the workers wait for a lock: they say so, and begin again."""
    cell = new_cell()
    workers = [cell.land(), cell.derive()]
    until(lambda: cell.has_landed(2), "batches")
    with rival(cell) as other, cell.retries():
        other.execute("LOCK TABLE north.lot, trace.lot IN ACCESS EXCLUSIVE MODE")
        until(lambda: all("TGT-120" in worker.said() for worker in workers), "noticed")
    cell.require_recovery(*workers)


@pytest.mark.parametrize(
    "point", ["W4", "D7", *(pytest.param(point, marks=pytest.mark.slow) for point in ("W6", "D4"))]
)
def test_a_session_is_ended_by_an_administrator(point: str, new_cell: Callable[..., Cell]) -> None:
    cell = new_cell("wide" if point.startswith("W") else "small")
    start, other = (cell.land, cell.derive) if point.startswith("W") else (cell.derive, cell.land)
    beside, victim = other(), start(crash=f"{point}:2:STOP")
    until(victim.is_frozen, "frozen")
    end_sessions(cell, "cdc land" if point.startswith("W") else "cdc derive%")
    victim.thaw()
    cell.require_recovery(victim, beside)


def end_sessions(cell: Cell, application: str) -> None:
    ended = cell.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name LIKE %s AND datname = current_database()",
        application,
    )
    assert ended == [(True,)]


@contextmanager
def rival(cell: Cell) -> Iterator[psycopg.Connection]:
    """A superuser with an open transaction."""
    with connect(cell.deployment.env, "TARGET", "ADMIN_") as other:
        other.autocommit = False
        yield other
        other.rollback()

"""Workers that are frozen for 30 seconds at least: others take over, and who wakes up finds itself replaced."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.faults.cell import Cell
from tests.faults.worker import Worker, until

FROZEN_S = 30
# Where a land worker stands: before a transaction, between statements of one, inside COPY, before COMMIT, behind it.
LANDING = {"W2": "small", "W3": "small", "W4": "wide", "W6": "small", "W8": "small"}
# Where a derive worker stands: locks taken, snapshot open, while rows are staged, before COMMIT, between two turns.
DERIVING = ("D2", "D3", "D4", "D7", "D8")


def test_frozen_workers_are_replaced(new_cell: Callable[..., Cell]) -> None:
    """All moments at once: most of the time is waiting."""
    landing = [(land_frozen_at, point, new_cell(settings)) for point, settings in LANDING.items()]
    together(landing + [(derive_frozen_at, point, new_cell()) for point in DERIVING])


def land_frozen_at(point: str, cell: Cell) -> None:
    derive = cell.derive()
    victim = cell.land("--member", "victim", crash=f"{point}:2:STOP")
    successor = replace_frozen(cell, victim, lambda: cell.land("--member", "successor"))
    # The group has told it first, and it has joined again; or it has tried to go on, and finds another epoch.
    until(lambda: victim.process.poll() is not None or "stream_revoked" in victim.said(), "awake")
    if victim.process.poll() is not None:
        victim.must_fail("LND-105")
        cell.require_recovery(successor, derive)
    else:
        cell.require_recovery(successor, victim, derive)


def derive_frozen_at(point: str, cell: Cell) -> None:
    land = cell.land()
    victim = cell.derive(crash=f"{point}:2:STOP")
    successor = replace_frozen(cell, victim, cell.derive)
    until(lambda: "domain_stands_by" in victim.said(), "awake, and second")
    cell.require_recovery(land, successor, victim)


def replace_frozen(cell: Cell, victim: Worker, replace: Callable[[], Worker]) -> Worker:
    """Wait until the worker is frozen, let another one do all that is to be done meanwhile, and wake it up."""
    until(victim.is_frozen, "frozen")
    thaw_at = time.monotonic() + FROZEN_S
    successor = replace()
    until(cell.is_done, "done by another one", 120)
    before = cell.state()
    time.sleep(max(0.0, thaw_at - time.monotonic()))
    assert cell.state() == before
    victim.thaw()
    return successor


def together(tests: list[tuple[Callable[[str, Cell], None], str, Cell]]) -> None:
    """Run tests side by side, each for a moment and in a cell."""
    with ThreadPoolExecutor(len(tests)) as pool:
        running = [(point, pool.submit(test, point, cell)) for test, point, cell in tests]
    failures = [f"{point}: {error!r}" for point, future in running if (error := future.exception()) is not None]
    assert not failures, "\n\n".join(failures)

"""A worker that is killed at a named point, three times: the next one goes on as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.cell import Cell
from tests.faults.worker import until

# Reached again and again while a stream lands, or a domain is derived; and once by a worker that starts.
LANDING = ("W1", "W2", "W3", "W4", "W5", "W6", "W8", "W10", "W11", "W13", "W15")
DERIVING = ("D2", "D3", "D4", "D5", "D6", "D7", "D8")
STARTING = ("W16", "D1", "D9")
# Where it matters whether rows are copied or inserted one by one; the first is inside COPY.
COPYING = ("W4", "W5", "W6")
# Neighbours of others that CI has: it has ten histories less, too.
_IN_ALL = ("W2", "W8", "W10", "W15", "D3", "D5", "D6")


def points(named: tuple[str, ...]) -> list[object]:
    """Return points as parameters of a test; CI leaves some out."""
    return [pytest.param(point, marks=[pytest.mark.slow] * (point in _IN_ALL)) for point in named]


@pytest.mark.parametrize("point", points(LANDING))
def test_landing(point: str, new_cell: Callable[..., Cell]) -> None:
    land_killed_at(point, new_cell())


@pytest.mark.parametrize("point", ["W4", *(pytest.param(point, marks=pytest.mark.slow) for point in ("W5", "W6"))])
def test_landing_by_copy(point: str, new_cell: Callable[..., Cell]) -> None:
    land_killed_at(point, new_cell("wide"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
@pytest.mark.parametrize("point", LANDING)
def test_landing_with_other_histories(point: str, seed: int, new_cell: Callable[..., Cell]) -> None:
    land_killed_at(point, new_cell("wide" if point in COPYING and seed % 2 else "small", seed=seed))


def land_killed_at(point: str, cell: Cell) -> None:
    derive = cell.derive()
    for hit in (1, 2, 3):
        cell.land(crash=f"{point}:{hit}").died()
    cell.require_recovery(cell.land(), derive)


@pytest.mark.parametrize("point", points(DERIVING))
def test_deriving(point: str, new_cell: Callable[..., Cell]) -> None:
    derive_killed_at(point, new_cell())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
@pytest.mark.parametrize("point", DERIVING)
def test_deriving_with_other_histories(point: str, seed: int, new_cell: Callable[..., Cell]) -> None:
    derive_killed_at(point, new_cell(seed=seed))


def derive_killed_at(point: str, cell: Cell) -> None:
    land = cell.land()
    with cell.retries():  # there is always something to derive, however fast the streams are through
        for hit in (1, 2, 3):
            cell.derive(crash=f"{point}:{hit}").died()
    cell.require_recovery(land, cell.derive())


@pytest.mark.parametrize("point", STARTING)
def test_starting(point: str, new_cell: Callable[..., Cell]) -> None:
    cell = new_cell()
    start, other = (cell.land, cell.derive) if point == "W16" else (cell.derive, cell.land)
    beside = other()
    for _ in range(3):
        start(crash=f"{point}:1").died()
    cell.require_recovery(start(), beside)


def test_stopping(new_cell: Callable[..., Cell]) -> None:
    cell = new_cell()
    derive = cell.derive()
    for batches in (1, 2, 3):
        land = cell.land(crash="W14:1")
        land.has_started()  # the worker before it may have landed that many batches
        until(lambda landed=batches: cell.has_landed(landed), "batches")
        land.process.terminate()
        land.died()
    cell.require_recovery(cell.land(), derive)


@pytest.mark.parametrize("hit", [1, *(pytest.param(hit, marks=pytest.mark.slow) for hit in (2, 3))])
def test_giving_streams_away(hit: int, new_cell: Callable[..., Cell]) -> None:
    """A worker is killed when the group takes its streams from it, one by one: another one has joined, or gone."""
    cell = new_cell()
    derive = cell.derive()
    leaving = cell.land("--member", "leaving", crash=f"W9:{hit}")
    until(lambda: cell.has_landed(2), "batches")
    joining = cell.land("--member", "joining")
    until(lambda: leaving.process.poll() is not None or "stream_opened" in joining.said(), "joined")
    if leaving.process.poll() is None and hit > 2:  # it had two streams to give
        joining.kill()
        leaving.died()
        joining = cell.land("--member", "joining")
    leaving.died()
    cell.require_recovery(joining, derive)

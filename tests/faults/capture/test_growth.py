"""Tables of the sources get new columns while workers die, freeze and have transactions open."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.faults.capture.deployment import Captured
from tests.faults.worker import Worker, until


@pytest.fixture
def workers(captured: Captured) -> Iterator[list[Worker]]:
    """Workers of a test; they end with it."""
    workers: list[Worker] = []
    yield workers
    for worker in workers:
        worker.kill()


@pytest.mark.slow  # two sources with their connectors for themselves
@pytest.mark.parametrize("name", ["north", "south"])
def test_a_land_worker_is_killed_when_a_mirror_has_grown(captured: Captured, workers: list[Worker], name: str) -> None:
    """W12, at its first column, its second and its third: nothing of the column is there yet, or all of it."""
    captured.capture()
    numbers = itertools.count(1)
    for hit in (1, 2, 3):
        workers.append(Worker(captured.deployment, "land", "--member", "one", crash=f"W12:{hit}"))
        while workers[-1].process.poll() is None:
            grow(captured, name, "shelf", next(numbers))
            until(lambda: workers[-1].process.poll() is not None or has_arrived(captured, name), "landed")
        workers[-1].died()
    with captured.replicating():
        captured.require_in_order()


@pytest.mark.slow
@pytest.mark.parametrize("point", ["D3", "D4"])
def test_a_mirror_grows_while_a_derivation_is_open(captured: Captured, workers: list[Worker], point: str) -> None:
    """Its snapshot is open between statements, or while rows are staged; landing waits, says so, and gets through."""
    captured.capture()
    land = Worker(captured.deployment, "land")
    derive = Worker(captured.deployment, "derive", crash=f"{point}:2:STOP")
    workers += [land, derive]
    numbers = itertools.count(1)
    while not derive.is_frozen():
        change(captured, next(numbers))
        until(lambda: derive.is_frozen() or has_arrived(captured, "north"), "landed")
    grow(captured, "north", "lot", next(numbers))
    if point == "D4":
        until(lambda: "TGT-120" in land.said(), "waiting")
    else:
        # Nobody lets a snapshot stand open for as long as that.
        until(lambda: has_arrived(captured, "north"), "landed")
    derive.thaw()
    until(lambda: has_arrived(captured, "north"), "landed")
    for worker in (land, derive):
        assert worker.process.poll() is None, worker.said()
        worker.stop()
    with captured.replicating():
        captured.require_in_order()


def change(captured: Captured, number: int) -> None:
    """Commit a row, of which something is derived."""
    captured.sides["north"].commit(
        f"INSERT INTO tx VALUES ({number})",
        f"INSERT INTO lot VALUES ({number}, 'L{number}', 'OPEN', 1.5, 1, 'h', 'n')",
    )


def grow(captured: Captured, name: str, table: str, number: int) -> None:
    """Add a column to a table of a source, and change a row of it."""
    side = captured.sides[name]
    side.run(f"ALTER TABLE {table} ADD COLUMN extra_{number} int DEFAULT {number}")
    side.commit(
        f"INSERT INTO tx VALUES ({number})",
        f"UPDATE {table} SET extra_{number} = {number + 100} WHERE id = 1",
    )


def has_arrived(captured: Captured, name: str) -> bool:
    """Whether the last transaction of a source has landed."""
    last = captured.sides[name].rows("(SELECT max(id) FROM tx) t")
    return captured.service.query(f"SELECT max(id) FROM {name}.tx") == last

"""What reads the sources is killed, and so are the sources: nothing is lost, doubled or torn, and nobody helps."""

from __future__ import annotations

import time

import pytest

from compose.local.stack import Stack
from tests.faults.capture.application import BALLAST, at_work, lose_ballast
from tests.faults.capture.deployment import BOTH, Captured

# A snapshot that was interrupted is begun again, and that of PostgreSQL once more.
LOADED_S = 240


def kill(stack: Stack, *names: str) -> None:
    """SIGKILL services, all at once."""
    services = stack.services()
    for name in names:
        services[name].daemon().kill()


@pytest.mark.parametrize("name", ["north", pytest.param("south", marks=pytest.mark.slow)])
def test_connect_is_killed_during_the_snapshot(captured: Captured, whole_stack: Stack, name: str) -> None:
    """Rows that were read by then and are deleted before it reads again do not stay."""
    sides = captured.sides.values()
    with captured.replicating("north"):
        with at_work(*sides):
            snapshot = captured.snapshot(name)
            captured.capture()
            captured.until(lambda: snapshot.read().rows > 0, "in the snapshot")
            kill(whole_stack, "connect")
            read = snapshot.read().rows
            assert not snapshot.is_over
            for side in sides:
                lose_ballast(side, 7)
            whole_stack.start(["connect"])
            captured.until(captured.is_loaded, "loaded", LOADED_S)
        captured.require_in_order()
    assert snapshot.read().rows > max(read, BALLAST)  # it began again, or this shows nothing


@pytest.mark.slow
@pytest.mark.parametrize("name", BOTH)
def test_connect_is_killed_when_snapshot_becomes_stream(captured: Captured, whole_stack: Stack, name: str) -> None:
    """The last row is in the topic, and the first change may not be."""
    with captured.replicating("north"):
        with at_work(*captured.sides.values()):
            snapshot = captured.snapshot(name)
            captured.capture()
            captured.until(lambda: snapshot.read().is_over, "the last row read")
            kill(whole_stack, "connect")
            whole_stack.start(["connect"])
            captured.until(captured.is_loaded, "loaded", LOADED_S)
        captured.require_in_order()


@pytest.mark.slow
def test_connect_is_killed_while_it_streams(captured: Captured, whole_stack: Stack) -> None:
    """Three times, each a while after it has begun to send again."""
    sides = captured.sides.values()
    with captured.replicating():
        captured.capture()
        captured.until(captured.is_loaded, "loaded")
        with at_work(*sides):
            for _ in range(3):
                before = landed(captured)
                captured.until(lambda seen=before: moved(captured, seen, 100), "changes landed")
                kill(whole_stack, "connect")
                time.sleep(0.5)
                whole_stack.start(["connect"])
        captured.require_in_order()


@pytest.mark.slow  # the watch gives a silent connector twenty seconds
def test_the_sources_are_killed_while_they_stream(captured: Captured, whole_stack: Stack) -> None:
    """A MariaDB connector does not notice; the watch does."""
    sides = captured.sides.values()
    with captured.replicating():
        captured.capture()
        captured.until(captured.is_loaded, "loaded")
        with at_work(*sides):
            before = landed(captured)
            captured.until(lambda: moved(captured, before, 100), "changes landed")
            kill(whole_stack, "mes", "erp")
            whole_stack.start(["mes", "erp"])
            before = landed(captured)
            captured.until(lambda: moved(captured, before, 100), "changes landed again")
        captured.require_in_order()


@pytest.mark.slow
@pytest.mark.parametrize("name", BOTH)
def test_the_sources_are_killed_during_the_snapshot(captured: Captured, whole_stack: Stack, name: str) -> None:
    with captured.replicating("north"):
        with at_work(*captured.sides.values()):
            snapshot = captured.snapshot(name)
            captured.capture()
            captured.until(lambda: snapshot.read().rows > 0, "in the snapshot")
            kill(whole_stack, "mes", "erp")
            assert not snapshot.read().is_over
            whole_stack.start(["mes", "erp"])
            captured.until(captured.is_loaded, "loaded", LOADED_S)
        captured.require_in_order()


def landed(captured: Captured) -> dict[str, int]:
    """Return how many transactions of each source have landed."""
    return {name: captured.service.query(f"SELECT coalesce(max(id), 0) FROM {name}.tx")[0][0] for name in BOTH}


def moved(captured: Captured, before: dict[str, int], transactions: int) -> bool:
    """Whether as many more have landed, of each source."""
    return all(number >= before[name] + transactions for name, number in landed(captured).items())

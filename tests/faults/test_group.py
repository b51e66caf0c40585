"""Several workers of one kind: one is killed, and what it had goes to the others."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tests.faults.cell import Cell
from tests.faults.streams import Streams
from tests.faults.tables import TABLES
from tests.faults.topic import Topic
from tests.faults.worker import until

# The group's session time-out is 6 s.
MOVES_WITHIN_S = 15


@pytest.fixture
def live(streams: Streams) -> dict[str, Topic]:
    """All four streams, with nothing in them yet."""
    return streams.begin(100, tuple(TABLES))


class Traffic:
    """Writes the streams bit by bit until all is written."""

    def __init__(self, topics: dict[str, Topic]) -> None:
        self._topics = topics
        self._thread = threading.Thread(target=self._send)
        self._hurry = threading.Event()

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> None:
        """Write what is left."""
        self._hurry.set()
        self._thread.join()

    def _send(self) -> None:
        senders = [topic.sender() for topic in self._topics.values()]
        while not all(sender.is_done for sender in senders):
            for sender in senders:
                if not sender.is_done:
                    sender.send_block(10)
            self._hurry.wait(0.2)
        for sender in senders:
            sender.close()


@pytest.mark.parametrize("workers", [2, *(pytest.param(workers, marks=pytest.mark.slow) for workers in (3, 4))])
def test_the_streams_of_a_killed_land_worker_move(
    workers: int, new_cell: Callable[..., Cell], live: dict[str, Topic]
) -> None:
    cell = new_cell("group", topics=live)
    derive = cell.derive()
    with Traffic(live) as traffic:
        group = [cell.land("--member", str(number)) for number in range(workers)]
        until(lambda: len(set(cell.owners().values())) == workers and len(cell.owners()) == len(live), "spread")
        victim, *survivors = group
        victim.kill()
        until(lambda: victim.pid not in cell.owners().values(), "moved", MOVES_WITHIN_S)
        traffic.finish()
        cell.require_recovery(*survivors, derive)


def test_the_domain_of_a_killed_derive_worker_moves(new_cell: Callable[..., Cell]) -> None:
    """Not by waiting: its connection is gone with it, and so is the lease."""
    cell = new_cell()
    land = cell.land()
    victim = cell.derive(crash="D6:2")
    until(lambda: "domain_opened" in victim.said(), "opened")
    successor = cell.derive()
    victim.died()
    cell.require_recovery(land, successor)
    assert "silent_holder_ended" not in successor.said()

"""A long backlog is read as fast as it lands: what is in memory at a time is bounded by the limits of a batch."""

from __future__ import annotations

from bisect import bisect_left
from pathlib import Path
from typing import Any, cast

from cdc.change import Record
from cdc.config import Connect, Folders, Kafka, Land, Settings, Target
from cdc.land.contract.in_force import put_in_force
from cdc.land.stream import StreamSource
from cdc.land.worker import LandWorker
from cdc.store.connection import connect
from cdc.stream.consumer import StreamConsumer
from tests.contract.cdc.land.tables import CONTRACTS, ITEM, PAIR, item
from tests.contract.cdc.land.test_worker_watch import STREAM, IdleKafka
from tests.unit.cdc.stream.wire import PostgresWire

BATCH_ROWS = 100
# Two of them are too much for a batch: each that goes leaves room for less than what is read at a time.
ROWS = 60
TRANSACTIONS = 200


class Backlog(IdleKafka):
    """A topic in which everything waits already; each poll brings as much as a batch may have."""

    def __init__(self, records: list[Record]) -> None:
        super().__init__()
        self._records = records
        self._held = True
        self.given = 0

    def poll(self, wait_ms: int) -> dict[str, Any]:
        found = [] if self._held else self._records[self.given : self.given + BATCH_ROWS]
        self.given += len(found)
        return {STREAM: found} if found else super().poll(min(wait_ms, 1))

    def hold(self, _stream: str, *, held: bool) -> None:
        self._held = held

    def end(self, _stream: str) -> int:
        return len(self._records)


def test_no_more_of_a_backlog_is_read_than_a_few_batches(target: Target) -> None:
    with connect(target, "test") as connection, connection.transaction():
        put_in_force(connection, "src", CONTRACTS)
    wire = PostgresWire()
    for _ in range(TRANSACTIONS):
        wire.begin()
        for number in range(ROWS):
            wire.insert(*("item", "id"), item(wire.number * ROWS + number))
        wire.end()
    source = StreamSource("src", STREAM, "postgresql", lambda: (ITEM, PAIR), frozenset)
    settings = Settings(target, Kafka(""), Connect(""), Folders(Path()), Land(batch_rows=BATCH_ROWS))
    kafka = Backlog(wire.records)
    worker = LandWorker(settings, {STREAM: source}, cast(StreamConsumer, kafka))
    offsets = [record.offset for record in wire.records]
    try:
        landed, most = 0, 0
        while landed < len(wire.records):
            worker.turn()
            landed = bisect_left(offsets, max((state.next_offset or 0 for state in worker.states()), default=0))
            most = max(most, kafka.given - landed)
    finally:
        worker.close()
    # Two batches are the writer's, and one waits when as much again is read.
    assert most <= 5 * BATCH_ROWS

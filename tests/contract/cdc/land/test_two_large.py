"""Two streams of one worker have a large transaction at the same time: each lands whole, and never a part of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from cdc.change import Record
from cdc.config import Connect, Folders, Kafka, Land, Settings, Target
from cdc.errors import FatalError
from cdc.land.contract.in_force import put_in_force
from cdc.land.stream import StreamSource
from cdc.land.worker import LandWorker
from cdc.store.connection import connect
from cdc.stream.consumer import StreamConsumer
from tests.contract.cdc.land.stage import DirectLanding, Stage
from tests.contract.cdc.land.tables import ITEM, item
from tests.contract.cdc.land.test_worker_watch import IdleKafka
from tests.unit.cdc.stream.wire import PostgresWire

BATCH_ROWS = 50
ROWS = 10 * BATCH_ROWS
SOURCES = ("one", "two")


class Topics(IdleKafka):
    """Topics in which everything waits already; each poll brings a batch of each."""

    def __init__(self, records: list[Record]) -> None:
        super().__init__()
        self._records = records
        self._next = dict.fromkeys(map(stream_of, SOURCES), 0)
        self._held: dict[str, bool] = {}
        self._new = set(self._next)
        self.streams = frozenset(self._next)

    def poll(self, wait_ms: int) -> dict[str, Any]:
        found = {}
        for stream, at in self._next.items():
            records = [] if self._held.get(stream, True) else self._records[at : at + BATCH_ROWS]
            self._next[stream] += len(records)
            if records:
                found[stream] = records
        return found or super().poll(min(wait_ms, 1))

    def hold(self, stream: str, *, held: bool) -> None:
        self._held[stream] = held

    def rewind(self, stream: str, offset: int) -> None:
        self._next[stream] = next(place for place, record in enumerate(self._records) if record.offset >= offset)

    def end(self, _stream: str) -> int:
        return self._records[-1].offset + 1


def stream_of(source: str) -> str:
    return f"cdc.{source}"


def contract_of(source: str) -> Any:
    return replace(ITEM, mirror=f"{source}.item")


@pytest.fixture
def large() -> list[Record]:
    wire = PostgresWire()
    wire.begin()
    for number in range(ROWS):
        wire.insert("item", "id", item(number))
    wire.end()
    return wire.records


def test_both_land_whole_one_after_the_other(target: Target, large: list[Record]) -> None:
    with connect(target, "test") as connection, connection.transaction():
        for source in SOURCES:
            put_in_force(connection, source, (contract_of(source),))
    sources = {
        stream_of(source): StreamSource(source, stream_of(source), "postgresql", catalogue_of(source), frozenset)
        for source in SOURCES
    }
    settings = Settings(target, Kafka(""), Connect(""), Folders(Path()), Land(batch_rows=BATCH_ROWS))
    worker = LandWorker(settings, sources, cast(StreamConsumer, Topics(large)))
    seen: set[tuple[int, int]] = set()
    try:
        with connect(target, "onlooker") as onlooker:
            while (ROWS, ROWS) not in seen:
                worker.turn()
                seen.add(counts(onlooker))
    finally:
        worker.close()
    # Also two are possible at once: one is committed while the other one has not begun.
    assert seen <= {(0, 0), (ROWS, 0), (0, ROWS), (ROWS, ROWS)}


def catalogue_of(source: str) -> Callable[[], tuple[Any, ...]]:
    return lambda: (contract_of(source),)


def counts(onlooker: psycopg.Connection) -> tuple[int, int]:
    with onlooker.transaction():
        row = onlooker.execute("SELECT (SELECT count(*) FROM one.item), (SELECT count(*) FROM two.item)").fetchone()
    assert row is not None
    return row


def test_nothing_lands_in_the_open_transaction_of_another_stream(stage: Stage, large: list[Record]) -> None:
    first = stage.landing(batch_rows=BATCH_ROWS)
    first.feed(large)
    first.land_next()
    assert stage.query("SELECT count(*) FROM cdc.batch") == [(1,)]  # seen from inside of it
    with stage.connection.transaction():
        put_in_force(stage.connection, "two", (contract_of("two"),))
    wire = PostgresWire()
    wire.begin()
    wire.insert("item", "id", item(1))
    wire.end()
    source = StreamSource("two", "cdc.two", "postgresql", catalogue_of("two"), frozenset)
    position = replace(first.position, stream="cdc.two", source="two")
    second = DirectLanding(source, stage.session, position, Land())
    second.feed(wire.records)
    second.flush()
    with pytest.raises(FatalError, match="LND-111"):
        second.land_next()
    first.abandon()
    assert stage.query("SELECT count(*) FROM cdc.batch") == [(0,)]

"""The land worker: streams that the group assigns to it become mirrors, as fast as they arrive.

One thread: poll, cut, land. A drained stream lands what is there at once; under a backlog batches fill up to the
limits. What fails for a while closes the stream, or all of them with the connection; it is opened again from its
position after a growing wait, and polling goes on meanwhile, so that the group keeps the worker.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psycopg
import structlog

from cdc.backoff import Backoff
from cdc.capture.catalogue import read_contracts
from cdc.capture.source import Source, find_source, load_sources
from cdc.change import Record
from cdc.config import Settings, environment
from cdc.errors import CdcError, TransientError
from cdc.land.position import Moved, Position, adopt_topic, reclaim, take_over
from cdc.land.session import Session
from cdc.land.stream import StreamLanding, StreamSource
from cdc.store.connection import classify, connect
from cdc.stream.consumer import StreamConsumer

# Lag tools look every few seconds; a commit per batch would only cost the broker.
COMMIT_EVERY_S = 1.0
# All statements of some hundred mirrors; the default of 100 would plan them again and again.
PREPARED_STATEMENTS = 3000

_logger = structlog.get_logger()


def run(settings: Settings, stop: threading.Event, member: str | None = None) -> None:
    """Land until `stop` is set, then finish the batches in hand. Raises FatalError when a person has to look.

    `member` is the worker's name in the consumer group, if it has one (`cdc.stream.consumer`).
    """
    folder = settings.folders.connector_configs
    sources = [stream_source(source, folder) for source in load_sources(folder).values()]
    consumer = _join(settings, sources, member, stop)
    if consumer is None:
        return
    worker = LandWorker(settings, {source.stream: source for source in sources}, consumer)
    try:
        while not stop.is_set():
            worker.turn()
        worker.drain()
    finally:
        worker.close()


def stream_source(source: Source, connector_configs: Path) -> StreamSource:
    """Return what landing has to know of a source."""
    read_catalogue = partial(read_contracts, source, environment())
    captured = partial(captured_mirrors, source.name, connector_configs)
    return StreamSource(source.name, source.stream, source.kind, read_catalogue, captured)


def captured_mirrors(name: str, connector_configs: Path) -> frozenset[str]:
    """Return the mirrors of the tables that a source's connector file names now. Raises SRC-101, SRC-103."""
    source = find_source(load_sources(connector_configs), name)
    return frozenset(f"{name}.{table.name}" for table in source.tables)


def _join(
    settings: Settings, sources: list[StreamSource], member: str | None, stop: threading.Event
) -> StreamConsumer | None:
    backoff = Backoff()
    while not stop.is_set():
        try:
            return StreamConsumer(
                settings.kafka.bootstrap,
                settings.land.group,
                [source.stream for source in sources],
                settings.land.batch_rows,
                member,
            )
        except TransientError as error:
            wait = backoff.fail()
            _logger.warning("kafka_away", error=error, wait_s=round(wait, 1))
            stop.wait(wait)
    return None


@dataclass(slots=True)
class _Lane:
    """An assigned stream: open with its landing, or closed until its back-off is over."""

    source: StreamSource
    landing: StreamLanding | None = None
    # Where it was when it was closed; its epoch is ours as long as the group leaves us the stream.
    owned: Position | None = None
    backoff: Backoff = field(default_factory=Backoff)

    @property
    def has_pending(self) -> bool:
        return self.landing is not None and self.landing.has_pending


class LandWorker:
    """What the worker keeps between two turns."""

    def __init__(self, settings: Settings, sources: Mapping[str, StreamSource], consumer: StreamConsumer) -> None:
        self._settings = settings
        self._sources = sources
        self._consumer = consumer
        self._lanes: dict[str, _Lane] = {}
        self._session: Session | None = None
        self._kafka_backoff = Backoff()
        self._committed_at = 0.0

    def turn(self) -> None:
        """Poll once, land what is complete, open what is closed. Raises FatalError."""
        records = self._poll()
        # The poll may have taken streams away, and the position of one that came back may be anywhere.
        self._follow_assignment()
        for stream, lane in self._lanes.items():
            if lane.landing is not None:
                self._guard(lane, lane.landing.watch_source)
            if stream in records and lane.landing is not None:
                self._guard(lane, partial(lane.landing.feed, records[stream]))
            self._land(lane, drained=stream not in records)
        for lane in self._lanes.values():
            if lane.landing is None and lane.backoff.is_over:
                self._guard(lane, partial(self._open, lane))
        self._commit(every_s=COMMIT_EVERY_S)

    def drain(self) -> None:
        """Land the whole units in hand."""
        for lane in self._lanes.values():
            while lane.landing is not None and lane.landing.has_pending:
                self._guard(lane, lane.landing.land_next)
        self._commit(every_s=0.0)

    def close(self) -> None:
        """Leave the group and the target."""
        self._consumer.close()
        if self._session is not None:
            self._session.connection.close()

    def _poll(self) -> dict[str, list[Record]]:
        waiting = any(lane.has_pending for lane in self._lanes.values())
        try:
            records = self._consumer.poll(0 if waiting else self._settings.land.drain_wait_ms)
        except TransientError as error:
            wait = min(self._kafka_backoff.fail(), 1.0)  # a longer one would keep SIGTERM waiting
            _logger.warning("kafka_away", error=error, wait_s=round(wait, 1))
            time.sleep(wait)
            return {}
        self._kafka_backoff.succeed()
        return records

    def _follow_assignment(self) -> None:
        for stream in self._consumer.take_new():
            self._lanes[stream] = _Lane(self._sources[stream])
        for stream in self._lanes.keys() - self._consumer.streams:
            del self._lanes[stream]
            _logger.info("stream_revoked", stream=stream)

    def _land(self, lane: _Lane, *, drained: bool) -> None:
        if drained and lane.landing is not None:
            lane.landing.flush()
        while lane.landing is not None and lane.landing.has_pending and (drained or lane.landing.is_full):
            self._guard(lane, lane.landing.land_next)
            if lane.landing is not None:
                lane.backoff.succeed()

    def _open(self, lane: _Lane) -> None:
        session = self._connected()
        stream = lane.source.stream
        if lane.owned is None:
            position = take_over(session.connection, stream, lane.source.name)
        else:
            position = reclaim(session.connection, lane.owned)
        adopt_topic(session.connection, position, self._consumer.topic_id(stream))
        lane.landing = StreamLanding(lane.source, session, position, self._settings.land)
        self._consumer.start(stream, position.next_offset)
        _logger.info("stream_opened", stream=stream, offset=position.next_offset, epoch=position.epoch)

    def _connected(self) -> Session:
        if self._session is None:
            connection = connect(self._settings.target, "cdc land")
            connection.prepared_max = PREPARED_STATEMENTS
            self._session = Session(connection)
        return self._session

    def _guard(self, lane: _Lane, step: Callable[[], object]) -> None:
        """Do one step of a stream. What passes by itself closes the stream; if the connection was it, all of them."""
        try:
            step()
        except Moved as moved:
            _logger.info("own_commit_found", stream=moved.position.stream, offset=moved.position.next_offset)
            self._close(lane)
        except TransientError as error:
            self._wait(lane, error)
        except psycopg.Error as error:
            known = classify(error)
            if not isinstance(known, TransientError):
                raise known from error
            self._wait(lane, known)
            self._disconnect()

    def _wait(self, lane: _Lane, error: CdcError) -> None:
        wait = lane.backoff.fail()
        _logger.warning("stream_waits", stream=lane.source.stream, error=error, wait_s=round(wait, 1))
        self._close(lane)

    def _close(self, lane: _Lane) -> None:
        """Forget what was read: the stream is opened again from its position."""
        self._consumer.pause(lane.source.stream)
        if lane.landing is not None:
            lane.owned, lane.landing = lane.landing.position, None

    def _disconnect(self) -> None:
        if self._session is not None:
            self._session.connection.close()
            self._session = None
        for lane in self._lanes.values():
            self._close(lane)

    def _commit(self, *, every_s: float) -> None:
        now = time.monotonic()
        if now - self._committed_at >= every_s:
            self._committed_at = now
            open_lanes = [lane.landing for lane in self._lanes.values() if lane.landing is not None]
            self._consumer.commit({landing.source.stream: landing.position.next_offset for landing in open_lanes})

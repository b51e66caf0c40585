"""The land worker: streams that the group assigns to it become mirrors, as fast as they arrive.

One thread polls, cuts and decodes, another one writes (`cdc.land.writer`). A drained stream lands what is there at
once; under a backlog batches fill up to the limits. What fails for a while closes the stream, or all of them with the
connection; it is opened again from its position after a growing wait, and polling goes on meanwhile, so that the group
keeps the worker.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, wait
from functools import partial
from pathlib import Path
from types import MappingProxyType

import psycopg
import structlog

from cdc.access import Kafka
from cdc.backoff import Backoff
from cdc.capture.catalogue import follow_contracts
from cdc.capture.log_end import read_log_end
from cdc.capture.policy import policy_of
from cdc.capture.reading import Reading
from cdc.capture.source import Source, find_source, load_sources
from cdc.change import Record
from cdc.config import Settings, environment
from cdc.crash import crash_point
from cdc.errors import CdcError, FatalError, TransientError
from cdc.land.gap import note_gap, streams_named
from cdc.land.lane import Lane
from cdc.land.months import make_journal_months
from cdc.land.position import Moved
from cdc.land.stream import StreamSource
from cdc.land.writer import Writer
from cdc.observe.landing import LandingMetrics, StreamState
from cdc.observe.monitor import Condition, Monitor
from cdc.reference import Secret
from cdc.store.connection import classify
from cdc.stream.consumer import StreamConsumer

# Lag tools look every few seconds; a commit per batch would only cost the broker.
COMMIT_EVERY_S = 1.0
# The journal has partitions for two months ahead.
MONTHS_EVERY_S = 3600.0
# How long a reader with nothing to read waits for its writer before it looks again.
WRITER_WAIT_S = 0.005

_logger = structlog.get_logger()


def run(settings: Settings, stop: threading.Event, monitor: Monitor | None = None, member: str | None = None) -> None:
    """Land until `stop` is set, then finish the batches in hand. Raises FatalError when a person has to look.

    `member` is the worker's name in the consumer group, if it has one (`cdc.stream.consumer`).
    """
    folder = settings.folders.connector_configs
    sources = [
        stream_source(source, folder, settings.kafka, settings.tokens) for source in load_sources(folder).values()
    ]
    monitor = monitor or Monitor("land")
    consumer = _join(settings, sources, member, stop, monitor)
    if consumer is None:
        return
    _tune_process()
    worker = LandWorker(settings, {source.stream: source for source in sources}, consumer, monitor)
    try:
        while not stop.is_set():
            worker.turn()
        worker.drain()
    finally:
        worker.close()


def _tune_process() -> None:
    """Let the writer have its turn soon after the target's answer, and the collector rest.

    Records, events and rows come by the ten thousand and refer to nothing that refers to them.
    """
    sys.setswitchinterval(0.001)
    gc.set_threshold(100_000, 20, 20)


def stream_source(
    source: Source, connector_configs: Path, kafka: Kafka, tokens: Mapping[str, Secret] = MappingProxyType({})
) -> StreamSource:
    """Return what landing has to know of a source."""
    read_catalogue = partial(follow_contracts, source, environment())
    captured = partial(captured_mirrors, source.name, connector_configs)
    return StreamSource(
        *(source.name, source.stream, source.kind, read_catalogue, captured, source.database),
        note_gap=Reading(source, kafka).note_gap,
        policy=policy_of(source),
        tokens=tokens,
        drift=source.drift,
        read_log_end=partial(read_log_end, source, environment()),
    )


def captured_mirrors(name: str, connector_configs: Path) -> frozenset[str]:
    """Return the mirrors of the tables that a source's connector file names now. Raises SRC-101, SRC-103."""
    source = find_source(load_sources(connector_configs), name)
    return frozenset(f"{name}.{table.name}" for table in source.tables)


def _join(
    settings: Settings, sources: list[StreamSource], member: str | None, stop: threading.Event, monitor: Monitor
) -> StreamConsumer | None:
    backoff = Backoff()
    while not stop.is_set():
        try:
            return StreamConsumer(
                settings.kafka,
                settings.land.group,
                [source.stream for source in sources],
                settings.land.batch_rows,
                member,
            )
        except TransientError as error:
            monitor.failed(error)
            wait = backoff.fail()
            _logger.warning("kafka_away", error=error, wait_s=round(wait, 1))
            stop.wait(wait)
    return None


class LandWorker:
    """What the worker keeps between two turns."""

    def __init__(
        self,
        settings: Settings,
        sources: Mapping[str, StreamSource],
        consumer: StreamConsumer,
        monitor: Monitor | None = None,
    ) -> None:
        self._settings = settings
        self._sources = sources
        self._consumer = consumer
        self._monitor = monitor or Monitor("land")
        self._metrics = LandingMetrics(self._monitor, settings.target, self.states)
        self._pulse = self._monitor.pulse("reader")
        self._writer = Writer(settings.target, self._monitor.pulse("writer"), settings.protection)
        self._lanes: dict[str, Lane] = {}
        self._kafka_backoff = Backoff()
        self._committed_at = 0.0
        self._months_due = time.monotonic() + MONTHS_EVERY_S  # whoever opens a stream makes them, too
        consumer.before_revoking(self._settle)
        self._monitor.need(self._conditions)

    def states(self) -> list[StreamState]:
        """Return the streams that this worker has; from any thread."""
        return [lane.state(self._consumer.end(stream)) for stream, lane in list(self._lanes.items())]

    def turn(self) -> None:
        """Poll once, hand over what is complete, open what is closed. Raises FatalError."""
        self._pulse.beat()
        self._collect()
        for lane in self._free_lanes():
            # Before more is read: else a batch is read for each that goes, and what is short of one adds up.
            self._guard(lane, partial(lane.submit, drained=False))
        records = self._poll()
        if records:
            crash_point("W1")
        # The poll may have taken streams away, and the position of one that came back may be anywhere.
        self._follow_assignment()
        for stream, lane in self._lanes.items():
            if stream in records:
                self._guard(lane, partial(lane.feed, records[stream]))
        for lane in self._free_lanes():
            self._guard(lane, lane.follow)
            self._guard(lane, partial(lane.submit, drained=lane.source.stream not in records))
            self._begin_again(lane)
        for lane in self._free_lanes():
            if lane.landing is None and lane.backoff.is_over:
                self._guard(lane, partial(self._open, lane))
        self._make_months()
        self._commit(every_s=COMMIT_EVERY_S)

    def drain(self) -> None:
        """Land the whole units in hand."""
        crash_point("W14")
        for lane in self._lanes.values():
            if lane.reads_parts:
                lane.close()  # the rest of the transaction may be long in coming
            while lane.has_pending or lane.jobs:
                self._pulse.beat()
                self._guard(lane, partial(lane.submit, drained=True))
                wait(lane.jobs)
                self._collect()
        self._commit(every_s=0.0)

    def close(self) -> None:
        """Leave the group and the target; what was read and has not landed is kept for whoever reads it next."""
        for lane in self._lanes.values():
            lane.close()  # what a large transaction has written so far is undone
        all(self._keep_last_read(lane) for lane in self._lanes.values())  # a target that is away is asked once
        self._consumer.close()
        self._writer.close()

    def _collect(self) -> None:
        for lane in self._lanes.values():
            for outcome in lane.finished():
                self._guard(lane, outcome)
                if lane.landing is None:
                    break  # the batches behind the one that failed are read again
                lane.backoff.succeed()

    def _poll(self) -> dict[str, list[Record]]:
        waiting = any(lane.has_pending for lane in self._lanes.values())
        free = list(self._free_lanes())
        for stream, lane in self._lanes.items():
            self._consumer.hold(stream, held=lane.landing is None or lane.is_full or lane not in free)
        try:
            records = self._consumer.poll(0 if waiting else self._settings.land.drain_wait_ms)
        except TransientError as error:
            self._monitor.failed(error)
            pause = min(self._kafka_backoff.fail(), 1.0)  # a longer one would keep SIGTERM waiting
            _logger.warning("kafka_away", error=error, wait_s=round(pause, 1))
            time.sleep(pause)
            return {}
        except FatalError as error:
            for stream in streams_named(self._lanes, error):
                note_gap(self._settings.target, stream, error)
            raise
        self._kafka_backoff.succeed()
        if waiting and not records:
            # Nothing to read: what can be done next comes from the writer.
            jobs = [job for lane in self._lanes.values() for job in lane.jobs]
            wait(jobs, WRITER_WAIT_S, FIRST_COMPLETED)
        return records

    def _free_lanes(self) -> list[Lane]:
        """Return the lanes that may use the writer: one that lands a large transaction has it for itself."""
        return [lane for lane in self._lanes.values() if lane.reads_parts] or list(self._lanes.values())

    def _begin_again(self, lane: Lane) -> None:
        """Read a large transaction again, once all before it has been handed over.

        One at a time: streams share a connection, and the last part of one would commit what there is of another.
        """
        if any(other.reads_parts for other in self._lanes.values()):
            return
        reader = None if lane.landing is None else lane.landing.reader
        if reader is not None and reader.rewind is not None and not reader.has_pending:
            _logger.info("large_transaction", stream=lane.source.stream, offset=reader.rewind)
            self._consumer.rewind(lane.source.stream, reader.rewind)
            reader.begin_again()

    def _follow_assignment(self) -> None:
        new = self._consumer.take_new()
        for stream in self._lanes.keys() - (self._consumer.streams - new):
            self._metrics.release(self._lanes.pop(stream).state(None))
            _logger.info("stream_revoked", stream=stream)
        for stream in new:
            self._lanes[stream] = Lane(self._sources[stream], self._writer)
        for stream, lane in self._lanes.items():
            if lane.landing is not None and not self._consumer.is_open(stream):
                lane.interrupt()

    def _settle(self, streams: Iterable[str]) -> None:
        """Finish what the writer has of streams that go to another worker: it must not find them moving."""
        lanes = [self._lanes[stream] for stream in streams if stream in self._lanes]
        for lane in lanes:
            crash_point("W9")
            lane.settle()
        for lane in lanes:  # only now: what a large transaction of one of them had begun is undone
            self._keep_last_read(lane)

    def _keep_last_read(self, lane: Lane) -> bool:
        """Keep what was read last of a stream, if it has not landed; tell whether the target took it."""
        record = self._consumer.last_read(lane.source.stream)
        if record is not None and lane.lacks(record):
            try:
                lane.keep_last_read(record)
            except (CdcError, psycopg.Error) as error:
                known = error if isinstance(error, CdcError) else classify(error)
                _logger.warning("last_read_not_kept", stream=lane.source.stream, offset=record.offset, error=known)
                return False
        return True

    def _open(self, lane: Lane) -> None:
        stream = lane.source.stream
        self._consumer.open(stream, *lane.open(self._settings.land, self._consumer.topic_id(stream)))

    def _guard(self, lane: Lane, step: Callable[[], object]) -> None:
        """Do one step of a stream. What passes by itself closes the stream; if the connection was it, all of them."""
        try:
            step()
        except Moved as moved:
            _logger.info("own_commit_found", stream=moved.position.stream, offset=moved.position.next_offset)
            lane.close()
        except TransientError as error:
            self._wait(lane, error)
        except FatalError as error:
            note_gap(self._settings.target, lane.source.stream, error)
            raise FatalError(error.code, f"{lane.source.stream}: {error.detail}") from error
        except psycopg.Error as error:
            known = classify(error)
            if not isinstance(known, TransientError):
                raise FatalError(known.code, f"{lane.source.stream}: {known.detail}") from error
            self._wait(lane, known)
            self._disconnect()

    def _wait(self, lane: Lane, error: CdcError) -> None:
        self._monitor.failed(error)
        lane.fault = f"waits for {error.code} {error.entry.title}"
        pause = lane.backoff.fail()
        _logger.warning("stream_waits", stream=lane.source.stream, error=error, wait_s=round(pause, 1))
        lane.close()

    def _disconnect(self) -> None:
        for lane in self._lanes.values():
            lane.close()
        self._writer.do(self._writer.disconnect)

    def _make_months(self) -> None:
        """See to it that the journal has a partition for what comes, now and then. What fails is tried again."""
        if time.monotonic() < self._months_due or any(lane.reads_parts for lane in self._lanes.values()):
            return  # inside of a large transaction its locks would stay as long
        self._months_due = time.monotonic() + MONTHS_EVERY_S
        try:
            self._writer.do(lambda: make_journal_months(self._writer.session().connection))
        except (CdcError, psycopg.Error) as error:
            known = error if isinstance(error, CdcError) else classify(error)
            _logger.warning("journal_months_not_made", error=known)

    def _conditions(self) -> Iterator[Condition]:
        """Yield what has to be there; a worker to which the group has given nothing stands by, and that is well."""
        yield Condition("kafka", self._kafka_fault())
        states = self.states()
        if not states:
            yield Condition("streams", note="none is assigned to this worker")
        for state in states:
            yield Condition(state.stream, state.fault, "" if state.fault else f"at offset {state.next_offset}")

    def _kafka_fault(self) -> str:
        if self._kafka_backoff.failures:
            return "does not answer"
        return "" if self._consumer.has_joined else "the group has not taken this worker up yet"

    def _commit(self, *, every_s: float) -> None:
        now = time.monotonic()
        if now - self._committed_at >= every_s:
            self._committed_at = now
            open_lanes = [lane.landing for lane in self._lanes.values() if lane.landing is not None]
            self._consumer.commit({landing.source.stream: landing.position.next_offset for landing in open_lanes})

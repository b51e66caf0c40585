"""An assigned stream of a worker: read here, written by the writer's thread.

Batches are made ready as long as there are fewer than two that the writer has not finished: one that it works on, one
that it begins with at once. Everything behind them waits in the reader, within its bounds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field

import structlog

from cdc.backoff import Backoff
from cdc.change import Record
from cdc.config import Land
from cdc.crash import crash_point
from cdc.errors import FatalError
from cdc.land.journal import SHREDDED, read_last_record
from cdc.land.last_read import find_last_read, keep_last_read
from cdc.land.months import make_journal_months
from cdc.land.position import Position, adopt_topic, reclaim, take_over
from cdc.land.replay import find_landed
from cdc.land.session import Session
from cdc.land.stream import StreamLanding, StreamSource
from cdc.land.writer import Writer
from cdc.observe.landing import StreamState
from cdc.stream.unit import Landed

_AHEAD = 2

_logger = structlog.get_logger()


@dataclass(slots=True)
class Lane:
    """The stream is open with its landing, or closed until its back-off is over."""

    source: StreamSource
    writer: Writer
    landing: StreamLanding | None = None
    # Where it was when it was closed; its epoch is ours as long as the group leaves us the stream.
    owned: Position | None = None
    # The last batch of the worker before; why the stream is closed.
    after: int = 0
    fault: str = "is being opened"
    # How often since the group gave it to this worker.
    interruptions: int = 0
    backoff: Backoff = field(default_factory=Backoff)
    jobs: deque[Future[object]] = field(default_factory=deque)
    # That of them which follows the source's catalogue: it may wait for a mirror in use, and nothing waits for it.
    following: Future[object] | None = None

    @property
    def reads_parts(self) -> bool:
        """Whether a large transaction is being landed, part by part in one transaction of the target."""
        return self.landing is not None and self.landing.reader.reads_parts

    @property
    def has_pending(self) -> bool:
        """Whether something waits that the writer does not have yet."""
        return self.landing is not None and self.landing.reader.has_pending

    @property
    def is_full(self) -> bool:
        """Whether more must not be read: the writer is behind, or a large transaction has to be read again first."""
        reader = None if self.landing is None else self.landing.reader
        return reader is not None and (reader.rewind is not None or reader.end is not None or self._is_behind)

    @property
    def _is_behind(self) -> bool:
        """Whether the writer has enough to do, and the reader has a batch for it already."""
        return self.landing is not None and self.landing.reader.is_full and self._batches >= _AHEAD

    @property
    def _batches(self) -> int:
        """How many batches the writer has not finished."""
        return len(self.jobs) - (self.following in self.jobs)

    def state(self, end: int | None) -> StreamState:
        """Return what others may see of it, from any thread; `end` is where its topic ends, as far as is known."""
        landing = self.landing
        position = self.owned if landing is None else landing.position
        fault = self.fault if landing is None else ""
        if position is None:
            return StreamState(self.source.stream, fault)
        place = (position.epoch, self.after, position.batch, position.start)
        return StreamState(self.source.stream, fault, *place, end)

    def open(self, limits: Land, topic_id: str) -> tuple[int, Record | None, Record | None, int]:
        """Take the stream over, or go on with it. Raises as the target does.

        Returns the offset to read from, the record that landed before it, what a worker before was known to have
        read behind it, and by how much its offsets are more than the topic's.
        """
        self.landing, landed, kept = self.writer.do(self._open, limits, topic_id)
        position = self.landing.position
        _logger.info("stream_opened", stream=position.stream, offset=position.start, epoch=position.epoch)
        return position.start, landed, kept, position.shift

    def lacks(self, record: Record) -> bool:
        """Whether a record has not landed, as far as is known."""
        position = self.owned if self.landing is None else self.landing.position
        return position is None or position.next_offset <= record.offset

    def keep_last_read(self, record: Record) -> None:
        """Keep what was read last, for the next worker. Raises as the target does."""

        def keep() -> None:
            session = self.writer.session()
            keep_last_read(session.connection, self.source.stream, record, session.protection)

        self.writer.do(keep)

    def close(self) -> None:
        """Forget what was read: the stream is opened again from its position."""
        if self.landing is not None:
            self.writer.submit(self.landing.abandon)
            self.owned, self.landing = self.landing.position, None
        self.jobs.clear()

    def interrupt(self) -> None:
        """Close it because what follows may not belong to what was read.

        It is read again from its position, and a large transaction from its begin: it does not land if that goes on.
        """
        self.interruptions += 1
        _logger.warning("stream_interrupted", stream=self.source.stream, times=self.interruptions)
        self.fault = "is being opened again, through another connection to Kafka"
        self.close()

    def feed(self, records: Iterable[Record]) -> None:
        """Take the next records."""
        if self.landing is not None:
            self.landing.reader.feed(records)

    def submit(self, *, drained: bool) -> None:
        """Give the writer what is ready: whatever there is of a drained stream, else batches that are full.

        Raises FatalError STR-1xx at the end of a stream that is broken, once all before it has landed.
        """
        landing = self.landing
        if landing is None:
            return
        if drained and not self._is_behind:  # else nothing came because nothing was asked for
            landing.reader.flush()
        while landing.reader.has_pending and (drained or landing.reader.is_full):
            # A batch that is not full may as well grow while another one is being written.
            if self._batches >= (_AHEAD if landing.reader.is_full else 1):
                break
            prepared = landing.take()
            crash_point("W2")
            self.jobs.append(self.writer.submit(landing.land, prepared))
        if landing.reader.end is not None and not landing.reader.has_pending and not self.jobs:
            raise landing.reader.end

    def follow(self) -> None:
        """Let the writer follow a reading of the source's catalogue, if there is one. Raises FatalError."""
        landing = self.landing
        if landing is not None:
            landing.hold_against_source()
        reading = None if landing is None or self.following in self.jobs else landing.take_reading()
        if landing is not None and reading is not None:
            self.following = self.writer.submit(landing.follow, reading)
            self.jobs.append(self.following)

    def settle(self) -> None:
        """Wait until the writer has done what it has been given, and give it no more."""
        wait(self.jobs)
        errors = [job.exception() for job in self.jobs]
        self.close()
        self.writer.do(lambda: None)
        if any(errors):
            _logger.warning("stream_settled", stream=self.source.stream, error=next(filter(None, errors)))

    def finished(self) -> list[Callable[[], object]]:
        """Return the outcomes of the jobs that are done, in order; each raises what its job raised."""
        done: list[Callable[[], object]] = []
        while self.jobs and self.jobs[0].done():
            done.append(self.jobs.popleft().result)
        return done

    def _open(self, limits: Land, topic_id: str) -> tuple[StreamLanding, Record | None, Record | None]:
        session = self.writer.session()
        stream = self.source.stream
        if self.owned is None:
            position = take_over(session.connection, stream, self.source.name)
            self.after = position.batch
        else:
            position = reclaim(session.connection, self.owned)
        adopt_topic(session.connection, position, topic_id)
        make_journal_months(session.connection)
        landed = last_landed(session, position)
        kept = find_last_read(session.connection, stream, position.start, session.protection)
        crash_point("W16")
        return StreamLanding(self.source, session, position, limits, self._find_landed), landed, kept

    def _find_landed(self, unit_id: str) -> Landed | None:
        return self.writer.do(lambda: find_landed(self.writer.session().connection, self.source.stream, unit_id))


def last_landed(session: Session, position: Position) -> Record | None:
    """Return the record that landed last, for the topic to be compared with; one whose key was shredded is none."""
    try:
        return read_last_record(session.opener(), position.stream, position.batch, position.start)
    except FatalError as error:
        if error.code != SHREDDED:
            raise
        _logger.warning("last_landed_not_compared", stream=position.stream, error=error)
        return None

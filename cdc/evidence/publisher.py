"""Publishes the heads of all streams, signed, to places that whoever owns the database cannot write to.

It runs in a thread of the watch worker, apart from landing, which it can neither slow nor stop: what cannot be
published is logged, shown by `cdc status`, and tried again with the head of then. What is due is decided by what this
process has published itself: the record in the target would let its owner keep it from publishing. A head at an offset
is the same whoever publishes it, so that several publishers do no harm.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cdc.access import Target
from cdc.backoff import Backoff
from cdc.config import Anchors, Settings
from cdc.errors import CdcError, TransientError
from cdc.evidence.anchor import anchor_of
from cdc.evidence.chain import Head
from cdc.evidence.place import AnchorFile, AnchorTopic, Place
from cdc.evidence.published import note_failure, note_published
from cdc.evidence.signed import read_private_key
from cdc.observe.monitor import Monitor
from cdc.store.connection import as_service_errors, reconnect

LOOK_S: Final = 2.0
LATE: Final = 3
"""So many times longer than the settings say, and a head is missed."""
# The thread ends by itself soon after the worker does; one that waits for Kafka is not waited for.
_PATIENCE_S: Final = 2.0

_logger = structlog.get_logger()


def places_of(settings: Settings, anchors: Anchors) -> tuple[Place, ...]:
    """Return where heads are to be published."""
    return AnchorFile(anchors.file), AnchorTopic(settings.kafka, anchors.topic)


@contextmanager
def publishing(settings: Settings, monitor: Monitor) -> Iterator[None]:
    """Publish while the block runs, if the settings say so."""
    if settings.anchors is None:
        yield
        return
    ended = threading.Event()
    publisher = Publisher(settings.target, settings.anchors, places_of(settings, settings.anchors), monitor)
    thread = threading.Thread(target=_run, args=(publisher, ended, monitor), name="anchors", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_PATIENCE_S)


def _run(publisher: Publisher, ended: threading.Event, monitor: Monitor) -> None:
    pulse = monitor.pulse("anchors")
    while not ended.wait(LOOK_S):
        pulse.beat()
        publisher.turn()
    publisher.close()


class _Progress(NamedTuple):
    """How far a stream has landed."""

    head: Head
    batch: int


class _Done(NamedTuple):
    """What was published of a stream last, and when by `time.monotonic`."""

    offset: int
    batch: int
    at: float


@dataclass(slots=True)
class _Shelf:
    """One place, and what this process has published there."""

    place: Place
    done: dict[str, _Done] = field(default_factory=dict)
    backoff: Backoff = field(default_factory=Backoff)

    def is_due(self, found: _Progress, anchors: Anchors, now: float) -> bool:
        last = self.done.get(found.head.stream)
        if last is None:
            return True
        is_late = now - last.at >= anchors.every_minutes * 60 or found.batch - last.batch >= anchors.every_batches
        return is_late and found.head.offset != last.offset


class Publisher:
    """What the loop keeps between two turns; `now` is its clock, in seconds."""

    def __init__(
        self,
        target: Target,
        anchors: Anchors,
        places: Sequence[Place],
        monitor: Monitor,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._target, self._anchors, self._monitor, self._now = target, anchors, monitor, now
        self._shelves = [_Shelf(place) for place in places]
        self._connection: psycopg.Connection[Any] | None = None
        self._away = Backoff()

    def turn(self) -> None:
        """Publish what is due, at each place on its own. Raises nothing that passes or that a person has to mend."""
        if not self._away.is_over:
            return
        try:
            with as_service_errors():
                progress = self._progress()
                for shelf in self._shelves:
                    due = [found for found in progress if shelf.is_due(found, self._anchors, self._now())]
                    if due and shelf.backoff.is_over:
                        self._publish(shelf, due)
            self._away.succeed()
        except CdcError as error:
            self._lose(error)

    def close(self) -> None:
        """Give back what it takes to publish."""
        for shelf in self._shelves:
            shelf.place.close()
        self._disconnect()

    def _progress(self) -> list[_Progress]:
        rows = self._connected().execute(
            "SELECT stream, next_offset, chain, batch FROM cdc.position WHERE batch > 0 ORDER BY stream"
        )
        return [_Progress(Head(stream, offset, bytes(chain)), batch) for stream, offset, chain, batch in rows]

    def _publish(self, shelf: _Shelf, due: Sequence[_Progress]) -> None:
        try:
            key = _signing_key(self._anchors.key)
            anchors = [anchor_of(found.head, key) for found in due]
            shelf.place.append(anchors)
        except TransientError as error:
            self._monitor.failed(error)
            wait = shelf.backoff.fail()
            _logger.warning("heads_not_published", error=error, wait_s=round(wait, 1))
            note_failure(self._connected(), str(shelf.place), error.detail)
            return
        shelf.backoff.succeed()
        for found in due:
            shelf.done[found.head.stream] = _Done(found.head.offset, found.batch, self._now())
        note_published(self._connected(), str(shelf.place), anchors)
        _logger.debug("heads_published", place=str(shelf.place), streams=len(anchors))

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            self._connection = reconnect(self._target, "cdc anchors")
            self._connection.autocommit = True
        return self._connection

    def _lose(self, error: CdcError) -> None:
        """Begin anew with another session: what was published without a record is at its place all the same."""
        self._monitor.failed(error)
        wait = self._away.fail()
        _logger.warning("heads_not_read", error=error, wait_s=round(wait, 1))
        self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _signing_key(path: Path) -> Ed25519PrivateKey:
    """Return the key, read anew: it may be replaced while workers run. Raises TransientError EVD-121."""
    try:
        return read_private_key(path)
    except CdcError as error:
        raise TransientError("EVD-121", str(error)) from error

"""Starts again what Kafka Connect leaves lying: tasks that have failed, and tasks that run and say nothing.

Connect restarts nothing by itself. And a MariaDB connector does not notice that its server has gone: its own thread for
that (`connect.keep.alive`) has to be off, because it would cut the connection under a reader that only waits for Kafka,
and rows of the open transaction are lost then. A restart of the task in the same place loses none.

A snapshot that ends before its first row leaves an offset without a place in the log. The task that starts from it,
whoever starts it, fails for ever (MariaDB) or skips the snapshot (PostgreSQL): such a connector is made to forget it,
and takes the snapshot.

A PostgreSQL connector reads all tables at the one moment at which its replication slot was made; on a slot that is
there already (3.6) it reads each table as it is by then, and streams from before them all. Until that is over the
mirrors would show rows of different moments, and what the log leaves out of them might stay unknown. So a snapshot that
was interrupted, or is taken again, is begun again once more, without the slot.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from cdc.access import Kafka
from cdc.backoff import Backoff
from cdc.capture.connect import Connect
from cdc.capture.connector import reader_name, signal_topic
from cdc.capture.reading import Reading
from cdc.capture.slot import drop_slot
from cdc.capture.source import Source, load_sources
from cdc.config import Settings, environment
from cdc.errors import CdcError, FatalError, NotAdmitted
from cdc.observe.monitor import Monitor
from cdc.observe.watching import WatchMetrics
from cdc.stream.topic import ends_of

_LOOK_S = 2.0
# A live connector sends a heartbeat every second; a machine may well hold its breath for some of them.
_SILENCE_S = 20.0
# A task that has failed says so only once its producer is closed, for which Connect gives it 30 s: one that fell silent
# soon after it was restarted gets the time to say why.
_CLOSING_S = 45.0
_FIRST_WAIT_S = 5.0
_LONGEST_WAIT_S = 60.0
_SNAPSHOT = {"CON-112": "the task took it for done", "CON-114": "its slot is older"}

_logger = structlog.get_logger()


def run(settings: Settings, stop: threading.Event, monitor: Monitor) -> None:
    """Watch every source whose file says running, until `stop`. Raises SRC-101 for connector files with faults."""
    sources = load_sources(settings.folders.connector_configs).values()
    with Connect(settings.connect) as connect:
        watches = [Watch(source, connect, settings.kafka) for source in sources if source.state == "running"]
        metrics = WatchMetrics(monitor, [watch.source.name for watch in watches])
        while not stop.wait(_LOOK_S):
            for watch in watches:
                if watch.backoff.is_over:
                    _look(watch, metrics)
            metrics.turned()


def _look(watch: Watch, metrics: WatchMetrics) -> None:
    try:
        restarted = watch.look(), watch.look_at_reader()
        metrics.looked(watch.source.name, restarted)
        watch.backoff.succeed()
    except CdcError as error:
        # Whatever Connect or Kafka answers: what is watched goes on, and so must the watching.
        watch.forget()
        watch.backoff.fail()
        metrics.failed(watch.source.name, error)
        _logger.warning("watch_failed", source=watch.source.name, code=error.code, detail=error.detail)


@dataclass(slots=True)
class Watch:
    """One connector under watch: how far its stream was, since when, and when it may be restarted again."""

    source: Source
    connect: Connect
    kafka: Kafka
    silence_s: float = _SILENCE_S
    first_wait_s: float = _FIRST_WAIT_S
    now: Callable[[], float] = time.monotonic
    # For looks that failed, not for restarts.
    backoff: Backoff = field(default_factory=Backoff)
    _end: int = -1
    _since: float = 0.0
    _wait: float = 0.0
    _not_before: float = 0.0
    _restarted: float = -math.inf
    _reader_not_before: float = 0.0
    # The end of the signal topic up to which nothing is on record that is wrong with the snapshot.
    _signals: int = -1
    _begins_again: str | None = None

    def look(self) -> str | None:
        """Look once; restart the connector if that is due and return the code of what was wrong."""
        (end, signals), now = ends_of(self.kafka, self.source.stream, signal_topic(self.source)), self.now()
        if end != self._end:
            grew, self._end, self._since = self._end >= 0, end, now
            # Also by what a failing task leaves of its transactions: only one that lasts is well again.
            self._wait = 0.0 if grew and now - self._restarted > _LONGEST_WAIT_S else self._wait
        code, detail = self._fault(now, signals)
        if code is None or now < self._not_before:
            return None
        _logger.warning("connector_restarted", source=self.source.name, code=code, detail=detail)
        if code in _SNAPSHOT:
            self._begin_again(code)
            self._signals = signals
        else:
            self._restart(self.source.name, only_failed=code == "CON-103")
        self._wait = min(max(self._wait * 2, self.first_wait_s), _LONGEST_WAIT_S)
        self._not_before, self._since, self._restarted = now + self._wait, now, now
        return code

    def look_at_reader(self) -> str | None:
        """Start the reader again if it has failed, and return the code of why. Remove it once its tables are read."""
        reader, reading = reader_name(self.source), Reading(self.source, self.kafka)
        status, now = self.connect.status(reader), self.now()
        code, detail = ("CON-103", status.failure) if status.failure else (None, "")
        if status.is_in("running"):
            for action in reading.tidy(self.connect):
                _logger.info("reader_removed", source=self.source.name, detail=action)
                return None
            if reading.is_skipped_by_reader():
                code, detail = "CON-112", _SNAPSHOT["CON-112"]
        if code is None or now < self._reader_not_before:
            return None
        _logger.warning("connector_restarted", source=reader, code=code, detail=detail)
        if code == "CON-112":
            self.connect.begin_again(reader)
        else:
            self._restart(reader, only_failed=True)
        self._reader_not_before = now + _LONGEST_WAIT_S
        return code

    def forget(self) -> None:
        """Start the silence anew: while nobody could be asked, it proves nothing."""
        self._end = -1

    def _restart(self, name: str, *, only_failed: bool) -> None:
        if self.connect.restart(name, only_failed=only_failed):
            _logger.warning("snapshot_begun_again", source=name, code="CON-112", detail="it had not begun")

    def _begin_again(self, code: str) -> None:
        # Who dies in between leaves the connector stopped; who only fails comes back to it.
        self._begins_again = code
        self.connect.begin_again(self.source.name, self._drop_slot)
        self._begins_again = None

    def _drop_slot(self) -> None:
        if self.source.kind != "postgresql":
            return
        try:
            drop_slot(self.source, environment())
        except NotAdmitted:
            raise  # passwords are replaced while workers run
        except FatalError as error:
            # A snapshot of different moments settles once the stream has passed them; a connector that stands still,
            # or begins again without an end, does not.
            _logger.warning("slot_not_dropped", source=self.source.name, error=error)
        Reading(self.source, self.kafka).note_slot_dropped()

    def _fault(self, now: float, signals: int) -> tuple[str | None, str]:
        status = self.connect.status(self.source.name)
        # One that somebody has stopped or paused stays so.
        runs = status.state in ("RUNNING", "FAILED")
        snapshot = self._begins_again or (self._snapshot_fault(signals) if runs else None)
        if snapshot is not None:
            return snapshot, _SNAPSHOT[snapshot]
        if status.failure:
            return "CON-103", status.failure
        silent = now - self._since
        was_restarted = self._since - self._restarted <= _LONGEST_WAIT_S
        patience = max(self.silence_s, _CLOSING_S) if was_restarted else self.silence_s
        if silent < patience or not status.is_in("running") or self.connect.in_snapshot(self.source.name):
            return None, ""
        return "CON-106", f"{silent:.0f} s"

    def _snapshot_fault(self, signals: int) -> str | None:
        """Return the code of what is on record that is wrong with the connector's snapshot."""
        if signals == self._signals:
            return None
        code = Reading(self.source, self.kafka).snapshot_fault()
        if code is None:
            self._signals = signals
        return code

"""Starts again what Kafka Connect leaves lying: tasks that have failed, tasks that run and say nothing, and what it
was to start again and did not.

Connect restarts nothing by itself. And a MariaDB connector does not notice that its server has gone: its own thread for
that (`connect.keep.alive`) has to be off, because it would cut the connection under a reader that only waits for Kafka,
and rows of the open transaction are lost then. A restart of the task in the same place loses none.

A snapshot that ends before its first row leaves an offset without a place in the log: the task that starts from it,
whoever starts it, fails for ever (MariaDB) or skips the snapshot (PostgreSQL). A snapshot of PostgreSQL that was
interrupted, or is taken again, finds the slot of the one before, and is of no one moment. Such a connector is made to
begin from nothing (`cdc.capture.lifecycle`). Whoever does that may die in the middle of it: after a while it is done
again, from its first step.

Several may watch the same connectors. A restart is on record before it is done (`cdc.capture.reading`), and who is not
the first there leaves it to the other one.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from uuid import uuid4

import structlog

from cdc.access import Kafka
from cdc.backoff import Backoff
from cdc.capture.answer import ABSENT, Status
from cdc.capture.connect import Connect
from cdc.capture.connector import reader_name, signal_topic
from cdc.capture.lifecycle import Lifecycle
from cdc.capture.reader import Reader
from cdc.capture.reading import Reading
from cdc.capture.readings import Readings
from cdc.capture.source import Source
from cdc.capture.source_folder import SourceFolder
from cdc.capture.turn import PATIENCE_S
from cdc.config import Settings
from cdc.errors import CdcError
from cdc.observe.monitor import Monitor
from cdc.observe.watching import WatchMetrics
from cdc.stream.topic import TopicEnds

_LOOK_S = 2.0
# A live connector sends a heartbeat every second; a machine may well hold its breath for some of them.
_SILENCE_S = 20.0
# A task that has failed says so only once its producer is closed, for which Connect gives it 30 s: one that fell silent
# soon after it was restarted gets the time to say why.
_CLOSING_S = 45.0
_FIRST_WAIT_S = 5.0
_LONGEST_WAIT_S = 60.0
_SNAPSHOT = {
    "CON-112": "the task took it for done",
    "CON-114": "its slot is older",
    "CON-115": "it was not made to begin to the end",
}

# The log does not have the connector's place: rows are lost that a person has to answer for (runbooks/CON-117.md).
_LOST = "CON-117"

_logger = structlog.get_logger()


def run(settings: Settings, stop: threading.Event, monitor: Monitor) -> None:
    """Watch every source whose file says running, until `stop`. Raises SRC-101 for connector files with faults.

    Files may change meanwhile: what they come to say is watched, or not any more, from the next turn on.
    """
    folder = SourceFolder(settings.folders.connector_configs)
    metrics = WatchMetrics(monitor)

    def is_wanted(name: str) -> bool:
        now = folder.read().get(name)
        return now is not None and now.state == "running"

    with Connect(settings.connect) as connect, closing(TopicEnds(settings.kafka)) as ends:
        watches: dict[str, Watch] = {}
        while True:
            watches = _watches(folder, watches, lambda source: Watch(source, connect, settings.kafka, ends, is_wanted))
            metrics.watches(watches)
            if stop.wait(_LOOK_S):
                return
            for watch in watches.values():
                if watch.backoff.is_over:
                    _look(watch, metrics)
            metrics.turned()


def _watches(folder: SourceFolder, watches: Mapping[str, Watch], begin: Callable[[Source], Watch]) -> dict[str, Watch]:
    """Return a watch of each source that is to run, by name: the one that there is, with what its file says now."""
    running = {name: source for name, source in folder.read().items() if source.state == "running"}
    found = {name: watches.get(name) or begin(source) for name, source in running.items()}
    for name, watch in found.items():
        watch.source = running[name]
    return found


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
    """One connector under watch: how far its stream was, since when, and when it may be restarted again.

    `is_wanted` tells whether the file of a connector says by now that it runs. Waits double from the first to the
    longest, and begin anew once the stream has grown for longer than the longest without a restart.
    """

    source: Source
    connect: Connect
    kafka: Kafka
    ends: TopicEnds
    is_wanted: Callable[[str], bool] = lambda _: True
    silence_s: float = _SILENCE_S
    first_wait_s: float = _FIRST_WAIT_S
    longest_wait_s: float = _LONGEST_WAIT_S
    now: Callable[[], float] = time.monotonic
    # For looks that failed, not for restarts.
    backoff: Backoff = field(default_factory=Backoff)
    _end: int = -1
    _since: float = 0.0
    _wait: float = 0.0
    _not_before: float = 0.0
    _restarted: float = -math.inf
    _reader_not_before: float = 0.0
    _given_up: str = ""
    # The reader had read everything at the last look.
    _is_read: bool = False
    # The end of the signal topic up to which nothing is on record that is wrong with the snapshot.
    _signals: int = -1
    # By connector: the attempt that this watch makes at having it begin, and since when it sees that of another one.
    _attempts: dict[str, str] = field(default_factory=dict)
    _others: dict[str, tuple[str, float]] = field(default_factory=dict)
    # By connector: how many restarts were on record when this watch looked.
    _restarts: dict[str, int] = field(default_factory=dict)

    def look(self) -> str | None:
        """Look once; restart the connector if that is due and return the code of what was wrong."""
        status = self.connect.status(self.source.name)
        if status.state == ABSENT:
            self.forget()  # nor are its topics there before the first `apply`
            return None
        (end, signals), now = self.ends.of(self.source.stream, signal_topic(self.source)), self.now()
        if end != self._end:
            grew, self._end, self._since = self._end >= 0, end, now
            # Also by what a failing task leaves of its transactions: only one that lasts is well again.
            self._wait = 0.0 if grew and now - self._restarted > self.longest_wait_s else self._wait
        code, detail = self._fault(status, now, signals)
        if code == _LOST:
            self._give_up(detail)
            return None
        self._given_up = ""
        if code is None or now < self._not_before:
            return None
        # Asked first: what cannot be started is not put on record as started again, at each look.
        reselect = None if code in _SNAPSHOT else self._lifecycle(self.source.name).at_start()
        is_ours = reselect is None or self._is_first(self.source.name)
        wait = min(max(self._wait * 2, self.first_wait_s), self.longest_wait_s)
        if is_ours:
            _logger.warning("connector_restarted", source=self.source.name, code=code, detail=detail, next_after_s=wait)
        if reselect is None:
            self._begin_again(self.source.name)
            self._signals = signals
        elif is_ours:
            self._lifecycle(self.source.name).restart(only_failed=code == "CON-103", reselect=reselect)
        # Whoever has started it again: it gets its time.
        self._wait, self._not_before, self._since, self._restarted = wait, now + wait, now, now
        return code if is_ours else None

    def _is_first(self, name: str) -> bool:
        """Tell whether a restart is this watch's to do: of several that want it, it is who is first on record.

        A restart that is on record since this watch looked last is another one's, and has its time to work.
        """
        record = Reading(self.source, self.kafka)
        known, found = self._restarts.get(name, 0), len(record.fold().restarts(name))
        self._restarts[name] = found
        if found > known:
            return False
        mine = uuid4().hex
        record.note_restart(name, mine)
        restarts = record.fold().restarts(name)
        self._restarts[name] = len(restarts)
        return restarts[found] == mine

    def _give_up(self, failure: str) -> None:
        """Say once that a restart does not help: the task would fail in the same place, for ever."""
        if failure != self._given_up:
            _logger.error("connector_given_up", source=self.source.name, code=_LOST, detail=failure)
        self._given_up = failure

    def look_at_reader(self) -> str | None:
        """Start the reader again if it has failed, and return the code of why. Remove it once its tables are read."""
        name, now = reader_name(self.source), self.now()
        code, detail = self._reader_fault(now)
        if code is None or now < self._reader_not_before:
            return None
        self._reader_not_before = now + self.longest_wait_s
        reselect = None if code in _SNAPSHOT else self._lifecycle(name).at_start()
        if reselect is not None and not self._is_first(name):
            return None
        _logger.warning("connector_restarted", source=name, code=code, detail=detail)
        if reselect is None:
            self._begin_again(name)
        else:
            self._lifecycle(name).restart(only_failed=True, reselect=reselect)
        return code

    def _reader_fault(self, now: float) -> tuple[str | None, str]:
        reader = Reader(self.source, self.kafka, self.connect)
        status = self.connect.status(reader.name)
        if status.state == ABSENT:
            return None, ""
        if status.failure:
            return self._code_of_failure(reader.name), status.failure
        was_read, self._is_read = self._is_read, reader.is_over()
        if self._is_read:
            # Not at once: whoever has started it waits until he has seen it run for a while.
            for action in reader.tidy() if was_read else ():
                _logger.info("reader_removed", source=self.source.name, detail=action)
            return None, ""
        if status.is_in("running") and reader.is_skipped():
            return "CON-112", _SNAPSHOT["CON-112"]
        if status.state == "STOPPED" and self._is_unfinished(reader.name, reader.record.fold(), now):
            return "CON-115", _SNAPSHOT["CON-115"]
        return None, ""

    def forget(self) -> None:
        """Start the silence anew: while nobody could be asked, it proves nothing."""
        self._end = -1

    def _begin_again(self, name: str) -> None:
        """Have a connector begin from nothing: a turn that this watch has already is gone on with."""
        lifecycle = self._lifecycle(name)
        if name in self._attempts and not lifecycle.turns.has(self._attempts[name]):
            del self._attempts[name]  # somebody else has finished it, or is at it
            return
        reselect = lifecycle.reselect()  # asked first: who cannot has no turn, for which others would wait
        if name not in self._attempts:
            self._attempts[name] = lifecycle.turns.take_over(lifecycle.turns.current())
        lifecycle.begin_again(self._attempts[name], reselect, lambda: self.is_wanted(self.source.name))
        del self._attempts[name]

    def _is_unfinished(self, name: str, told: Readings, now: float) -> bool:
        """Tell whether a connector was to begin from nothing, nobody goes on with that, and it is wanted still."""
        attempt = told.beginning(name)
        if attempt is None:
            self._others.pop(name, None)
            return False
        seen, since = self._others.get(name, ("", now))
        if seen != attempt.id:
            self._others[name] = (attempt.id, now)
            since = now
        is_due = attempt.is_given_up or attempt.id == self._attempts.get(name) or now - since >= PATIENCE_S
        return is_due and self.is_wanted(self.source.name)

    def _code_of_failure(self, name: str) -> str:
        return "CON-112" if self._lifecycle(name).must_begin() else "CON-103"

    def _lifecycle(self, name: str) -> Lifecycle:
        return Lifecycle(self.connect, self.kafka, self.source, name)

    def _fault(self, status: Status, now: float, signals: int) -> tuple[str | None, str]:
        snapshot = self._snapshot_fault(now, signals, runs=status.state in ("RUNNING", "FAILED"))
        if snapshot is not None:
            return snapshot, _SNAPSHOT[snapshot]
        if status.has_lost_place:
            return _LOST, status.failure
        if status.failure:
            return self._code_of_failure(self.source.name), status.failure
        return self._silence_fault(status, now)

    def _silence_fault(self, status: Status, now: float) -> tuple[str | None, str]:
        silent = now - self._since
        was_restarted = self._since - self._restarted <= self.longest_wait_s
        patience = max(self.silence_s, _CLOSING_S) if was_restarted else self.silence_s
        if silent < patience:
            return None, ""
        if status.is_restarting:
            # A worker that cannot read a reference when it is to start something again says so in its log alone.
            return "CON-104", f"restarting for {silent:.0f} s"
        if status.is_in("running") and not self.connect.in_snapshot(self.source.name):
            return "CON-106", f"{silent:.0f} s"
        return None, ""

    def _snapshot_fault(self, now: float, signals: int, *, runs: bool) -> str | None:
        """Return the code of what is on record that is wrong with the connector's snapshot, if it is to be mended now.

        One that somebody has stopped or paused stays so, but for one that was stopped to begin from nothing.
        """
        if signals == self._signals:
            return None
        record = Reading(self.source, self.kafka)
        told = record.fold()
        if told.beginning(self.source.name) is not None:
            return "CON-115" if self._is_unfinished(self.source.name, told, now) else None
        code = record.snapshot_fault(told)
        if code is None:
            self._signals = signals
        return code if runs else None

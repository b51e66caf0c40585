"""A connector from its creation on: brought to what its file says, started again, and made to begin from nothing.

Who begins from nothing takes a snapshot. Two things that are left of an earlier beginning would spoil it:

- What a snapshot that ended before its first row has left is recorded like a place in the log, and is none.
- PostgreSQL's connector reads all tables at the one moment at which its replication slot was made; on a slot that is
  there already (3.6) it reads each table as it is by then, and streams from before them all. What such a slot has kept
  comes behind rows that were read after it: a table without a key would count it twice.

So whichever way a connector comes to its first snapshot, it forgets its place and loses its slot before. Whoever does
that has a turn of his own (`cdc.capture.turn`), and leaves a record if he dies. And whichever way, the snapshot selects
what the source's tables are by then (`cdc.capture.selects_now`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Final

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from cdc.access import Kafka
from cdc.capture.answer import ABSENT
from cdc.capture.connect import Connect
from cdc.capture.connector import render
from cdc.capture.plan.impact import impact_of
from cdc.capture.readings import Attempt
from cdc.capture.selects_now import Reselect, selects_now
from cdc.capture.slot import drop_slot, require_no_slot
from cdc.capture.source import Source
from cdc.capture.turn import Turns
from cdc.config import environment
from cdc.errors import FatalError, TransientError
from cdc.stream.topic import end_offsets

# After a change the old task's status is shown until the new one starts; a state counts once it has held this long.
_SETTLE_S = 2.0
# The source notices some seconds after the connector that nobody reads its slot any more.
_SLOT_PATIENCE_S = 10.0
_SLOT_POLL_S = 0.5
_GOES_ON: Final = "goes on at the place that Kafka Connect has kept"
_BEGUN: Final = "snapshot begun"


class Lifecycle:
    """One of a source's connectors: `name` is the source's, or its reader's (which has no slot).

    `selects` is asked before each snapshot what it has to select; what it raises, whatever begins one raises, too.
    """

    def __init__(
        self,
        connect: Connect,
        kafka: Kafka,
        source: Source,
        name: str,
        selects: Callable[[Source], Reselect] = selects_now,
    ) -> None:
        self.turns = Turns(kafka, source, name)
        self._connect = connect
        self._kafka = kafka
        self._source = source
        self._name = name
        self._selects = selects

    def apply(self, config: Mapping[str, str], state: str) -> list[str]:
        """Bring the connector to the configuration and to `state` (running, paused, stopped), and wait until it is.

        Returns what was done in words; a second call returns nothing. Raises CON-103 if it fails on the way there,
        CON-104 if it takes too long; where it begins from nothing, as `begin`.
        """
        failed_before = self._connect.status(self._name).failure
        done = [*self._configure(config, state), *self._move(state)]
        if done:
            self._connect.await_state(self._name, state, _SETTLE_S, failed_before)
        else:
            self._connect.await_state(self._name, state, 0.0)
        return done

    def must_begin(self) -> bool:
        """Tell whether a start would be spoilt: by what is recorded and no place, or by a slot that may be there."""
        return not self._connect.has_place(self._name) if self._has_slot else self._connect.is_unbegun(self._name)

    def require_same_source(self) -> None:
        """Raise CON-180 if the file names another server, database or slot than the connector runs with.

        The slot to be dropped, and the selects, are of the file: it would begin on another one that is there.
        """
        if self._name != self._source.name:
            return
        live = self._connect.config(self._name) or {}
        wanted = render(self._source, self._kafka.for_connectors, {})
        common = sorted(live.keys() & wanted.keys())
        moved = [key for key in common if live[key] != wanted[key] and impact_of(key).forgets]
        if moved:
            raise FatalError("CON-180", f"{self._name}: {', '.join(moved)} (its file says otherwise than it runs)")

    def renew(self) -> str:
        """Have connector and tasks started again and wait until they run; references are resolved anew.

        Returns what was done in words. One whose snapshot has not come to its first row begins it again. One that
        somebody has paused stays so; of one that is stopped nothing is left to be started, and the answer is empty.
        Raises CON-103 if it fails, CON-104 if it takes too long, CON-116 if it is not there.
        """
        now = self._connect.status(self._name)
        if now.state == "STOPPED":
            return ""
        if now.state == "PAUSED":
            self.restart(only_failed=False)
            self._connect.await_state(self._name, "paused", _SETTLE_S, now.failure)
            return "restarted, and paused as before"
        is_begun_again = self.must_begin()
        if is_begun_again:
            self.begin()
        else:
            self.restart(only_failed=False)
        self._connect.await_state(self._name, "running", _SETTLE_S, now.failure)
        return "restarted, its snapshot begins again" if is_begun_again else "restarted"

    def restart(self, *, only_failed: bool, reselect: Reselect | None = None) -> None:
        """Have its tasks started again; `reselect` as of `at_start`, asked now if it was not before. Raises as that."""
        self._configure_selects(reselect or self.at_start(), self._connect.config(self._name) or {})
        self._connect.restart(self._name, only_failed=only_failed)

    def at_start(self) -> Reselect:
        """Return what tasks that start now are to select: in the middle of a snapshot they begin it anew.

        Raises CON-180 if the file has another place by now, and what `selects` does.
        """
        if not self._connect.in_snapshot(self._name):
            return dict
        self.require_same_source()
        return self.reselect()

    def begin(self, *, is_wanted: bool = True, between: Callable[[], Mapping[str, str]] | None = None) -> None:
        """Have the connector forget where it was and take its snapshot, if it is to run; returns before it does.

        `between` is done while it stands still and knows of nothing, and returns the configuration that it has given.
        Waits for whoever is at it already. Raises as `begin_again`: CON-116, CON-180 and what `selects` raises, before
        anything is done; else the record says then that it is unfinished.
        """
        self._require_connector()
        if between is None:
            self.require_same_source()
        unfinished = self.turns.await_end()
        reselect = self.reselect()
        with self._turn(unfinished) as attempt:
            self._begin(attempt, reselect, lambda: is_wanted, between)

    def begin_as(self, config: Mapping[str, str], state: str) -> list[str]:
        """Give the connector a configuration to which its place means nothing: it forgets that, and begins.

        Returns what was done in words. Raises CON-102 before anything is done, and as `begin`.
        """
        self._connect.validate(config)
        is_wanted = state == "running"

        def configure() -> Mapping[str, str]:
            self._connect.configure(self._name, config)
            return config

        self.begin(is_wanted=is_wanted, between=configure)
        if is_wanted:
            self._connect.await_state(self._name, state, _SETTLE_S)
        return ["place forgotten", "settings changed", *([_BEGUN] if is_wanted else [])]

    def reselect(self) -> Reselect:
        """Return what a snapshot that begins now selects, asked before a turn is taken. Raises what `selects` does."""
        return self._selects(self._source)

    def begin_again(self, attempt: str, reselect: Reselect, is_wanted: Callable[[], bool] = lambda: True) -> str:
        """Do the same within a turn; return what was done, in words. It stays stopped if it is not wanted by then.

        A connector that was made in this turn, or in the one that it is taken over from, goes on where Kafka Connect
        has kept a place of its stream. Raises CON-104 if it does not stop in time, CON-115 if somebody else has taken
        the turn, CON-116 if the connector is not there, CON-180 if its file has another place by now; of the slot, as
        `cdc.capture.slot.drop_slot`, and CON-194 if a connector that never began finds one: it is stopped then.
        """
        self._require_connector()
        self.require_same_source()
        current = self.turns.current()
        if current is not None and current.creates and self._goes_on():
            self._go_on(attempt, is_wanted)
            return _GOES_ON
        self._begin(attempt, reselect, is_wanted, None)
        return _BEGUN

    def _go_on(self, attempt: str, is_wanted: Callable[[], bool]) -> None:
        self.turns.require(attempt)
        if is_wanted():
            self._start()
        self.turns.end(attempt)

    def _begin(
        self,
        attempt: str,
        reselect: Reselect,
        is_wanted: Callable[[], bool],
        between: Callable[[], Mapping[str, str]] | None,
    ) -> None:
        # In this order: a connector that went on from its place with a new slot would miss what is between them.
        self.turns.require(attempt)
        drop = self._slot_dropper()
        self._connect.forget(self._name)
        self.turns.require(attempt)
        drop()
        # What was given is not asked for again: of several workers one may not have read it yet.
        current = between() if between is not None else self._connect.config(self._name) or {}
        self._configure_selects(reselect, current)
        self.turns.note_forgotten(attempt)
        self.turns.require(attempt)
        if is_wanted():
            self._connect.move(self._name, "running")
        self.turns.end(attempt)

    def _configure_selects(self, reselect: Reselect, current: Mapping[str, str]) -> None:
        if (wanted := reselect(current)) != current:
            self._connect.configure(self._name, wanted)

    def _start(self) -> None:
        self._configure_selects(self.at_start(), self._connect.config(self._name) or {})
        self._connect.move(self._name, "running")

    @contextmanager
    def _turn(self, instead_of: Attempt | None, *, creates: bool = False) -> Iterator[str]:
        attempt = self.turns.take(instead_of, creates=creates)
        try:
            yield attempt
        except BaseException:
            self.turns.give_up(attempt)
            raise

    def _require_connector(self) -> None:
        if self._connect.config(self._name) is None:
            raise FatalError("CON-116", self._name)

    def _configure(self, config: Mapping[str, str], state: str) -> Iterator[str]:
        current = self._connect.config(self._name)
        if current == config:
            return
        self._connect.validate(config)
        if current is not None:
            reselect = self.reselect() if self._connect.in_snapshot(self._name) else dict
            self._connect.configure(self._name, reselect(config))
            yield f"settings changed: {', '.join(_differing(current, config))}"
        elif state == "running":
            yield from self._create(config)
        else:
            yield from self._create_halted(config)

    def _create(self, config: Mapping[str, str]) -> Iterator[str]:
        unfinished = self.turns.await_end()
        reselect = self.reselect()
        with self._turn(unfinished, creates=True) as attempt:
            # Not started yet: of one that was there before, Connect still has the place.
            self._connect.create(self._name, config, "stopped")
            yield "connector created"
            yield self.begin_again(attempt, reselect)

    def _create_halted(self, config: Mapping[str, str]) -> Iterator[str]:
        # Whoever is interrupted in between leaves a turn: the first start has to look at the place.
        with self._turn(self.turns.await_end(), creates=True) as attempt:
            self._connect.create(self._name, config, "stopped")
            yield "connector created"
            if self._goes_on():
                yield _GOES_ON
            elif self._connect.has_place(self._name):
                self._connect.forget(self._name)
            self.turns.end(attempt)

    def _goes_on(self) -> bool:
        """Tell whether the place that Connect has kept under the name of a new connector is one to go on from.

        It is none of a stream that nothing was ever sent to, and a reader always reads what it is given.
        """
        if self._name != self._source.name or not self._connect.has_place(self._name):
            return False
        return end_offsets(self._kafka, [self._source.stream]).get(self._source.stream, 0) > 0

    def _move(self, state: str) -> Iterator[str]:
        """Ask for the state, and for a restart of what has failed. What somebody has left unfinished is finished."""
        passing = (ABSENT, "UNASSIGNED")
        status = self._connect.until(self._name, lambda now: not (now.state in passing or now.is_restarting), 0.0)
        stands = status.state in ("STOPPED", "PAUSED")
        if state == "running" and (unfinished := self.turns.await_end()) is not None:
            reselect = self.reselect()
            with self._turn(unfinished, creates=unfinished.creates) as attempt:
                done = self.begin_again(attempt, reselect)
            yield "snapshot that was asked for is begun" if done == _BEGUN else done
        elif state == "running" and stands and not self._connect.has_place(self._name):
            self.begin()
            yield _BEGUN
        elif state == "running" and status.is_restarting:
            self.restart(only_failed=False)
            yield "restarted"
        elif state == "stopped" and status.is_restarting:
            self._connect.stop(self._name)
            yield state
        elif status.state != state.upper() and status.state != "FAILED":
            if state == "running":
                self._start()
            else:
                self._connect.move(self._name, state)
            yield state
        elif status.failure and state == "running":
            yield self._mend()

    def _mend(self) -> str:
        if self.must_begin():
            self.begin()
            return "snapshot that had not begun is begun again"
        self.restart(only_failed=True)
        return "failed task restarted"

    @property
    def _has_slot(self) -> bool:
        return self._source.kind == "postgresql" and self._name == self._source.name

    def _slot_dropper(self) -> Callable[[], None]:
        """Return what drops its slot, asked before it forgets.

        Of one that has no place and never began no slot is its own: it would be another connector's place that is lost.
        """
        if not self._has_slot:
            return lambda: None
        is_own = self._connect.has_place(self._name) or self.turns.has_begun()
        again = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_delay(_SLOT_PATIENCE_S),
            wait=wait_fixed(_SLOT_POLL_S),
            reraise=True,
        )
        return partial(again, drop_slot if is_own else require_no_slot, self._source, environment())


def _differing(current: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    return sorted(key for key in current.keys() | wanted.keys() if current.get(key) != wanted.get(key))

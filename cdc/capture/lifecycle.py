"""A connector from its creation on: brought to what its file says, started again, and made to begin from nothing.

Who begins from nothing takes a snapshot. Two things that are left of an earlier beginning would spoil it:

- What a snapshot that ended before its first row has left is recorded like a place in the log, and is none.
- PostgreSQL's connector reads all tables at the one moment at which its replication slot was made; on a slot that is
  there already (3.6) it reads each table as it is by then, and streams from before them all. What such a slot has kept
  comes behind rows that were read after it: a table without a key would count it twice.

So whichever way a connector comes to its first snapshot, it forgets its place and loses its slot before. That takes
several steps. The signal topic has them between `beginning` and `begun` (`cdc.capture.reading`): whoever dies in
between leaves a connector that stands still, and a record by which the watch finishes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from cdc.access import Kafka
from cdc.capture.connect import ABSENT, Connect
from cdc.capture.connector import signal_topic
from cdc.capture.slot import drop_slot
from cdc.capture.source import Source
from cdc.config import environment
from cdc.errors import FatalError, TransientError
from cdc.stream.signal import send_signal

BEGINNING: Final = "beginning"
BEGUN: Final = "begun"
SLOT: Final = "slot"

# After a change the old task's status is shown until the new one starts; a state counts once it has held this long.
_SETTLE_S = 2.0
# The source notices some seconds after the connector that nobody reads its slot any more.
_SLOT_PATIENCE_S = 20.0
_SLOT_POLL_S = 0.5


class Lifecycle:
    """One of a source's connectors: `name` is the source's, or its reader's (which has no slot)."""

    def __init__(self, connect: Connect, kafka: Kafka, source: Source, name: str) -> None:
        self._connect = connect
        self._kafka = kafka
        self._source = source
        self._name = name

    def apply(self, config: Mapping[str, str], state: str) -> list[str]:
        """Bring the connector to the configuration and to `state` (running, paused, stopped), and wait until it is.

        Returns what was done in words; a second call returns nothing. Raises CON-103 if it fails on the way there,
        CON-104 if it takes too long; where it begins from nothing, as `begin_again`.
        """
        done = [*self._configure(config), *self._move(state)]
        self._connect.await_state(self._name, state, _SETTLE_S if done else 0.0)
        return done

    def restart(self, *, only_failed: bool) -> bool:
        """Have connector and tasks started again; returns before they are.

        One whose snapshot ended before its first row begins it again, and the answer is True.
        """
        if self._connect.is_unbegun(self._name):
            self.begin_again()
            return True
        self._connect.restart(self._name, only_failed=only_failed)
        return False

    def renew(self) -> bool:
        """Have connector and tasks started again and wait until they run; references are resolved anew.

        Answers as `restart`. Raises CON-103 if it fails, CON-104 if it takes too long.
        """
        is_begun_again = self.restart(only_failed=False)
        self._connect.await_state(self._name, "running", _SETTLE_S)
        return is_begun_again

    def begin_again(self, is_wanted: Callable[[], bool] = lambda: True) -> None:
        """Have the connector forget where it was and take its snapshot again; returns before it does.

        It stays stopped if it is not wanted by then. Raises CON-104 if it does not stop in time, CON-116 if it is not
        there; of the slot, as `cdc.capture.slot.drop_slot`. Who is interrupted leaves a record that it is unfinished.
        """
        if self._connect.config(self._name) is None:
            raise FatalError("CON-116", self._name)
        self._note(BEGINNING)
        # In this order: a connector that went on from its place with a new slot would miss what is between them.
        self._connect.forget(self._name)
        self._drop_slot()
        if is_wanted():
            self._connect.move(self._name, "running")
        self._note(BEGUN)

    def _configure(self, config: Mapping[str, str]) -> Iterator[str]:
        current = self._connect.config(self._name)
        if current == config:
            return
        self._connect.validate(config)
        if current is None:
            # Not started yet: of one that was there before, Connect still has the place.
            self._connect.create(self._name, config, "stopped")
            yield "connector created"
        else:
            self._connect.configure(self._name, config)
            yield f"settings changed: {', '.join(_differing(current, config))}"

    def _move(self, state: str) -> Iterator[str]:
        """Ask for the state, and for a restart of what has failed."""
        passing = (ABSENT, "UNASSIGNED", "RESTARTING")
        status = self._connect.until(self._name, lambda now: now.state not in passing, 0.0)
        stands = status.state in ("STOPPED", "PAUSED")
        if stands and state == "running" and not self._connect.has_place(self._name):
            self.begin_again()
            yield "snapshot begun"
        elif status.state != state.upper() and status.state != "FAILED":
            self._connect.move(self._name, state)
            yield state
        elif status.failure and state == "running":
            is_again = self.restart(only_failed=True)
            yield "snapshot that had not begun is begun again" if is_again else "failed task restarted"

    def _drop_slot(self) -> None:
        if self._source.kind != "postgresql" or self._name != self._source.name:
            return
        again = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_delay(_SLOT_PATIENCE_S),
            wait=wait_fixed(_SLOT_POLL_S),
            reraise=True,
        )
        again(drop_slot, self._source, environment())
        self._note(SLOT)

    def _note(self, what: str) -> None:
        key, value = f"{self._source.name}/{what}", msgspec.json.encode({"connector": self._name})
        send_signal(self._kafka, signal_topic(self._source), key.encode(), value)


def _differing(current: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    return sorted(key for key in current.keys() | wanted.keys() if current.get(key) != wanted.get(key))

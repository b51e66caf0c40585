"""Whose turn it is to make a connector begin from nothing, and whether somebody has left that unfinished.

It takes several steps, and whoever is at it may die between two of them, or meet another one who wants the same. The
signal topic has one order: the first attempt on record that has not ended has its turn, and everybody else waits. An
attempt that is not heard of for a while, or whose author said that he gave up, is replaced by another one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import msgspec

from cdc.access import Kafka
from cdc.capture.connector import signal_topic
from cdc.capture.reading import Reading
from cdc.capture.readings import BEGINNING, BEGUN, FORGOTTEN, GIVEN_UP, Attempt
from cdc.capture.source import Source
from cdc.errors import TransientError
from cdc.stream.signal import send_signal

PATIENCE_S: Final = 120.0
"""How long an attempt may take: a connector has to stop, and its slot to be let go."""
_POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class Turns:
    """The attempts to make one connector of a source begin. Raises as `cdc.stream.signal`."""

    kafka: Kafka
    source: Source
    connector: str

    def current(self) -> Attempt | None:
        """Return the attempt whose turn it is."""
        return Reading(self.source, self.kafka).fold().beginning(self.connector)

    def has_begun(self) -> bool:
        """Tell whether the connector has begun before, or was about to, so that it may have a slot."""
        return Reading(self.source, self.kafka).fold().has_begun(self.connector)

    def take(self, instead_of: Attempt | None = None, *, creates: bool = False) -> str:
        """Begin an attempt, in the place of one that nobody goes on with; return its id. `creates` as of `Attempt`.

        Raises TransientError CON-115 if somebody else was there first.
        """
        attempt = uuid4().hex
        self._note(BEGINNING, attempt, instead_of=instead_of.id if instead_of else None, creates=creates)
        try:
            self.require(attempt)
        except TransientError:
            self._note(BEGUN, attempt)
            raise
        return attempt

    def take_over(self, unfinished: Attempt | None) -> str:
        """Take the turn for what another attempt was to do, and has not done; else as `take`."""
        return self.take(unfinished, creates=unfinished is not None and unfinished.creates)

    def require(self, attempt: str) -> None:
        """Raise TransientError CON-115 unless it is still the turn of this attempt."""
        if not self.has(attempt):
            raise TransientError("CON-115", f"{self.connector}: somebody else is at it")

    def has(self, attempt: str) -> bool:
        """Tell whether it is the turn of this attempt."""
        current = self.current()
        return current is not None and current.id == attempt

    def await_end(self) -> Attempt | None:
        """Wait for whoever is at it; return the attempt that nobody goes on with, None if there is nothing to do."""
        seen, since = None, 0.0
        while (found := self.current()) is not None and not found.is_given_up:
            if seen != found.id:
                seen, since = found.id, time.monotonic()
            if time.monotonic() - since >= PATIENCE_S:
                break
            time.sleep(_POLL_S)
        return found

    def note_forgotten(self, attempt: str) -> None:
        """Note that the connector has neither a place nor a slot now."""
        self._note(FORGOTTEN, attempt)

    def end(self, attempt: str) -> None:
        """Note that the connector begins."""
        self._note(BEGUN, attempt)

    def give_up(self, attempt: str) -> None:
        """Note that somebody else has to finish it."""
        self._note(GIVEN_UP, attempt)

    def _note(self, what: str, attempt: str, **more: object) -> None:
        value = {"connector": self.connector, "attempt": attempt, **more}
        key = f"{self.source.name}/{what}".encode()
        send_signal(self.kafka, signal_topic(self.source), key, msgspec.json.encode(value))

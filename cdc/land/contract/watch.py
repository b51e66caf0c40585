"""Asks a source for something from time to time, in a thread of its own: landing never waits for a source.

Its catalogue tells of a type that was changed, a column without a row yet, a table that left the publication, of all of
which PostgreSQL's log says nothing; the end of its log, that it was restored to an earlier time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

import structlog

from cdc.capture.contract import Contract
from cdc.errors import TransientError

_logger = structlog.get_logger()

Catalogue = tuple[Contract, ...]
T = TypeVar("T")


class SourceWatch(Generic[T]):
    """Readings of one source's `what`, begun `every_s` apart at least, one at a time."""

    def __init__(self, stream: str, read: Callable[[], T], every_s: float, what: str = "catalogue") -> None:
        self._stream = stream
        self._what = what
        self._read = read
        self._every_s = every_s
        self._due = 0.0
        self._answer: SimpleQueue[T | Exception] | None = None
        self._begun = self._forgotten = 0  # numbers of readings

    def take(self) -> T | None:
        """Return what was read since the last call, if anything, and begin another reading when it is time.

        Raises FatalError as `read` does. A source that is away is asked again later.
        """
        answer = self._take_answer()
        if self._answer is None and time.monotonic() >= self._due:
            self._begin()
        if isinstance(answer, TransientError):
            _logger.warning(f"{self._what}_not_read", stream=self._stream, error=answer)
            return None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def forget(self) -> None:
        """Drop what was read so far: it has been read in another way since. Any thread may say so."""
        self._forgotten = self._begun
        self._due = time.monotonic() + self._every_s

    def is_latest(self) -> bool:
        """Tell whether what `take` returned last is still the newest that is known."""
        return self._forgotten < self._begun

    def _take_answer(self) -> T | Exception | None:
        try:
            answer = self._answer.get_nowait() if self._answer is not None else None
        except Empty:
            return None
        self._answer = None
        return answer if self.is_latest() else None

    def _begin(self) -> None:
        self._answer = SimpleQueue()
        self._begun += 1
        self._due = time.monotonic() + self._every_s
        # A reading that hangs must not keep the worker from ending.
        threading.Thread(target=_run, args=(self._read, self._answer), name=self._what, daemon=True).start()


def _run(read: Callable[[], T], answer: SimpleQueue[T | Exception]) -> None:
    try:
        answer.put(read())
    except Exception as error:  # noqa: BLE001 - raised again by who takes the answer
        answer.put(error)

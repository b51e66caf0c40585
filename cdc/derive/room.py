"""Room in memory for taken rows, for all domains of a worker together.

A worker derives every domain in a thread of its own. As many chunks of rows at a time would need memory by the number
of domains, and gain nothing: only one thread at a time runs Python.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# One is evaluated while the target works on another one.
CHUNKS = 2
# The target ends a transaction that is idle for 3 s.
_PATIENCE_S = 1.0


class Room:
    """Places for chunks, given in the order in which they were asked for: nobody waits for ever."""

    def __init__(self, places: int) -> None:
        self._lock = threading.Lock()
        self._free = places
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def place(self, wait: Callable[[], object]) -> Iterator[None]:
        """Have a place for as long as the block. `wait` is called every second that there is none; it may raise."""
        given = self._ask()
        try:
            while not given.wait(_PATIENCE_S):
                wait()
            yield
        finally:
            self._leave(given)

    def _ask(self) -> threading.Event:
        given = threading.Event()
        with self._lock:
            if self._free:
                self._free -= 1
                given.set()
            else:
                self._waiting.append(given)
        return given

    def _leave(self, given: threading.Event) -> None:
        """Give the place to who waits longest; who was not given one only leaves the queue."""
        with self._lock:
            if not given.is_set():
                self._waiting.remove(given)
            elif self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1


ROOM = Room(CHUNKS)
"""The room of this process."""

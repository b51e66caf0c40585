"""Commits the planned faults one after the other, beside the simulator, and gives up as soon as the run is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from compose.demo.fault import Surroundings, commit
from compose.demo.schedule import PlannedFault

_PAUSE_S = 1.0


class Chaos:
    """A thread of its own: entering starts it, leaving waits for the fault in hand and plans no more."""

    def __init__(self, planned: Sequence[PlannedFault], around: Surroundings, say: Callable[[str], None]) -> None:
        self._planned, self._around, self._say = planned, around, say
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="chaos")
        self._work: Future[list[PlannedFault]] | None = None

    def done(self) -> list[PlannedFault]:
        """Return the faults that were committed. Raises what went wrong in another way than was planned."""
        return [] if self._work is None else self._work.result()

    def __enter__(self) -> Chaos:
        self._work = self._pool.submit(self._run)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._around.over.set()
        self._pool.shutdown()

    def _run(self) -> list[PlannedFault]:
        done: list[PlannedFault] = []
        for fault in self._planned:
            # What came before may have taken longer than was planned; it is not made worse at once.
            wait_s = fault.at - (time.monotonic() - self._around.began)
            if self._around.over.wait(max(_PAUSE_S if done else 0.0, wait_s)):
                break
            commit(fault, self._around, self._tell)
            done.append(fault)
        return done

    def _tell(self, text: str) -> None:
        self._say(f"{time.monotonic() - self._around.began:5.1f} s  {text}")

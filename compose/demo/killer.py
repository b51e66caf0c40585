"""Kills the workers at the planned times, beside the simulator, and gives up as soon as the run is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from types import TracebackType

from compose.compare.database import PostgreSql
from compose.demo.kill import Kill, kill_worker
from compose.demo.schedule import PlannedKill
from compose.local.proc_table import Process


class Killer:
    """A thread of its own: entering starts it, leaving waits for the kill in hand and plans no more."""

    def __init__(
        self, env: Mapping[str, str], planned: Sequence[PlannedKill], parent: Callable[[], Process], began: float
    ) -> None:
        self._env, self._planned, self._parent, self._began = env, planned, parent, began
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="killer")
        self._work: Future[list[Kill]] | None = None

    def kills(self) -> list[Kill]:
        """Return the kills that happened. Raises what went wrong meanwhile."""
        return [] if self._work is None else self._work.result()

    def __enter__(self) -> Killer:
        self._work = self._pool.submit(self._run)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._pool.shutdown()

    def _run(self) -> list[Kill]:
        kills: list[Kill] = []
        with closing(PostgreSql(self._env, "CDC_TARGET", "CDC_TARGET_ADMIN", "target")) as target:
            for planned in self._planned:
                if self._over.wait(max(0.0, planned.at - (time.monotonic() - self._began))):
                    break
                kill = kill_worker(planned, self._parent(), target.connection, self._began)
                kills += [] if kill is None else [kill]
        return kills

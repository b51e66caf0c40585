"""The thread that writes: everything that touches the connection to the target is done there, one job after another.

The reader's thread goes on reading and decoding meanwhile; of both, only one at a time runs Python, but the database's
share of the work costs the reader nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from cdc.access import Target
from cdc.config import Protection
from cdc.land.session import Session
from cdc.observe.pulse import Pulse
from cdc.store.connection import reconnect

# All statements of some hundred mirrors; the default of 100 would plan them again and again.
PREPARED_STATEMENTS = 3000

P = ParamSpec("P")
T = TypeVar("T")


class Writer:
    """The thread, and the session that its jobs share."""

    def __init__(self, target: Target, pulse: Pulse, protection: Protection | None = None) -> None:
        self._target = target
        self._protection = protection
        self._pulse = pulse
        pulse.rest()
        self._session: Session | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")

    def submit(self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Let the thread do a job after those before it."""
        return self._thread.submit(self._do, partial(job, *args, **kwargs))

    def do(self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Let the thread do a job and wait for what comes of it."""
        return self.submit(job, *args, **kwargs).result()

    def _do(self, job: Callable[[], T]) -> T:
        """Do a job; as long as it takes, the thread is not at rest."""
        self._pulse.beat()
        try:
            return job()
        finally:
            self._pulse.rest()

    def session(self) -> Session:
        """Return the session, connecting if there is none. Inside jobs only."""
        if self._session is None:
            connection = reconnect(self._target, "cdc land")
            connection.prepared_max = PREPARED_STATEMENTS
            self._session = Session(connection, self._pulse, self._protection)
        return self._session

    def disconnect(self) -> None:
        """Forget the session: the next job that wants one connects again. Inside jobs only."""
        if self._session is not None:
            self._session.connection.close()
            self._session = None

    def close(self) -> None:
        """Finish the jobs that were submitted and disconnect."""
        self.submit(self.disconnect)
        self._thread.shutdown()

"""What the stack needs of each of its services, and how one is brought up: prepare, start, wait until it answers."""

from __future__ import annotations

import threading
import time
from typing import Protocol

from compose.local.daemon import Daemon, StackError

_POLL_S = 0.05


class Service(Protocol):
    """One server of the stack."""

    @property
    def name(self) -> str:
        """The name used on the command line, for the log and for the pid record."""
        ...

    def prepare(self) -> None:
        """Make what must be on disk before the start; anything half-made is made again."""
        ...

    def daemon(self) -> Daemon:
        """Return how the process is run."""
        ...

    def ready(self) -> bool:
        """Tell, by a real connection, whether it does its work."""
        ...


class AbandonedError(Exception):
    """Another service failed, or the user gave up: this one need not be waited for."""


def bring_up(service: Service, timeout_s: float, abandon: threading.Event) -> None:
    """Prepare, start and await one service.

    Raises StackError if it ends, or does not answer within `timeout_s`; AbandonedError once `abandon` is set.
    """
    service.prepare()
    daemon = service.daemon()
    daemon.start()
    deadline = time.monotonic() + timeout_s
    while not service.ready():
        if abandon.is_set():
            raise AbandonedError
        if daemon.running() is None:
            raise StackError(f"{service.name} ended while starting: {daemon.last_log_line()} (log: {daemon.log})")
        if time.monotonic() > deadline:
            raise StackError(f"{service.name} does not answer after {timeout_s:.0f} s; its log is {daemon.log}")
        time.sleep(_POLL_S)

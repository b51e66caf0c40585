"""How a worker process runs until it is told to stop.

All signals are blocked and taken with `sigwait`, so that no code runs inside a signal handler and none is missed
between two statements.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import structlog

from cdc.config import Settings, restarts_so_far
from cdc.observe import log

if TYPE_CHECKING:
    from cdc.observe.monitor import Monitor

Work = Callable[[Settings, threading.Event, "Monitor"], None]

INTERRUPTED: Final = 130
STOP: Final = frozenset({signal.SIGTERM, signal.SIGINT})
"""What tells a process of the service to end."""
# Parameters of glibc's mallopt (malloc.h).
_ARENA_MAX: Final = -8
_MMAP_THRESHOLD: Final = -3
_TRIM_EVERY_S: Final = 10.0

_logger = structlog.get_logger()


def work(name: str, run: Work, settings: Settings) -> int:
    """Run one worker in this process until SIGTERM (returns 0) or SIGINT (130). Errors of `run` are the caller's.

    What it shows of itself is served meanwhile (`cdc.observe.endpoint`).
    """
    from cdc.observe.endpoint import shown  # noqa: PLC0415 - only workers serve

    _share_memory()
    log.configure(settings.log.level, worker=name)
    stop = threading.Event()
    received: list[signal.Signals] = []
    # Blocked before any other thread exists, so that every thread inherits it and only the waiter takes them.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
    threading.Thread(target=_await_stop, args=(stop, received), name="signals", daemon=True).start()
    threading.Thread(target=_give_memory_back, args=(stop,), name="memory", daemon=True).start()
    _logger.info("worker_started", pid=os.getpid())
    with shown(name, settings.observe, restarts_so_far(), stop) as monitor:
        run(settings, stop, monitor)
    _logger.info("worker_stopped")
    return INTERRUPTED if signal.SIGINT in received else 0


def _share_memory() -> None:
    """Let all threads share one arena, and large pieces go back to the system when they are freed.

    One thread makes what another one drops, and a domain needs much for a moment: with an arena for each thread, as
    glibc has them, memory grew by a third.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none, nor arenas
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_THRESHOLD, 1024 * 1024)


def _give_memory_back(stop: threading.Event) -> None:
    """Give back what a burst has left behind: glibc keeps whatever is below the highest piece that is in use."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while trim is not None and not stop.wait(_TRIM_EVERY_S):
        trim(0)


def _await_stop(stop: threading.Event, received: list[signal.Signals]) -> None:
    while True:
        number = signal.Signals(signal.sigwait(STOP))
        if number == signal.SIGINT and number in received:
            os._exit(INTERRUPTED)  # asked twice: the open transaction is rolled back by the target
        received.append(number)
        stop.set()

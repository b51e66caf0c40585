"""The parent of the workers (`cdc run`): starts them as child processes and does nothing but wait for signals.

    SIGTERM, SIGINT   passed on as SIGTERM: the children finish the batch in hand; a second SIGINT kills them
    a child was killed by a signal, or stopped by somebody else    started again, after a growing wait
    a child ended with an error                                     it is fatal: the others are ended, and so are we

Killing is always safe (a batch is one target transaction), waiting only saves work. All signals are blocked and taken
with `sigtimedwait`, so that no code runs inside a signal handler and none is missed between two statements.

A child is a fork: what is loaded by then is in memory once for all of them, and a killed worker is back without loading
it anew (an upgrade on the disk counts from the next `cdc run` on). That is safe as long as the parent has one thread
and no connection.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.context import ForkProcess
from typing import Final

import structlog
from setproctitle import setproctitle

from cdc.config import RESTARTS
from cdc.worker import INTERRUPTED, STOP

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True)

_logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the parent waits, in seconds; the tests are less patient than the service."""

    # The first restart is immediate in effect; a child that dies at once must not burn the machine.
    first_wait: float = 0.1
    longest_wait: float = 10.0
    # A child that lived this long has earned a fresh start of the waits.
    settled: float = 60.0
    # Longer than any batch; then the child is killed, which loses nothing but time.
    drain: float = 30.0


@dataclass(slots=True)
class _Child:
    """One child: its command, its process while it runs, and when it may be started again."""

    name: str
    command: Sequence[str]
    process: ForkProcess | None = None
    started: float = 0.0
    wait: float = 0.0
    due: float = 0.0
    restarts: int = 0


@dataclass(slots=True)
class Parent:
    """Keeps the children running until it is told to stop or one of them fails.

    `commands` are their command lines by name; `execute` runs one, in the child, and returns its exit code.
    """

    commands: Mapping[str, Sequence[str]]
    execute: Callable[[Sequence[str]], int]
    patience: Patience = field(default_factory=Patience)
    _children: list[_Child] = field(default_factory=list)
    _exit: int | None = None
    _kill_at: float = 0.0

    def run(self) -> int:
        """Start the children, wait for the end; return 0 (SIGTERM), 130 (SIGINT) or the exit code of who failed."""
        self._children = [_Child(name, command) for name, command in self.commands.items()]
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP | {signal.SIGCHLD})
        # Whoever started us may ignore it, and we would: then nobody could tell how a child ended, or that it did.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        gc.collect()
        gc.freeze()  # a collection in a child would write to all that it shares with us
        try:
            while self._exit is None or any(child.process for child in self._children):
                self._start_due(before - STOP)
                self._take(signal.sigtimedwait(STOP | {signal.SIGCHLD}, self._pause()))
                self._reap()
                self._kill_late()
        finally:
            self._signal(signal.SIGKILL)
            # What is sent now comes too late: it must not take the exit code's place.
            signal.pthread_sigmask(signal.SIG_SETMASK, before | STOP)
        return self._exit

    def _start_due(self, mask: set[int | signal.Signals]) -> None:
        for child in self._children:
            if child.process is None and self._exit is None and child.due <= time.monotonic():
                child.process = self._start(child, mask)
                child.started = time.monotonic()
                _logger.info("child_started", child=child.name, pid=child.process.pid)

    def _start(self, child: _Child, mask: set[int | signal.Signals]) -> ForkProcess:
        parent = os.getpid()

        def become() -> None:
            _become_child(parent, mask, child.restarts)
            # The name first: where there is little room, the rest is cut off.
            setproctitle(f"cdc {child.name} ({' '.join(child.command)})")
            sys.exit(self.execute(child.command))

        process = multiprocessing.get_context("fork").Process(target=become, name=child.name, daemon=True)
        process.start()
        return process

    def _pause(self) -> float:
        """Return how long nothing has to be done; 1 s at most, and a missed signal costs no more than that."""
        dues = [child.due for child in self._children if child.process is None and self._exit is None]
        dues += [self._kill_at] if self._exit is not None else []
        return max(0.0, min(1.0, *(due - time.monotonic() for due in dues))) if dues else 1.0

    def _take(self, info: signal.struct_siginfo | None) -> None:
        if info is None or info.si_signo == signal.SIGCHLD:
            return
        if self._exit is None:
            self._stop(INTERRUPTED if info.si_signo == signal.SIGINT else 0)
        elif info.si_signo == signal.SIGINT:
            self._kill_at = time.monotonic()

    def _stop(self, code: int) -> None:
        self._exit = code
        self._kill_at = time.monotonic() + self.patience.drain
        self._signal(signal.SIGTERM)

    def _reap(self) -> None:
        for child in self._children:
            code = child.process.exitcode if child.process else None
            if code is None:
                continue
            child.process = None
            if code not in (0, INTERRUPTED) and code > 0:
                self._fail(child, code)
            elif self._exit is None:
                self._start_again(child, code)

    def _fail(self, child: _Child, code: int) -> None:
        _logger.error("child_failed", child=child.name, exit_code=code)
        if self._exit is None:
            self._stop(code)
        self._exit = self._exit or code

    def _start_again(self, child: _Child, code: int) -> None:
        lived = time.monotonic() - child.started
        longer = min(child.wait * 2, self.patience.longest_wait)
        child.wait = self.patience.first_wait if not child.wait or lived > self.patience.settled else longer
        child.due = time.monotonic() + child.wait
        child.restarts += 1
        ended_by = _signal_name(-code) if code < 0 else None
        _logger.warning("child_died", child=child.name, signal=ended_by, restart_in_s=child.wait)

    def _kill_late(self) -> None:
        if self._exit is not None and time.monotonic() >= self._kill_at and any(c.process for c in self._children):
            _logger.warning("children_killed", reason="they did not end in time, or SIGINT came twice")
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        for child in self._children:
            if child.process:
                _send(child.process, number)
                if number == signal.SIGKILL:
                    child.process.join()
                    child.process = None


def _send(process: ForkProcess, number: signal.Signals) -> None:
    if process.exitcode is None and process.pid is not None:  # else its id may be another one's by now
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)  # most real-time signals have no name


def _become_child(parent: int, mask: set[int | signal.Signals], restarts: int) -> None:
    """First steps of a child: end when the parent ends, whatever ends it, and take signals as a fresh process does."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(INTERRUPTED)  # it ended before the line above
    os.setpgid(0, 0)  # Ctrl-C at the terminal reaches the parent alone, which passes it on once
    os.environ[RESTARTS] = str(restarts)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    for number in STOP:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)

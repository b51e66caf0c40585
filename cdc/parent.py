"""The parent of the workers (`cdc run`): starts them as child processes and does nothing but wait for signals.

    SIGTERM, SIGINT   passed on as SIGTERM: the children finish the batch in hand; a second SIGINT kills them
    a child was killed by a signal, or stopped by somebody else    started again, after a growing wait
    a child ended with an error                                     it is fatal: the others are ended, and so are we

Killing is always safe (a batch is one target transaction), waiting only saves work. All signals are blocked and taken
with `sigtimedwait`, so that no code runs inside a signal handler and none is missed between two statements.

It takes the place of the command that was started: that has read settings and asked the target, and what it has loaded
for that would stay in memory for months.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn

import structlog

from cdc.config import RESTARTS, environment
from cdc.observe import log
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
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    wait: float = 0.0
    due: float = 0.0
    restarts: int = 0


@dataclass(slots=True)
class Parent:
    """Keeps the children running until it is told to stop or one of them fails."""

    commands: dict[str, Sequence[str]]
    patience: Patience = field(default_factory=Patience)
    _children: list[_Child] = field(default_factory=list)
    _exit: int | None = None
    _kill_at: float = 0.0

    def run(self) -> int:
        """Start the children, wait for the end; return 0 (SIGTERM), 130 (SIGINT) or the exit code of who failed."""
        self._children = [_Child(name, command) for name, command in self.commands.items()]
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP | {signal.SIGCHLD})
        try:
            while self._exit is None or any(child.process for child in self._children):
                self._start_due(before - STOP)
                self._take(signal.sigtimedwait(STOP | {signal.SIGCHLD}, self._pause()))
                self._reap()
                self._kill_late()
        finally:
            self._signal(signal.SIGKILL)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return self._exit

    def _start_due(self, mask: set[int | signal.Signals]) -> None:
        for child in self._children:
            if child.process is None and self._exit is None and child.due <= time.monotonic():
                child.process = _start(child.command, mask, child.restarts)
                child.started = time.monotonic()
                _logger.info("child_started", child=child.name, pid=child.process.pid)

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
            code = child.process.poll() if child.process else None
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
        name = signal.Signals(-code).name if code else None
        _logger.warning("child_died", child=child.name, signal=name, restart_in_s=child.wait)

    def _kill_late(self) -> None:
        if self._exit is not None and time.monotonic() >= self._kill_at and any(c.process for c in self._children):
            _logger.warning("children_killed", reason="they did not end in time, or SIGINT came twice")
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        for child in self._children:
            if child.process:
                child.process.send_signal(number)
                if number == signal.SIGKILL:
                    child.process.wait()
                    child.process = None


def _start(command: Sequence[str], mask: set[int | signal.Signals], restarts: int) -> subprocess.Popen[bytes]:
    parent = os.getpid()
    return subprocess.Popen(
        command,
        env={**environment(), RESTARTS: str(restarts)},
        stdin=subprocess.DEVNULL,
        # Of its own process group: Ctrl-C at the terminal reaches the parent alone, which passes it on once.
        process_group=0,
        # Safe: the parent has no threads, which could hold a lock over the fork.
        preexec_fn=lambda: _become_child(parent, mask),  # noqa: PLW1509
    )


def _become_child(parent: int, mask: set[int | signal.Signals]) -> None:
    """Between fork and exec: end when the parent ends, whatever ends it, and take signals as a fresh process does."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(INTERRUPTED)  # it ended before the line above
    for number in STOP:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def cdc_command(*arguments: str) -> tuple[str, ...]:
    """Return the command line of a child `cdc` that runs from this very installation."""
    return (sys.executable, "-m", "cdc", *arguments)


def become_parent(commands: Mapping[str, Sequence[str]], level: str) -> NoReturn:
    """Replace this process by a parent of the commands, under the same process id. `level` is that of its log."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP)  # until the new program takes them: none is lost in between
    os.execv(sys.executable, (sys.executable, "-m", "cdc.parent", level, json.dumps(commands)))  # noqa: S606 - this very program


def main() -> int:
    """Be the parent that the arguments describe: level of the log, commands by name as JSON."""
    level, commands = sys.argv[1:]
    log.configure(level)
    return Parent(json.loads(commands)).run()


if __name__ == "__main__":
    sys.exit(main())

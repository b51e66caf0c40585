"""The service as an operator runs it: kept running. A chaotic run has a second worker of each kind, to take over.

A worker that slept while another one took its stream over stops when it wakes up (LND-105), and `cdc run` with it: that
is what it has to do, and whoever runs it starts it again. Any other end of the service is a fault.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from compose.demo import process
from compose.local.daemon import Daemon, StackError
from compose.local.proc_table import Process

FENCED = "LND-105"
# What stands by shows nothing of itself: the ports are the others'.
_QUIET = {f"CDC_PORT_{worker}": "0" for worker in ("LAND", "DERIVE", "WATCH")}


@dataclass(slots=True)
class Service:
    """`cdc run`, and its stand-bys if there are any. `env` says where it finds the target."""

    env: Mapping[str, str]
    has_stand_bys: bool = False
    fenced: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _said: dict[str, int] = field(default_factory=dict)

    def start(self) -> None:
        """Start all of it."""
        for daemon in self._daemons():
            self._start(daemon)

    def stop(self) -> None:
        """Stop all of it."""
        for daemon in reversed(self._daemons()):
            daemon.stop()

    def is_running(self) -> bool:
        """Tell whether `cdc run` runs."""
        return process.service(self.env).running() is not None

    def parent(self) -> Process:
        """Return the process of `cdc run`. Raises StackError if any of the service has ended as it must not."""
        daemons = self._daemons()
        with self._lock:
            for daemon in daemons:
                if daemon.running() is None:
                    self._start_again(daemon)
        running = daemons[0].running()
        if running is None:
            raise self._ended(daemons[0])
        return running

    def _daemons(self) -> list[Daemon]:
        stand_bys = process.STAND_BYS if self.has_stand_bys else {}
        env = {**self.env, **_QUIET}
        return [
            process.service(self.env),
            *(process.background(env, name, *words) for name, words in stand_bys.items()),
        ]

    def _start(self, daemon: Daemon) -> None:
        self._said[daemon.name] = daemon.log.stat().st_size if daemon.log.exists() else 0
        daemon.start()

    def _start_again(self, daemon: Daemon) -> None:
        with daemon.log.open("rb") as log:
            log.seek(self._said.get(daemon.name, 0))
            said = log.read().decode(errors="replace")
        if not self.has_stand_bys or f"\n{FENCED} " not in said:
            raise self._ended(daemon)
        self.fenced += 1
        self._start(daemon)

    def _ended(self, daemon: Daemon) -> StackError:
        name = "cdc run" if daemon.name == process.SERVICE else daemon.name
        return StackError(f"{name} has ended: {daemon.last_log_line()} (log: {daemon.log})")

"""Kills workers with SIGKILL, at the worst moment that can be arranged: inside an open target transaction.

The moment is taken, not guessed: while `pg_stat_activity` shows a transaction of the worker that has written something,
the worker is frozen (SIGSTOP), the view is read again, and only if the transaction is still open is the worker killed.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from compose.demo.schedule import PlannedKill
from compose.local.proc_table import Process, find_process

_WORKERS = ("land", "derive", "watch")
_AIM_S = 3.0
_AIM_STEP_S = 0.0005
_OPEN = """
    SELECT pid, state
      FROM pg_stat_activity
     WHERE application_name LIKE %s AND backend_xid IS NOT NULL AND query !~* '^\\s*commit'
"""


@dataclass(frozen=True, slots=True)
class Kill:
    """A kill as it happened. `state` is the state of the transaction that was open, None if none was."""

    worker: str
    pid: int
    at: float
    state: str | None

    @property
    def hit(self) -> bool:
        """Tell whether an open transaction was hit."""
        return self.state is not None

    def __str__(self) -> str:
        where = f"inside an open transaction ({self.state})" if self.state else "between transactions"
        return f"{self.at:5.1f} s  SIGKILL of {self.worker} (pid {self.pid}) {where}"


def kill_worker(
    planned: PlannedKill, parent: Process, connection: psycopg.Connection[Any], began: float
) -> Kill | None:
    """Kill the worker; None if it does not run (it was killed before and is not up again)."""
    worker = _await_worker(parent, planned.worker)
    if worker is None:
        return None
    state = _freeze_in_transaction(worker, planned.worker, connection)
    os.kill(worker.pid, signal.SIGKILL)
    return Kill(planned.worker, worker.pid, time.monotonic() - began, state)


def workers(parent: Process) -> dict[str, Process]:
    """Return the workers that a `cdc run` has started, by name."""
    found = {}
    for pid in _children(parent.pid):
        process = find_process(pid)
        name = next((argument for argument in _arguments(pid) if argument in _WORKERS), None)
        if process is not None and name is not None:
            found[name] = process
    return found


def _await_worker(parent: Process, name: str) -> Process | None:
    deadline = time.monotonic() + _AIM_S
    while (worker := workers(parent).get(name)) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    return worker


def _freeze_in_transaction(worker: Process, name: str, connection: psycopg.Connection[Any]) -> str | None:
    deadline = time.monotonic() + _AIM_S
    while time.monotonic() < deadline:
        if _open_transaction(connection, name) is not None:
            os.kill(worker.pid, signal.SIGSTOP)
            state = _open_transaction(connection, name)
            if state is not None:
                return state
            os.kill(worker.pid, signal.SIGCONT)
        time.sleep(_AIM_STEP_S)
    return None


def _open_transaction(connection: psycopg.Connection[Any], name: str) -> str | None:
    row = connection.execute(_OPEN, (f"cdc {name}%",)).fetchone()
    return None if row is None else str(row[1])


def _children(parent: int) -> list[int]:
    children: list[int] = []
    for task in Path(f"/proc/{parent}/task").glob("*/children"):
        children += map(int, task.read_text().split())
    return children


def _arguments(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").split()
    except OSError:
        return []

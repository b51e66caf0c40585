"""What a chaotic run does to the stack, one fault at a time. After each all servers are up, and no worker sleeps."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from random import Random
from typing import Final

import httpx

from compose.compare.database import PostgreSql
from compose.demo.kill import kill_worker, workers
from compose.demo.proxy import Proxy
from compose.demo.schedule import PlannedFault, PlannedKill
from compose.local.proc_table import Process
from compose.local.stack import Stack

_SESSIONS = (
    "SELECT pid, application_name FROM pg_stat_activity WHERE application_name ~ '^cdc (land|derive)' ORDER BY 2, 1"
)
_Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the faults reach. `over` cuts a wait short."""

    env: Mapping[str, str]
    parent: Callable[[], Process]
    proxy: Proxy
    began: float
    over: threading.Event

    @property
    def stack(self) -> Stack:
        """The stack."""
        return Stack(self.env)


def commit(fault: PlannedFault, around: Surroundings, say: _Say) -> None:
    """Do a fault, say what it does, and bring everything up again. Raises StackError if it does not come up."""
    what, _, whom = fault.kind.partition(" ")
    ACTS[what](fault, whom, around, say)


def _kill(fault: PlannedFault, worker: str, around: Surroundings, say: _Say) -> None:
    with closing(_administrator(around)) as target:
        kill = kill_worker(PlannedKill(fault.at, worker), around.parent(), target.connection, around.began)
    if kill is not None:
        say(str(kill).partition("  ")[2])


def _freeze(fault: PlannedFault, worker: str, around: Surroundings, say: _Say) -> None:
    frozen = workers(around.parent()).get(worker)
    if frozen is None:
        return
    say(f"SIGSTOP of {worker} (pid {frozen.pid}) for {fault.hold_s:.1f} s")
    _send(frozen, signal.SIGSTOP)
    try:
        around.over.wait(fault.hold_s)
    finally:
        _send(frozen, signal.SIGCONT)


def _send(process: Process, number: signal.Signals) -> None:
    if process.alive():
        os.kill(process.pid, number)


def _crash(_fault: PlannedFault, server: str, around: Surroundings, say: _Say) -> None:
    say(f"SIGKILL of {server}")
    around.stack.services()[server].daemon().kill()
    _bring_up(around, server, say)


def _restart(_fault: PlannedFault, server: str, around: Surroundings, say: _Say) -> None:
    say(f"restart of {server}")
    around.stack.stop([server])
    _bring_up(around, server, say)


def _abort(_fault: PlannedFault, server: str, around: Surroundings, say: _Say) -> None:
    """Shut a PostgreSQL server down at once: it recovers when it starts."""
    daemon = around.stack.services()[server].daemon()
    running = daemon.running()
    say(f"immediate shutdown of {server}")
    if running is not None:
        _send(running, signal.SIGQUIT)
    _bring_up(around, server, say)


def _bring_up(around: Surroundings, server: str, say: _Say) -> None:
    began = time.monotonic()
    around.stack.services()[server].daemon().stop()  # what a crash has left of it
    around.stack.start()
    say(f"{server} is up again after {time.monotonic() - began:.1f} s")


def _task(_fault: PlannedFault, source: str, around: Surroundings, say: _Say) -> None:
    say(f"restart of the task of {source}")
    url = f"{around.env['CDC_CONNECT_URL']}/connectors/{source}/restart?includeTasks=true&onlyFailed=false"
    answer = httpx.post(url, trust_env=False, timeout=30)
    if not answer.is_success:
        say(f"Connect will not have it: {answer.status_code}")


def _session(fault: PlannedFault, _whom: str, around: Surroundings, say: _Say) -> None:
    with closing(_administrator(around)) as target:
        sessions = target.connection.execute(_SESSIONS).fetchall()
        if sessions:
            pid, name = Random(fault.at).choice(sessions)
            say(f"the target ends a session of {name} (backend {pid})")
            target.connection.execute("SELECT pg_terminate_backend(%s)", (pid,))


def _reset(_fault: PlannedFault, _whom: str, around: Surroundings, say: _Say) -> None:
    say(f"reset of {around.proxy.reset()} connections to the target")


def _administrator(around: Surroundings) -> PostgreSql:
    return PostgreSql(around.env, "CDC_TARGET", "CDC_TARGET_ADMIN", "target")


ACTS: Final[dict[str, Callable[[PlannedFault, str, Surroundings, _Say], None]]] = {
    "kill": _kill,
    "freeze": _freeze,
    "crash": _crash,
    "restart": _restart,
    "abort": _abort,
    "task": _task,
    "session": _session,
    "reset": _reset,
}

"""The simulator and the probe as processes, and the installation of both applications."""

from __future__ import annotations

import time
from collections.abc import Mapping

from compose.demo import process
from compose.demo.schedule import Schedule
from compose.demo.state import State
from compose.local.daemon import Daemon, StackError

_PROBE_TIMEOUT_S = 15.0

ACTIONS: frozenset[str] = frozenset()


def install(env: Mapping[str, str], seed: int) -> None:
    """Create both applications' databases, fill them, and run the DBA's scripts."""
    raise NotImplementedError


def simulator(env: Mapping[str, str], state: State, rate: float, seed: int, schedule: Schedule) -> Daemon:
    """Return how the simulator is run."""
    raise NotImplementedError


def require_success(simulator: Daemon) -> None:
    """Raise StackError unless the simulator has ended by itself and well."""


def probe(env: Mapping[str, str], state: State) -> Daemon:
    """Return how the probe is run."""
    return process.background(env, process.PROBE, "compose.demo.probe", str(state.log), str(state.freshness))


def await_probe(probe: Daemon, state: State) -> None:
    """Wait until the probe follows the log."""
    deadline = time.monotonic() + _PROBE_TIMEOUT_S
    while not (state.freshness.exists() and state.freshness.stat().st_size):
        if probe.running() is None or time.monotonic() > deadline:
            raise StackError(f"The probe does not start: {probe.last_log_line()} (log: {probe.log})")
        time.sleep(0.05)

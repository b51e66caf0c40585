"""The simulator and the probe as processes, and the installation of both applications."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from compose.demo import process
from compose.demo.schedule import Schedule
from compose.demo.state import State
from compose.local.daemon import Daemon, StackError

_PROBE_TIMEOUT_S = 15.0
# It relives all earlier runs on the same data before it begins.
_SIMULATOR_TIMEOUT_S = 120.0


def install(env: Mapping[str, str]) -> None:
    """Create both applications' databases, fill them, and run the DBA's scripts."""
    process.run_module(env, "compose.simulator", "install")


def simulator(env: Mapping[str, str], state: State, rate: float, seed: int, schedule: Schedule) -> Daemon:
    """Return how the simulator is run."""
    quiet = ",".join(f"{window.start}-{window.end}" for window in schedule.quiet)
    reconnect = ["--reconnect"] if schedule.faults else []
    options = {"seconds": schedule.seconds, "rate": rate, "seed": seed, "log": state.log, "quiet": quiet}
    arguments = [f"--{name}={value}" for name, value in options.items()]
    return process.background(env, process.SIMULATOR, "compose.simulator", "run", *arguments, *reconnect)


def await_first_commit(simulator: Daemon, state: State, written: int) -> float:
    """Wait until the simulator has logged the first transaction of its run behind the `written` bytes of earlier ones.

    Returns its clock: the moment that the windows of the schedule count from.
    """
    deadline = time.monotonic() + _SIMULATOR_TIMEOUT_S
    while True:
        with state.log.open("rb") as log:
            log.seek(written)
            for line in log:
                entry = json.loads(line) if line.endswith(b"\n") else {}
                if entry.get("action", "installed") != "installed":
                    return float(entry["committed_at"])
        if simulator.running() is None or time.monotonic() > deadline:
            raise StackError(f"The simulator does not start: {simulator.last_log_line()} (log: {simulator.log})")
        time.sleep(0.05)


def require_success(simulator: Daemon, state: State) -> None:
    """Raise StackError unless the simulator has come to the end of its run."""
    with state.log.open("rb") as log:
        log.seek(max(0, state.log.stat().st_size - 65_536))
        last = json.loads(log.read().splitlines()[-1])
    if last.get("summary", {}).get("stopped") is not False:
        raise StackError(f"The simulator did not finish: {simulator.last_log_line()} (log: {simulator.log})")


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

"""What a worker lets others see of itself: its metrics, the pulses of its loops, and what it needs to do its work.

    live     every loop has turned within its patience: a restart would not help a worker that only waits
    ready    everything that the worker needs is there: target, Kafka, its streams or domains

The worker adds to it, the endpoint (`cdc.observe.endpoint`) reads it in threads of its own. Nothing here is locked by
the worker for longer than a number takes to change.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Info, ProcessCollector

from cdc.errors import CdcError
from cdc.observe.pulse import Pulse

# Longer than the longest statement that is not part of a large derivation (`cdc.store.connection`): what takes longer
# is ended by the target, and a worker that is restarted in the middle of honest work would never get through.
STALL_S: Final = 330
# Of the code that is loaded: a worker may be started again after an upgrade on the disk.
_VERSION: Final = version("cdc")


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that a worker needs. `reason` is empty if it is there; never a value, an address or a secret."""

    name: str
    reason: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """An answer to "is it well?" with its reasons."""

    well: bool
    conditions: tuple[Condition, ...]


class Monitor:
    """One worker's; `worker` is its name: land, derive, watch."""

    def __init__(self, worker: str, stall_s: float = STALL_S, restarts: int = 0) -> None:
        self.worker = worker
        self.registry = CollectorRegistry()
        self._stall_s = stall_s
        self._pulses: dict[str, Pulse] = {}
        self._needs: list[Callable[[], Iterable[Condition]]] = []
        self._lock = threading.Lock()
        self._last_failure = ""
        ProcessCollector(registry=self.registry)
        build = Info("cdc_build", "The running program; constant 1", registry=self.registry)
        build.info({"version": _VERSION, "worker": worker})
        Counter(
            "cdc_worker_restarts_total",
            "Times that `cdc run` has started this worker again because it was killed",
            registry=self.registry,
        ).inc(restarts)
        self._failures = Counter(
            "cdc_transient_failures_total",
            "Failures that pass by themselves: the same work was done again",
            ["code"],
            registry=self.registry,
        )
        self._fatal = Gauge(
            "cdc_fatal_info",
            "1 for the code that ends this worker; it stays until the process has ended",
            ["code"],
            registry=self.registry,
        )
        live = Gauge("cdc_live", "1 while every loop turns: what /livez answers", registry=self.registry)
        live.set_function(lambda: self.liveness().well)
        ready = Gauge("cdc_ready", "1 while all is there that is needed: what /readyz answers", registry=self.registry)
        ready.set_function(lambda: self.readiness().well)

    def pulse(self, loop: str) -> Pulse:
        """Return a new pulse of a loop, which has to beat from now on."""
        with self._lock:
            pulse = self._pulses[loop] = Pulse()
        return pulse

    def need(self, conditions: Callable[[], Iterable[Condition]]) -> None:
        """Add conditions of being ready; they are asked for by the endpoint's threads."""
        with self._lock:
            self._needs.append(conditions)

    def failed(self, error: CdcError) -> None:
        """Count a failure that passes."""
        self._failures.labels(error.code).inc()
        self._last_failure = f"{error.code} {error.entry.title}"

    def ended_by(self, code: str) -> None:
        """Say what ends the worker."""
        self._fatal.labels(code).set(1)

    def liveness(self) -> Report:
        """Tell whether every loop turns."""
        with self._lock:
            pulses = dict(self._pulses)
        return _report(self._loop(name, pulse) for name, pulse in pulses.items())

    def readiness(self) -> Report:
        """Tell whether the worker has what it needs. One that has not said yet what that is has only begun."""
        with self._lock:
            needs = list(self._needs)
        if not needs:
            return _report([Condition(self.worker, self._last_failure or "is starting")])
        return _report(condition for need in needs for condition in need())

    def _loop(self, name: str, pulse: Pulse) -> Condition:
        silence_s, patience_s = pulse.silence_s(), max(pulse.patience_s, self._stall_s)
        if silence_s > patience_s:
            return Condition(name, f"has not turned for {silence_s:.0f} s, more than {patience_s:.0f} s")
        return Condition(name, note=f"turned {silence_s:.1f} s ago")


def _report(conditions: Iterable[Condition]) -> Report:
    found = tuple(conditions)
    return Report(not any(condition.reason for condition in found), found)

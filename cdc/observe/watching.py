"""Metrics of the watch over the connectors."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter

from cdc.errors import CdcError
from cdc.observe.monitor import Condition, Monitor


class WatchMetrics:
    """Of one watch."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._conditions: dict[str, Condition] = {}
        self._restarts = Counter(
            "cdc_connector_restarts",
            "Connectors started again, by source and by what was wrong",
            ["source", "code"],
            registry=monitor.registry,
        )
        self._pulse = monitor.pulse("watch")
        monitor.need(lambda: [Condition("watch"), *self._conditions.values()])

    def watches(self, sources: Iterable[str]) -> None:
        """Note which sources are watched from now on, by their names."""
        new = "was not looked at yet"
        # Another dictionary: the endpoint's threads go through this one.
        self._conditions = {name: self._conditions.get(name, Condition(name, new)) for name in sources}

    def turned(self) -> None:
        """Say that all sources were looked at."""
        self._pulse.beat()

    def looked(self, source: str, restarted: Iterable[str | None]) -> None:
        """Note that Connect and Kafka have answered; `restarted` has the codes for which connectors were restarted."""
        self._conditions[source] = Condition(source)
        for code in filter(None, restarted):
            self._restarts.labels(source, code).inc()

    def failed(self, source: str, error: CdcError) -> None:
        """Note that a source could not be looked at."""
        self._monitor.failed(error)
        self._conditions[source] = Condition(source, f"{error.code} {error.entry.title}")

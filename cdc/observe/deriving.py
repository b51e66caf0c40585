"""Metrics of deriving: what the worker's own commits did; how far it is and what is held is asked by each scrape."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import Counter, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cdc.access import Target
from cdc.derive.bind import mirror_refs
from cdc.errors import CdcError
from cdc.observe.monitor import Condition, Monitor
from cdc.observe.pulse import Pulse
from cdc.observe.survey import Connection, Survey
from transforms.domain import Domain

_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0)


class DerivingMetrics(Collector):
    """Of one derive worker and its domains."""

    def __init__(self, monitor: Monitor, target: Target, domains: tuple[Domain, ...] = ()) -> None:
        self._monitor = monitor
        self._conditions = {"": Condition(monitor.worker, "is starting")}
        monitor.need(lambda: list(self._conditions.values()))
        self._mappings: dict[str, str] = {}
        self._reads: tuple[list[str], list[str]] = ([], [])
        self._survey = Survey(monitor, target)
        self._lock = threading.Lock()
        # What was held once is shown as 0 from then on: a series that ends looks like one that nobody scraped.
        self._held: dict[tuple[str, str, str], int] = {}
        self._seconds = Histogram(
            "cdc_derivation_seconds",
            "Time that a derivation took, from its snapshot to its commit",
            ["domain"],
            buckets=_BOUNDS,
            registry=monitor.registry,
        )
        self._batches = Counter(
            "cdc_derived_batches", "Batches of streams brought in by derivations", ["domain"], registry=monitor.registry
        )
        self._rows = Counter(
            "cdc_derived_rows", "Source rows that derivations have decided", ["mapping"], registry=monitor.registry
        )
        monitor.registry.register(self)
        if domains:
            self.turn_to(domains)

    def turn_to(self, domains: tuple[Domain, ...]) -> None:
        """Be about these domains from now on: those of the dictionary that is in force."""
        reads = sorted({(domain.name, mirror.schema) for domain in domains for mirror in mirror_refs(domain)})
        with self._lock:
            self._mappings = {name: domain.name for domain in domains for name in domain.made_of}
            self._reads = ([domain for domain, _ in reads], [source for _, source in reads])
        self._conditions = {domain.name: Condition(domain.name, "is starting") for domain in domains}

    def pulse(self, domain: str) -> Pulse:
        """Return the pulse of a domain's loop."""
        return self._monitor.pulse(domain)

    def is_well(self, domain: str, note: str) -> None:
        """Note that a domain has all that it needs: its worker derives, or stands by for the one that does."""
        self._conditions[domain] = Condition(domain, note=note)

    def failed(self, domain: str, error: CdcError) -> None:
        """Note a failure that passes; until it has, the domain is not ready."""
        self._monitor.failed(error)
        self._conditions[domain] = Condition(domain, f"waits for {error.code} {error.entry.title}")

    def derived(self, domain: str, batches: int, rows: dict[str, int], seconds: float) -> None:
        """Count a derivation that was committed; `rows` are source rows by mapping."""
        self._seconds.labels(domain).observe(seconds)
        self._batches.labels(domain).inc(batches)
        for mapping, count in rows.items():
            self._rows.labels(mapping).inc(count)

    def collect(self) -> Iterator[Metric]:
        """Yield what the target says of the domains; nothing if it says nothing."""
        with self._lock:
            behind: list[tuple[str, str, int, float]] = []

            def read(connection: Connection) -> None:
                behind.extend(connection.execute(_BEHIND, self._reads).fetchall())
                found = connection.execute(_HELD, (list(self._mappings),)).fetchall()
                held = {(self._mappings[mapping], mapping, code): count for mapping, code, count in found}
                self._held = {**dict.fromkeys(self._held, 0), **held}

            if self._survey.ask(read):
                yield from _lags(behind)
                yield self._held_rows()

    def _held_rows(self) -> Metric:
        held = GaugeMetricFamily(
            "cdc_held_rows",
            "Source rows that have no canonical row, by the code why",
            labels=["domain", "mapping", "code"],
        )
        for labels, count in self._held.items():
            held.add_metric(labels, count)
        return held


def _lags(behind: Iterable[tuple[str, str, int, float]]) -> Iterator[Metric]:
    labels = ["domain", "stream"]
    batches = GaugeMetricFamily("cdc_watermark_lag_batches", "Landed batches that are not derived yet", labels=labels)
    seconds = GaugeMetricFamily(
        "cdc_watermark_lag_seconds", "Since when the oldest batch that is not derived has been there", labels=labels
    )
    for domain, stream, count, age in behind:
        batches.add_metric([domain, stream], count)
        seconds.add_metric([domain, stream], age)
    yield from (batches, seconds)


_BEHIND: Final = """
SELECT d.domain, p.stream, p.batch - coalesce(w.batch, 0),
       coalesce(extract(epoch FROM clock_timestamp() - b.landed_at), 0)::float8
FROM unnest(%s::text[], %s::text[]) AS d (domain, source)
JOIN cdc.position p USING (source)
LEFT JOIN cdc.watermark w ON w.domain = d.domain AND w.stream = p.stream
LEFT JOIN cdc.batch b ON b.stream = p.stream AND b.batch = coalesce(w.batch, 0) + 1
"""
_HELD: Final = "SELECT mapping, code, rows FROM cdc.held_count WHERE mapping = ANY (%s) AND rows > 0"

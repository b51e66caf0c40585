"""Metrics of landing. They are read from the ledger when somebody scrapes, and cost landing nothing.

What is counted is therefore what was committed: a batch that was rolled back is not in the ledger, and one whose commit
was never heard of is. Counted are the batches that this worker has landed: from the batch at which it took a stream
over to the one at which the stream is, or was when it went to another worker.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from cdc.access import Target
from cdc.land.ledger import FATES
from cdc.observe.monitor import Monitor
from cdc.observe.survey import Connection, Survey

# Time series of one worker, five a table: more tables than this are counted together.
MAX_TABLES: Final = 1000
OTHER: Final = "other"
_FATES: Final = (*FATES, "control")
_BATCH_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
_FRESHNESS_BOUNDS: Final = (0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 3600.0, 86400.0)
# A worker that nobody has scraped for a day has a million batches to show; they come by and by.
_BATCHES_AT_ONCE: Final = 20_000
_READ_FOR_S: Final = 3.0
# Streams that went to other workers since the last scrape; without a scraper they must not pile up.
_KEPT: Final = 1000


@dataclass(frozen=True, slots=True)
class StreamState:
    """A stream that the group has given to this worker. Without a position it has not been taken over yet.

    `after` is the last batch of the worker before, `batch` the last one now, `end` where the topic ends, `fault` why
    nothing lands at the moment.
    """

    stream: str
    fault: str
    epoch: int = 0
    after: int = 0
    batch: int = 0
    next_offset: int | None = None
    end: int | None = None


@dataclass(slots=True)
class _Histogram:
    """Counts up to each bound, and the sum."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: int = 0
    sum: float = 0.0

    def add(self, counts: Iterable[int], total: int, sum_: float) -> None:
        """Add what was counted up to each bound, and above all of them."""
        self.counts = [a + b for a, b in zip(self.counts or [0] * len(self.bounds), counts, strict=True)]
        self.total, self.sum = self.total + total, self.sum + sum_

    def buckets(self) -> list[tuple[str, float]]:
        """Return the buckets as Prometheus has them."""
        names = [f"{bound:g}" for bound in self.bounds]
        return [*zip(names, map(float, self.counts), strict=True), ("+Inf", float(self.total))]


@dataclass(slots=True)
class _Counted:
    """What was counted of one stream since the worker began."""

    fates: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    seconds: _Histogram = field(default_factory=lambda: _Histogram(_BATCH_BOUNDS))
    freshness: _Histogram = field(default_factory=lambda: _Histogram(_FRESHNESS_BOUNDS))


class LandingMetrics(Collector):
    """Of one land worker; `states` are its streams at the moment."""

    def __init__(self, monitor: Monitor, target: Target, states: Callable[[], Iterable[StreamState]]) -> None:
        self._states = states
        self._survey = Survey(monitor, target)
        self._gone: deque[StreamState] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()
        self._marks: dict[tuple[str, int], int] = {}
        self._streams: dict[str, _Counted] = {}
        self._tables: dict[str, Counter[str]] = {}
        monitor.registry.register(self)

    def release(self, state: StreamState) -> None:
        """Note how far a stream was when it went to another worker."""
        self._gone.append(state)

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics of landing."""
        with self._lock:
            states = [state for state in self._states() if state.next_offset is not None]
            clocks: list[tuple[str, float]] = []
            stale: list[tuple[str, str, int]] = []

            def read(connection: Connection) -> None:
                self._count(connection, states)
                names = [state.stream for state in states]
                clocks.extend(connection.execute(_CLOCKS, (names,)).fetchall())
                stale.extend(connection.execute(_STALE, (names,)).fetchall())

            self._survey.ask(read)
            yield from self._counters()
            yield from _gauges(states, clocks, stale)

    def _count(self, connection: Connection, states: Iterable[StreamState]) -> None:
        """Count what has landed since the last time, as far as there is time."""
        until = time.monotonic() + _READ_FOR_S
        while self._gone:
            if not self._count_stream(connection, self._gone[0], until):
                return
            gone = self._gone.popleft()
            self._marks.pop((gone.stream, gone.epoch), None)
        for state in states:
            self._count_stream(connection, state, until)

    def _count_stream(self, connection: Connection, state: StreamState, until: float) -> bool:
        """Count the batches of one stream; tell whether that was all of them."""
        key = (state.stream, state.epoch)
        mark = self._marks.setdefault(key, state.after)
        while mark < state.batch:
            if time.monotonic() > until:
                return False
            last = min(mark + _BATCHES_AT_ONCE, state.batch)
            self._count_span(connection, state.stream, mark, last)
            mark = self._marks[key] = last
        return True

    def _count_span(self, connection: Connection, stream: str, after: int, last: int) -> None:
        span = {"stream": stream, "after": after, "last": last}
        batches = connection.execute(_BATCHES, span).fetchone()
        tables = connection.execute(_TABLES, span).fetchall()
        refusals = connection.execute(_REFUSALS, span).fetchall()
        # All of it was read: nothing below can fail, and nothing is counted twice.
        counted = self._streams.setdefault(stream, _Counted())
        if batches is not None:
            _add(counted, batches)
        for mirror, *fates in tables:
            known = mirror in self._tables or len(self._tables) < MAX_TABLES
            counter = self._tables.setdefault(mirror if known else OTHER, Counter())
            counter.update(dict(zip(FATES, map(int, fates), strict=True)))
        counted.refusals.update(dict(refusals))

    def _counters(self) -> Iterator[Metric]:
        records = CounterMetricFamily(
            "cdc_records", "Records of the stream by what became of them", labels=["stream", "fate"]
        )
        refusals = CounterMetricFamily(
            "cdc_refusals", "Changes that could not be landed exactly", labels=["stream", "code"]
        )
        seconds = HistogramMetricFamily(
            "cdc_batch_seconds", "Time that landing a batch took: one transaction of the target", labels=["stream"]
        )
        freshness = HistogramMetricFamily(
            "cdc_freshness_seconds",
            "Age of a batch's last source commit, by the source's clock, when it had landed",
            labels=["stream"],
        )
        for stream, counted in self._streams.items():
            for fate in _FATES:
                records.add_metric([stream, fate], counted.fates[fate])
            for code, count in counted.refusals.items():
                refusals.add_metric([stream, code], count)
            for family, histogram in ((seconds, counted.seconds), (freshness, counted.freshness)):
                family.add_metric([stream], histogram.buckets(), histogram.sum)
        yield from (records, refusals, seconds, freshness, self._changes())

    def _changes(self) -> Metric:
        changes = CounterMetricFamily(
            "cdc_changes", "Row changes by mirror and by what became of them", labels=["mirror", "fate"]
        )
        for mirror, fates in self._tables.items():
            for fate in FATES:
                changes.add_metric([mirror, fate], fates[fate])
        return changes


def _add(counted: _Counted, row: tuple[Any, ...]) -> None:
    """Add a row of `_BATCHES`."""
    numbers = iter(row)
    batches = next(numbers)
    counted.fates.update({fate: int(next(numbers)) for fate in _FATES})
    counted.seconds.add([next(numbers) for _ in _BATCH_BOUNDS], batches, next(numbers))
    total, seconds = next(numbers), next(numbers)
    counted.freshness.add([next(numbers) for _ in _FRESHNESS_BOUNDS], total, seconds)


def _gauges(
    states: Iterable[StreamState], clocks: Iterable[tuple[str, float]], stale: Iterable[tuple[str, str, int]]
) -> Iterator[Metric]:
    position = GaugeMetricFamily("cdc_position_offset", "Next offset to read of the stream", labels=["stream"])
    lag = GaugeMetricFamily(
        "cdc_lag_records",
        "Offsets from the position to the end of the topic as last fetched; transaction markers count",
        labels=["stream"],
    )
    commit = GaugeMetricFamily(
        "cdc_source_commit_timestamp_seconds",
        "Last source commit or heartbeat that has landed, by the source's clock",
        labels=["stream"],
    )
    behind = GaugeMetricFamily(
        "cdc_stale_rows", "Mirror rows that a refused change has left behind the source", labels=["stream", "code"]
    )
    for state in states:
        position.add_metric([state.stream], float(state.next_offset or 0))
        if state.end is not None:
            lag.add_metric([state.stream], max(0, state.end - (state.next_offset or 0)))
    for stream, seconds in clocks:
        commit.add_metric([stream], seconds)
    for stream, code, count in stale:
        behind.add_metric([stream, code], count)
    yield from (position, lag, commit, behind)


def _sums() -> Iterator[str]:
    age = "greatest(0, extract(epoch FROM landed_at - source_ts_last))"  # two clocks
    yield from (f"coalesce(sum({fate}), 0)::bigint" for fate in _FATES)
    yield from (f"count(*) FILTER (WHERE seconds <= {bound})" for bound in _BATCH_BOUNDS)
    yield "coalesce(sum(seconds), 0)::float8"
    yield "count(source_ts_last)"
    yield f"coalesce(sum({age}), 0)::float8"
    yield from (f"count(*) FILTER (WHERE {age} <= {bound})" for bound in _FRESHNESS_BOUNDS)


_SPAN: Final = "stream = %(stream)s AND batch > %(after)s AND batch <= %(last)s"
_BATCHES: Final = f"SELECT count(*), {', '.join(_sums())} FROM cdc.batch WHERE {_SPAN}".encode()
_TABLES: Final = (
    f"SELECT mirror, {', '.join(f'sum({fate})::bigint' for fate in FATES)}"
    f" FROM cdc.batch_table WHERE {_SPAN} GROUP BY mirror ORDER BY mirror"
).encode()
# By offset: that is its key.
_REFUSALS: Final = f"""
SELECT code, count(*) FROM cdc.refused
WHERE {_SPAN} AND "offset" >= (SELECT first_offset FROM cdc.batch WHERE stream = %(stream)s AND batch = %(after)s + 1)
  AND "offset" < (SELECT next_offset FROM cdc.batch WHERE stream = %(stream)s AND batch = %(last)s)
GROUP BY code""".encode()
_CLOCKS: Final = (
    "SELECT stream, extract(epoch FROM source_ts)::float8 FROM cdc.position"
    " WHERE stream = ANY (%s) AND source_ts IS NOT NULL"
)
_STALE: Final = "SELECT stream, code, count(*) FROM cdc.stale WHERE stream = ANY (%s) GROUP BY stream, code"

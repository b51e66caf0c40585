"""What a scrape shows of landing is what the ledger has of this worker's batches."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cdc.config import Target
from cdc.land.ledger import FATES
from cdc.observe import landing
from cdc.observe.landing import LandingMetrics, StreamState
from cdc.observe.monitor import Monitor
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import CONTRACTS, item, pair
from tests.owner import disarm
from tests.unit.cdc.stream.wire import PostgresWire

STREAM = "cdc.src"


class Worker:
    """A stage that lands, and the metrics of it as a worker would have them."""

    def __init__(self, dsn: str, target: Target) -> None:
        self.stage = Stage(dsn, "src", CONTRACTS)
        self.wire = PostgresWire()
        self.monitor = Monitor("land")
        self.states = [self.state()]
        self.metrics = LandingMetrics(self.monitor, target, lambda: self.states)

    def state(self, epoch: int = 1, after: int = 0) -> StreamState:
        position = self.stage.position
        return StreamState(STREAM, "", epoch, after, position.batch, position.next_offset, 1000)

    def execute(self, statement: str) -> None:
        with self.stage.connection.transaction():
            self.stage.connection.execute(statement.encode())

    def land(self, *numbers: int, name: str = "a") -> None:
        """Land a transaction of two tables, each row changed twice."""
        self.wire.begin()
        for number in numbers:
            self.wire.insert("item", "id", item(number, name="before"))
            self.wire.update("item", "id", item(number, name=name))
            self.wire.insert("pair", "code", pair(f"c{number}", number))
        self.wire.end()
        self.stage.land(self.wire.records)

    def value(self, name: str, **labels: str) -> float | None:
        return self.monitor.registry.get_sample_value(name, labels)

    def records(self) -> dict[str, float | None]:
        return {fate: self.value("cdc_records_total", stream=STREAM, fate=fate) for fate in (*FATES, "control")}

    def changes(self, mirror: str) -> dict[str, float | None]:
        return {fate: self.value("cdc_changes_total", mirror=mirror, fate=fate) for fate in FATES}

    def ledger(self, where: str = "true") -> dict[str, float]:
        names = (*FATES, "control")
        (row,) = self.stage.query(f"SELECT {', '.join(f'sum({n})::int' for n in names)} FROM cdc.batch WHERE {where}")
        return dict(zip(names, row, strict=True))

    def ledger_of(self, mirror: str) -> dict[str, float]:
        sums = ", ".join(f"sum({name})::int" for name in FATES)
        (row,) = self.stage.query(f"SELECT {sums} FROM cdc.batch_table WHERE mirror = %s", mirror)
        return dict(zip(FATES, row, strict=True))


@pytest.fixture
def worker(target_dsn: str, target: Target) -> Iterator[Worker]:
    worker = Worker(target_dsn, target)
    yield worker
    worker.stage.connection.close()


def test_counts_equal_the_ledger_by_fate_by_table_and_by_code(worker: Worker) -> None:
    worker.land(1, 2)
    worker.land(3, name="much longer than twenty letters")
    worker.states = [worker.state()]
    assert worker.records() == worker.ledger()
    assert worker.ledger()["refused"] == 1
    assert worker.changes("src.item") == worker.ledger_of("src.item")
    assert worker.changes("src.pair") == worker.ledger_of("src.pair")
    refused = worker.stage.query("SELECT code, count(*)::int FROM cdc.refused GROUP BY code")
    assert [(c, worker.value("cdc_refusals_total", stream=STREAM, code=c)) for c, _ in refused] == refused
    assert worker.value("cdc_batch_seconds_count", stream=STREAM) == 2
    ((seconds,),) = worker.stage.query("SELECT sum(seconds) FROM cdc.batch")
    assert worker.value("cdc_batch_seconds_sum", stream=STREAM) == pytest.approx(seconds)
    stale = worker.stage.query("SELECT code, count(*)::int FROM cdc.stale GROUP BY code")
    assert [(c, worker.value("cdc_stale_rows", stream=STREAM, code=c)) for c, _ in stale] == stale


def test_the_histograms_have_each_batch_in_its_bucket(worker: Worker) -> None:
    worker.land(1)
    worker.land(2)
    disarm(worker.stage.connection)
    worker.execute("UPDATE cdc.batch SET seconds = batch * 0.2, source_ts_last = landed_at - batch * '2 s'::interval")
    worker.execute("UPDATE cdc.batch SET source_ts_last = landed_at + '1 s'::interval WHERE batch = 1")
    worker.states = [worker.state()]

    def bucket(name: str, bound: str) -> float | None:
        return worker.value(f"{name}_bucket", stream=STREAM, le=bound)

    assert [bucket("cdc_batch_seconds", bound) for bound in ("0.1", "0.25", "0.5", "+Inf")] == [0, 1, 2, 2]
    assert worker.value("cdc_batch_seconds_sum", stream=STREAM) == pytest.approx(0.6)
    # A source whose clock is ahead has no age below nothing.
    assert [bucket("cdc_freshness_seconds", bound) for bound in ("0.025", "2.5", "5", "+Inf")] == [1, 1, 2, 2]
    assert worker.value("cdc_freshness_seconds_sum", stream=STREAM) == pytest.approx(4)


def test_a_second_scrape_counts_nothing_twice_and_what_came_in_between_once(worker: Worker) -> None:
    worker.land(1)
    worker.states = [worker.state()]
    first = worker.records()
    assert worker.records() == first == worker.ledger()
    worker.land(2)
    worker.states = [worker.state()]
    assert worker.records() == worker.ledger() != first


def test_batches_of_other_workers_are_not_counted(worker: Worker) -> None:
    worker.land(1)  # of the worker before
    taken_over = worker.stage.position.batch
    worker.land(2)
    mine = worker.state(epoch=2, after=taken_over)
    worker.states = [mine]
    worker.land(3)  # of a worker that has taken over, of which this one knows nothing yet
    assert worker.records() == worker.ledger("batch = 2")


def test_what_landed_before_a_stream_went_away_is_counted_and_goes_on_where_it_comes_back(worker: Worker) -> None:
    worker.land(1)
    worker.metrics.release(worker.state())
    worker.states = []
    assert worker.records() == worker.ledger()
    worker.land(2)  # elsewhere
    elsewhere = worker.stage.position.batch
    worker.land(3)
    worker.states = [worker.state(epoch=3, after=elsewhere)]
    assert worker.records() == worker.ledger("batch <> 2")


def test_a_long_time_without_a_scrape_comes_in_portions(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing, "_BATCHES_AT_ONCE", 2)
    for number in range(5):
        worker.land(number)
    worker.states = [worker.state()]
    monkeypatch.setattr(landing, "_READ_FOR_S", -1.0)
    assert worker.value("cdc_batch_seconds_count", stream=STREAM) is None
    monkeypatch.setattr(landing, "_READ_FOR_S", 3.0)
    assert worker.value("cdc_batch_seconds_count", stream=STREAM) == 5
    assert worker.records() == worker.ledger()


def test_a_target_that_does_not_answer_leaves_the_counts_and_says_so(worker: Worker, target: Target) -> None:
    worker.land(1)
    worker.states = [worker.state()]
    counted = worker.records()
    assert worker.value("cdc_target_up") == 1
    worker.land(2)
    worker.states = [worker.state()]
    worker.execute("ALTER TABLE cdc.batch RENAME TO batch_away")
    assert worker.records() == counted
    assert worker.value("cdc_target_up") == 0
    assert worker.value("cdc_source_commit_timestamp_seconds", stream=STREAM) is None
    assert worker.value("cdc_position_offset", stream=STREAM) == worker.stage.position.next_offset
    worker.execute("ALTER TABLE cdc.batch_away RENAME TO batch")
    assert worker.records() == worker.ledger() != counted


def test_gauges_show_where_the_stream_is(worker: Worker) -> None:
    worker.land(1)
    worker.states = [worker.state()]
    assert worker.value("cdc_position_offset", stream=STREAM) == 5
    assert worker.value("cdc_lag_records", stream=STREAM) == 995
    ((clock,),) = worker.stage.query("SELECT extract(epoch FROM source_ts)::float8 FROM cdc.position")
    assert worker.value("cdc_source_commit_timestamp_seconds", stream=STREAM) == pytest.approx(clock)


def test_more_tables_than_a_server_of_metrics_likes_are_counted_together(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "MAX_TABLES", 1)
    worker.land(1)
    worker.states = [worker.state()]
    assert worker.changes("src.item") == worker.ledger_of("src.item")
    assert worker.changes("other") == worker.ledger_of("src.pair")
    worker.land(2)
    worker.states = [worker.state()]
    assert worker.changes("other") == worker.ledger_of("src.pair")

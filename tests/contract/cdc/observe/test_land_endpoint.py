"""A land worker as it runs, looked at over HTTP; Kafka is a stand-in that hands over what the test has written."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from cdc.change import Record
from cdc.config import Connect, Folders, Kafka, Land, Observe, Settings, Target
from cdc.land.ledger import FATES
from cdc.land.stream import StreamSource
from cdc.land.worker import LandWorker
from cdc.observe.endpoint import shown
from cdc.stream.consumer import StreamConsumer
from compose.local.postgres import PostgresServer
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import CONTRACTS, item
from tests.contract.cdc.land.test_worker_watch import STREAM, IdleKafka
from tests.contract.cdc.observe.http import Client, free_port
from tests.unit.cdc.stream.wire import PostgresWire


class Topic(IdleKafka):
    """Hands over the records of a wire from the offset on at which the worker starts."""

    has_joined = True

    def __init__(self, records: list[Record]) -> None:
        super().__init__()
        self.records = records
        self.next: int | None = None

    def open(self, _stream: str, offset: int, *_known: Record | None) -> None:
        self.next = offset

    def poll(self, wait_ms: int) -> dict[str, Any]:
        found = [] if self.next is None else [record for record in self.records if record.offset >= self.next]
        if not found:
            return super().poll(wait_ms)
        self.next = found[-1].offset + 1
        return {STREAM: found}

    def end(self, _stream: str) -> int:
        return self.records[-1].offset + 1 if self.records else 0


class Running:
    """A worker in a thread of its own, and a client of its endpoint."""

    def __init__(self, stage: Stage, target: Target) -> None:
        self.stage = stage
        self.wire = PostgresWire()
        self.port = free_port()
        self.client = Client(self.port)
        self.error: BaseException | None = None
        self._stop = threading.Event()
        observe = Observe(land_port=self.port, stall_s=1)
        self._settings = Settings(
            target, Kafka(""), Connect(""), Folders(Path()), Land(drain_wait_ms=5), observe=observe
        )
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        source = StreamSource("src", STREAM, "postgresql", lambda: CONTRACTS, self.stage.captured)
        consumer = cast(StreamConsumer, Topic(self.wire.records))
        try:
            with shown("land", self._settings.observe, 0, self._stop) as monitor:
                worker = LandWorker(self._settings, {STREAM: source}, consumer, monitor)
                while not self._stop.is_set():
                    worker.turn()
                worker.close()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self.error = error

    def end(self) -> None:
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()
        assert self.error is None

    def commit(self, *numbers: int, name: str = "a") -> None:
        self.wire.begin()
        for number in numbers:
            self.wire.insert("item", "id", item(number, name=name))
        self.wire.end()

    def landed(self) -> bool:
        return self.stage.query("SELECT next_offset FROM cdc.position") == [(self.wire.records[-1].offset + 1,)]

    def fates(self) -> dict[str, float]:
        samples = self.client.samples()
        return {fate: samples["cdc_records_total", (("fate", fate), ("stream", STREAM))] for fate in FATES}

    def ledger(self) -> dict[str, float]:
        (row,) = self.stage.query(f"SELECT {', '.join(f'sum({fate})::int' for fate in FATES)} FROM cdc.batch")
        return dict(zip(FATES, row, strict=True))


@pytest.fixture
def running(target_dsn: str, target: Target) -> Iterator[Running]:
    stage = Stage(target_dsn, "src", CONTRACTS)
    running = Running(stage, target)
    yield running
    running.end()
    stage.connection.close()


def test_counts_equal_the_ledger_although_sessions_are_ended_in_the_middle(running: Running) -> None:
    for number in range(4):
        for row in range(10):
            running.commit(number * 10 + row, name="a name of more than twenty letters" if row == 5 else "a")
        end_sessions(running.stage)
        running.client.until(running.landed)
        running.fates()  # a scrape in between
    assert running.fates() == running.ledger() == {**dict.fromkeys(FATES, 0), "landed": 36, "refused": 4}
    assert running.client.sample("cdc_transient_failures_total", code="TGT-101") >= 1
    assert running.client.sample("cdc_lag_records", stream=STREAM) == 0


def test_a_worker_is_ready_when_its_streams_are_open_and_says_what_keeps_them_closed(
    running: Running, target_server: PostgresServer
) -> None:
    running.client.until(lambda: running.client.get("/readyz").status_code == 200)
    names = {condition["name"]: condition for condition in running.client.get("/readyz").json()["conditions"]}
    assert names["kafka"]["reason"] == ""
    assert names[STREAM]["note"].startswith("at offset ")
    with refused(target_server):
        end_sessions(running.stage)
        running.commit(1)
        running.client.until(lambda: running.client.get("/readyz").status_code == 503)
        (waiting,) = [found for found in running.client.get("/readyz").json()["conditions"] if found["reason"]]
        assert waiting == {
            "name": STREAM,
            "reason": "waits for TGT-101 target database cannot be reached",
            "note": "",
        }
        assert running.client.get("/livez").status_code == 200
    running.client.until(lambda: running.client.get("/readyz").status_code == 200)


def test_a_worker_that_is_frozen_inside_a_statement_is_not_live(running: Running) -> None:
    running.client.until(lambda: running.client.get("/livez").status_code == 200)
    with locked(running.stage):
        running.commit(1)
        running.client.until(lambda: running.client.get("/livez").status_code == 503)
        assert "has not turned for" in running.client.get("/livez").text
        assert running.client.sample("cdc_live") == 0
    running.client.until(lambda: running.client.get("/livez").status_code == 200)
    running.client.until(running.landed)


def end_sessions(stage: Stage) -> None:
    stage.query("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'cdc land'")


@contextmanager
def refused(server: PostgresServer) -> Iterator[None]:
    """Let the target have no connection free for the service."""
    with psycopg.connect(server.dsn(server.superuser), autocommit=True) as connection:
        connection.execute("ALTER ROLE cdc CONNECTION LIMIT 0")
        try:
            yield
        finally:
            connection.execute("ALTER ROLE cdc CONNECTION LIMIT -1")


@contextmanager
def locked(stage: Stage) -> Iterator[None]:
    """Keep the position locked: the worker waits for it inside its transaction."""
    with stage.connection.transaction():
        stage.connection.execute("SELECT FROM cdc.position FOR UPDATE")
        yield

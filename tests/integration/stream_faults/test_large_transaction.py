"""A transaction that is far larger than a batch (20 rows here): whole or not at all, whoever looks and whoever dies."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.beside import beside
from tests.integration.service import Deployment
from tests.integration.stream_faults.source import Source
from tests.integration.stream_faults.worker import await_event, landing

ROWS = 1500


@contextmanager
def watched(deployment: Deployment, mirror: str) -> Iterator[set[int]]:
    """Count the rows of a mirror all the time; yields the counts that were seen."""
    seen: set[int] = set()

    def watch(enough: threading.Event) -> None:
        with deployment.target() as connection:
            connection.autocommit = True
            while not enough.is_set():
                seen.update(count for (count,) in connection.execute(f"SELECT count(*) FROM {mirror}").fetchall())

    with beside(watch):
        yield seen


def begin(source: Source) -> None:
    """Write a large transaction to the topic, all but its END."""
    source.snapshot()
    source.wire.begin()
    source.insert(ROWS)
    source.send()


def end(source: Source) -> None:
    """Write its END."""
    source.wire.end()
    source.send()


def test_it_is_seen_whole_and_not_before_its_end_came(
    deployment: Deployment, north: Source, target: psycopg.Connection
) -> None:
    target.autocommit = True
    begin(north)
    with watched(deployment, "north.item") as seen, landing(deployment) as worker:
        await_event(worker.log, lambda event: event["event"] == "stream_opened")
        time.sleep(2)
        assert seen <= {0, 2}
        end(north)
        north.await_landed(target)
        await_event(worker.log, lambda event: event["event"] == "large_transaction")
        assert worker.stop() == 0
    assert seen <= {0, 2, ROWS + 2}
    parts = target.execute("SELECT batch - first_batch + 1, events FROM cdc.unit WHERE first_batch < batch").fetchall()
    assert parts[0][0] > ROWS / 21
    assert parts[0][1] == ROWS


def test_a_worker_killed_between_its_parts_leaves_nothing_of_it(
    deployment: Deployment, north: Source, target: psycopg.Connection
) -> None:
    target.autocommit = True
    begin(north)
    end(north)
    opened = (
        "SELECT FROM pg_stat_activity WHERE application_name = 'cdc land' AND xact_start < now() - interval '20 ms'"
    )
    kills = 0
    with watched(deployment, "north.item") as seen:
        for _ in range(3):
            with landing(deployment) as worker:
                await_event(worker.log, lambda event: event["event"] == "large_transaction")
                while worker.process.poll() is None and not target.execute(opened).fetchall():
                    pass
                worker.process.kill()
                worker.exit_code()
                kills += 1
        with landing(deployment) as worker:
            north.await_landed(target)
            assert worker.stop() == 0
    assert kills == 3
    assert seen <= {0, 2, ROWS + 2}

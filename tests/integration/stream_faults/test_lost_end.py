"""A broker comes back without the last records of a topic, others are appended, and the position lies among those."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from cdc.access import Kafka
from cdc.change import Record
from cdc.errors import FatalError, TransientError
from cdc.stream.consumer import StreamConsumer
from compose.local.kafka import Broker
from compose.local.stack import Stack
from tests.integration.service import Deployment, eventually
from tests.integration.stream_faults.broker_log import broker_down, lose
from tests.integration.stream_faults.source import Source
from tests.integration.stream_faults.worker import Worker, await_event, landing


@pytest.fixture(autouse=True)
def _the_broker_comes_back(stack: Stack, deployment: Deployment) -> Iterator[None]:
    """Before the deployment is cleared away, also when a test has failed half-way."""
    yield
    stack.start(["kafka"])


def lose_end(broker: Broker, source: Source, offset: int) -> None:
    """Let the log of the source's stream end at an offset, where a batch begins; what it commits next is new."""
    assert lose(broker, source.stream, offset) == offset
    source.forget(offset)


@contextmanager
def landed_up_to_18(deployment: Deployment, north: Source, target: psycopg.Connection) -> Iterator[Worker]:
    """A worker that has landed what was sent in two goes: 9 is where a batch begins."""
    north.send_commits(3)
    with landing(deployment) as worker:
        north.await_landed(target)
        north.send_commits(3)
        north.await_landed(target)
        yield worker


@contextmanager
def reading_up_to_209(deployment: Deployment, north: Source, target: psycopg.Connection) -> Iterator[Worker]:
    """A worker that has landed what is before 9, and read 200 rows of a transaction that has no end yet."""
    north.send_commits(3)
    with landing(deployment) as worker:
        north.await_landed(target)
        north.wire.begin()
        north.insert(200)
        north.send()
        await_event(worker.log, lambda event: event["event"] == "stream_opened")
        time.sleep(2)  # nothing says how far it has read
        yield worker


def test_while_the_worker_is_away(
    stack: Stack, deployment: Deployment, north: Source, target: psycopg.Connection
) -> None:
    with landed_up_to_18(deployment, north, target) as worker:
        assert worker.stop() == 0
    before = north.state(target)
    with broker_down(stack) as broker:
        lose_end(broker, north, 9)
    # The position, 18, lies between two transactions: no other rule would be broken.
    north.send_commits(5)
    with landing(deployment) as worker:
        worker.must_fail("STR-117")
        assert "cdc.north offset 17" in worker.said()
    assert north.state(target) == before


def test_under_a_worker_that_runs(
    stack: Stack, deployment: Deployment, north: Source, target: psycopg.Connection
) -> None:
    """It is frozen meanwhile, so that it finds the topic longer than its position, never shorter."""
    with landed_up_to_18(deployment, north, target) as worker:
        before = north.state(target)
        with broker_down(stack) as broker:
            worker.process.send_signal(signal.SIGSTOP)
            lose_end(broker, north, 9)
        north.send_commits(5)
        worker.process.send_signal(signal.SIGCONT)
        worker.must_fail("STR-117")
        assert "cdc.north offset 17" in worker.said()
    assert north.state(target) == before


def test_what_was_read_and_has_not_landed_is_replaced(
    deployment: Deployment, stack: Stack, north: Source, target: psycopg.Connection
) -> None:
    """The worker counts a transaction that has no end yet; what has landed stays as it was, all behind it is new."""
    with reading_up_to_209(deployment, north, target) as worker:
        before = north.state(target)
        with broker_down(stack) as broker:
            worker.process.send_signal(signal.SIGSTOP)
            lose_end(broker, north, 9)
        north.send_commits(80)
        worker.process.send_signal(signal.SIGCONT)
        worker.must_fail("STR-117")
        assert "cdc.north offset 209" in worker.said()
        # The transaction was thrown away, which is said, with how often.
        interrupted = await_event(
            worker.log, lambda event: (event["event"], event.get("stream")) == ("stream_interrupted", north.stream)
        )
        assert (interrupted["level"], interrupted["times"]) == ("warning", 1)
    with landing(deployment) as another:
        another.must_fail("STR-117")
        assert "cdc.north offset 209" in another.said()
    assert north.state(target) == before
    # As runbooks/stream-stopped.md has it, before a new snapshot.
    target.execute("DELETE FROM cdc.last_read WHERE stream = 'cdc.north'")
    with landing(deployment):
        eventually(target, "SELECT next_offset FROM cdc.position WHERE stream = 'cdc.north'", [(9 + 3 * 80,)])


def test_what_a_worker_had_read_that_was_stopped_is_replaced(
    deployment: Deployment, stack: Stack, north: Source, target: psycopg.Connection
) -> None:
    with reading_up_to_209(deployment, north, target) as worker:
        assert worker.stop() == 0
    assert target.execute('SELECT stream, "offset" FROM cdc.last_read').fetchall() == [("cdc.north", 209)]
    before = north.state(target)
    with broker_down(stack) as broker:
        lose_end(broker, north, 9)
    north.send_commits(80)
    with landing(deployment) as another:
        another.must_fail("STR-117")
        assert "cdc.north offset 209" in another.said()
    assert north.state(target) == before


@pytest.mark.slow  # CI has the one that is replaced, and the one that is gone
def test_what_was_read_and_has_not_landed_comes_back(
    deployment: Deployment, stack: Stack, north: Source, target: psycopg.Connection, tmp_path: Path
) -> None:
    """No worker goes on without it; once the broker has it again, the next one does."""
    with reading_up_to_209(deployment, north, target) as worker:
        before = north.state(target)
        with broker_down(stack) as broker:
            worker.process.send_signal(signal.SIGSTOP)
            shutil.copytree(broker.folder, tmp_path / "before")
            assert lose(broker, north.stream, 9) == 9
        worker.process.send_signal(signal.SIGCONT)
        worker.must_fail("STR-117")
    with landing(deployment) as another:
        another.must_fail("STR-117")
        assert "ends at offset 9, what was read of it ends at 210" in another.said()
    assert north.state(target) == before
    with broker_down(stack) as broker:
        shutil.rmtree(broker.folder)
        shutil.copytree(tmp_path / "before", broker.folder)
    north.wire.end()
    north.send()
    with landing(deployment):
        north.await_landed(target)


def test_what_was_read_and_has_not_landed_is_gone(stack: Stack, south: Source) -> None:
    south.send_commits(1)
    south.send_commits(2)
    with closing(StreamConsumer(Kafka(stack.env["CDC_KAFKA"]), "not-landed", [south.stream], 100)) as consumer:
        read: list[Record] = []
        read_until(consumer, south, read, 9)
        landed, again = read[:3], read[:3]
        with broker_down(stack):
            pass  # nothing is lost
        read_until(consumer, south, again, 9)
        assert again == read
        again = landed[:]
        with broker_down(stack) as broker:
            lose_end(broker, south, 3)
        with pytest.raises(FatalError, match=r"STR-117 .*ends at offset 3, what was read of it ends at 9"):
            read_until(consumer, south, again, 9)
        assert again == landed


def test_a_broker_whose_disk_was_set_back(stack: Stack, south: Source, tmp_path: Path) -> None:
    """All of it is as it was, the epochs of leaders too: the client and the group find nothing amiss."""
    with broker_down(stack) as broker:
        shutil.copytree(broker.folder, tmp_path / "before")
    south.send_commits(3)
    with closing(StreamConsumer(Kafka(stack.env["CDC_KAFKA"]), "set-back", [south.stream], 100)) as consumer:
        read: list[Record] = []
        read_until(consumer, south, read, 9)
        with broker_down(stack) as broker:
            shutil.rmtree(broker.folder)
            shutil.copytree(tmp_path / "before", broker.folder)
        south.forget(0)
        south.send_commits(5)
        with pytest.raises(FatalError, match=r"STR-117 .*cdc\.south offset 8"):
            read_until(consumer, south, read, 15)


def read_until(consumer: StreamConsumer, source: Source, read: list[Record], count: int) -> None:
    """Read on until there are so many records, opening the stream whenever it is not open."""
    deadline = time.monotonic() + 60
    while len(read) < count:
        assert time.monotonic() < deadline, read
        with suppress(TransientError):
            read.extend(consumer.poll(50).get(source.stream, []))
            if source.stream in consumer.streams and not consumer.is_open(source.stream):
                consumer.topic_id(source.stream)
                consumer.open(source.stream, len(read), read[-1] if read else None)

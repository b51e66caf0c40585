"""What happened to the topic is noticed before anything is written: the worker stops, and says what to do."""

from __future__ import annotations

import psycopg
import pytest

from tests.integration.service import Deployment
from tests.integration.stream_faults.source import Source
from tests.integration.stream_faults.worker import await_event, landing


def land_some(deployment: Deployment, source: Source, target: psycopg.Connection) -> None:
    source.send_commits(3)
    with landing(deployment) as worker:
        source.await_landed(target)
        assert worker.stop() == 0


def test_records_that_left_the_topic_before_they_landed(
    deployment: Deployment, north: Source, target: psycopg.Connection
) -> None:
    land_some(deployment, north, target)
    north.send_commits(3)
    # Between two transactions: what is left could be landed without another rule being broken.
    north.delete_records(len(north.wire.records) - 3)
    before = north.state(target)
    with landing(deployment) as worker:
        worker.must_fail("STR-106")
    gaps = target.execute("SELECT code FROM cdc.gap WHERE stream = %s", (north.stream,)).fetchall()
    assert ("STR-106",) in gaps  # it stays on record
    assert north.state(target) == before


def test_a_topic_made_anew_while_the_worker_is_away(
    deployment: Deployment, north: Source, target: psycopg.Connection
) -> None:
    land_some(deployment, north, target)
    again = Source("north", deployment.env["CDC_KAFKA"])
    again.make_topic()
    # So long that the position lies in it, at the begin of a transaction.
    again.send_commits(5)
    before = north.state(target)
    with landing(deployment) as worker:
        worker.must_fail("STR-107")
    assert north.state(target) == before


def test_a_topic_made_anew_under_the_worker(deployment: Deployment, north: Source, target: psycopg.Connection) -> None:
    north.send_commits(3)
    with landing(deployment) as worker:
        north.await_landed(target)
        before = north.state(target)
        again = Source("north", deployment.env["CDC_KAFKA"])
        again.make_topic()
        again.send_commits(5)
        worker.must_fail("STR-107")
    assert north.state(target) == before


def test_a_topic_that_lost_its_end(deployment: Deployment, north: Source, target: psycopg.Connection) -> None:
    """As after a broker that came back with older data: the position lies behind the last record.

    `test_lost_end.py` has the ones that have grown again meanwhile.
    """
    land_some(deployment, north, target)
    target.execute("UPDATE cdc.position SET next_offset = next_offset + 30 WHERE source = 'north'")
    target.commit()
    north.send_commits(3)
    before = north.state(target)
    with landing(deployment) as worker:
        worker.must_fail("STR-117")
    assert north.state(target) == before


def test_a_topic_that_is_gone(deployment: Deployment, north: Source, target: psycopg.Connection) -> None:
    """Nobody can know whether it comes back; whatever comes under its name is another one.

    It is told by its id, which is asked now and then, or by its end, which lies before what was read: whichever is seen
    first.
    """
    land_some(deployment, north, target)
    before = north.state(target)
    with landing(deployment) as worker:
        await_event(worker.log, lambda event: event["event"] == "stream_opened")
        north.delete_topic()
        north.make_topic()
        north.send_commits(1)
        worker.must_fail("STR-107", "STR-117")
    assert north.state(target) == before


def test_a_group_that_was_rewound(deployment: Deployment, north: Source, target: psycopg.Connection) -> None:
    """What a group has committed in Kafka counts for nothing: the position stands beside the rows."""
    land_some(deployment, north, target)
    north.rewind(deployment.env["CDC_GROUP"])
    north.send_commits(2)
    with landing(deployment) as worker:
        north.await_landed(target)
        assert worker.stop() == 0


def test_a_topic_of_two_partitions(deployment: Deployment, north: Source, target: psycopg.Connection) -> None:
    north.make_topic(partitions=2)
    north.send_commits(3)
    # Each of them gets a partition, and neither may take it for a stream.
    with landing(deployment) as one, landing(deployment) as other:
        for worker in (one, other):
            worker.must_fail("STR-108")
            assert "STR-118" not in worker.said()
    assert north.mirror(target) == []


def test_a_topic_that_is_compacted(deployment: Deployment, north: Source, target: psycopg.Connection) -> None:
    """Rows of a snapshot may be gone from it, of which nothing else would tell."""
    north.compact()
    north.send_commits(3)
    with landing(deployment) as worker:
        worker.must_fail("STR-108")
    assert north.mirror(target) == []


@pytest.mark.slow  # the client looks at its topics every ten seconds
def test_a_partition_added_under_the_worker(deployment: Deployment, north: Source, target: psycopg.Connection) -> None:
    north.send_commits(3)
    with landing(deployment) as worker:
        north.await_landed(target)
        north.add_partition()
        worker.must_fail("STR-108")

"""A partition that cannot be read at the moment, as the client's own metadata say it: one broker cannot show that."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from kafka import TopicPartition
from kafka.cluster import ClusterMetadata
from kafka.errors import KafkaTimeoutError
from kafka.protocol.metadata import MetadataResponse

from cdc.access import Kafka
from cdc.change import Record
from cdc.errors import TransientError
from cdc.stream.connection import Connection
from cdc.stream.partition import Partition

STREAM = TopicPartition("cdc.north", 0)
_Broker = MetadataResponse.MetadataResponseBroker
_Topic = MetadataResponse.MetadataResponseTopic
_Partition = _Topic.MetadataResponsePartition


def cluster(leader: int | None) -> ClusterMetadata:
    """Return what is known of a cluster of one broker: who leads the stream, or nothing about the stream."""
    known = ClusterMetadata(bootstrap_servers=["127.0.0.1:9092"])
    partitions = [_Partition(error_code=0, partition_index=0, leader_id=leader, leader_epoch=1)]
    topics = [] if leader is None else [_Topic(error_code=0, name=STREAM.topic, partitions=partitions)]
    brokers = [_Broker(version=12, node_id=1, host="127.0.0.1", port=9092, rack=None)]
    known.update_metadata(MetadataResponse(version=12, brokers=brokers, topics=topics))
    return known


@dataclass
class Fetched:
    """What the client has fetched: nothing."""

    _completed_fetches: deque[object] = field(default_factory=deque)
    _paused_completed_fetches: dict[TopicPartition, object] = field(default_factory=dict)
    _paused_partition_records: dict[TopicPartition, object] = field(default_factory=dict)
    _next_partition_records: None = None


@dataclass
class Client:
    """Answers for a topic of nine records, or runs into its time limit."""

    _cluster: ClusterMetadata
    answers: bool = True
    asked: list[int] = field(default_factory=list)
    place: int | None = None
    _fetcher: Fetched = field(default_factory=Fetched)

    def beginning_offsets(self, partitions: list[TopicPartition], timeout_ms: int) -> Mapping[TopicPartition, int]:
        return self._answer(partitions, timeout_ms, 0)

    def end_offsets(self, partitions: list[TopicPartition], timeout_ms: int) -> Mapping[TopicPartition, int]:
        return self._answer(partitions, timeout_ms, 9)

    def seek(self, _partition: TopicPartition, offset: int) -> None:
        self.place = offset

    def resume(self, _partition: TopicPartition) -> None:
        pass

    def _answer(self, partitions: list[TopicPartition], timeout_ms: int, place: int) -> Mapping[TopicPartition, int]:
        self.asked.append(timeout_ms)
        if not self.answers:
            raise KafkaTimeoutError
        return dict.fromkeys(partitions, place)


def partition(client: Client) -> Partition:
    return Partition(STREAM.topic, client, Connection(Kafka("127.0.0.1:9092")))


def test_without_a_leader_nobody_is_asked_where_it_ends() -> None:
    client = Client(cluster(-1))
    with pytest.raises(TransientError, match=r"STR-119 .*cdc\.north has no leader"):
        partition(client).open(0, None)
    assert client.asked == []
    assert client._cluster.need_update  # it may have one by now


def test_a_partition_that_is_not_known_after_a_second_has_no_leader_either() -> None:
    client = Client(cluster(None), answers=False)
    with pytest.raises(TransientError, match=r"STR-119 .*cdc\.north has no leader"):
        partition(client).open(0, None)
    assert client.asked == [1000]


def test_a_leader_that_does_not_answer_is_not_taken_for_none() -> None:
    with pytest.raises(KafkaTimeoutError):
        partition(Client(cluster(1), answers=False)).open(0, None)


def test_without_a_connection_to_its_leader_it_is_not_open() -> None:
    north = partition(Client(cluster(1)))
    with pytest.raises(TransientError, match=r"STR-119 .*no connection"):
        north.open(0, None)
    assert not north.is_open


def test_a_connection_that_came_and_went_between_two_looks_interrupts() -> None:
    """What came through it may have been polled; there is none at the moment."""
    client, connection = Client(cluster(1)), Connection(Kafka("127.0.0.1:9092"))
    north = Partition(STREAM.topic, client, connection)
    connection.succeeded(1)
    north.open(0, None)
    connection.succeeded(2)  # to another broker
    north.notice_interruption()
    assert north.is_open
    connection.succeeded(1)
    north.notice_interruption()
    assert not north.is_open


def test_what_was_read_last_is_fetched_before_what_follows_the_landed_record() -> None:
    client, connection = Client(cluster(1)), Connection(Kafka("127.0.0.1:9092"))
    north = Partition(STREAM.topic, client, connection)
    connection.succeeded(1)
    records = [Record(offset, b"key", b"value") for offset in range(9)]
    north.open(0, None)
    assert north.read(records) == records
    north.open(3, records[2])
    assert client.place == 8
    assert north.read(records[8:]) == []
    assert client.place == 2
    assert north.read(records[2:]) == records[3:]
    assert client.place == 2

"""The signal topic of a source: what is noted of its tables, and what its connector says of its snapshots, in order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from cdc.access import Brokers
from cdc.errors import TransientError
from cdc.stream.connection import connection_to
from cdc.stream.topic import PATIENCE_OF_A_PERSON_MS

_TIMEOUT_MS = 10_000
_POLL_MS = 200


class Signal(NamedTuple):
    """One record of the topic, byte for byte. A record whose key is the source's name would be obeyed as a signal."""

    key: bytes | None
    value: bytes | None


def read_signals(brokers: Brokers, topic: str) -> list[Signal]:
    """Return all committed records of the topic, the oldest first. Raises STR-119, or as `connection_to`."""
    partition = TopicPartition(topic, 0)
    with connection_to(brokers) as connection:
        consumer = KafkaConsumer(
            bootstrap_timeout_ms=PATIENCE_OF_A_PERSON_MS,
            isolation_level="read_committed",
            enable_auto_commit=False,
            allow_auto_create_topics=False,
            **connection.settings,
        )
        consumer.assign([partition])
        return list(_read(consumer, partition))


def send_signal(brokers: Brokers, topic: str, key: bytes, value: bytes) -> None:
    """Append a record and wait until Kafka has it. Raises as `cdc.stream.connection.connection_to`."""
    with connection_to(brokers) as connection:
        producer = KafkaProducer(bootstrap_timeout_ms=PATIENCE_OF_A_PERSON_MS, **connection.settings)
        try:
            producer.send(topic, key=key, value=value, partition=0).get(_TIMEOUT_MS / 1000)
        finally:
            producer.close()


def _end(consumer: KafkaConsumer, partition: TopicPartition) -> int:
    try:
        end: int = consumer.end_offsets([partition])[partition]
    except KeyError as error:  # what the client (3.0.12) raises for a partition that it had to ask for twice
        raise TransientError("STR-119", f"{partition.topic}: where it ends was not said") from error
    return end


def _read(consumer: KafkaConsumer, partition: TopicPartition) -> Iterator[Signal]:
    # The end is that of what is committed: an open transaction of the connector is not waited for.
    end = _end(consumer, partition)
    consumer.seek_to_beginning(partition)
    deadline = time.monotonic() + _TIMEOUT_MS / 1000
    while consumer.position(partition) < end:
        found = consumer.poll(_POLL_MS).get(partition, [])
        yield from (Signal(record.key, record.value) for record in found)
        if found:
            deadline = time.monotonic() + _TIMEOUT_MS / 1000
        elif time.monotonic() > deadline:
            raise TransientError("STR-119", f"{partition.topic} is not read to its end")

"""Records searched for in a topic, from its beginning to its end: the place of what landed last in one made anew."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

from kafka import KafkaConsumer, TopicPartition

from cdc.access import Brokers
from cdc.change import Record
from cdc.errors import TransientError
from cdc.stream import record_batch
from cdc.stream.connection import connection_to
from cdc.stream.topic import Extent

_WAIT_MS = 1000
# A transaction that its producer has left open ends after one minute, and is not read before.
_PATIENCE_S = 90.0


def find_records(
    brokers: Brokers, name: str, topic: Extent, wanted: Sequence[Record], report: Callable[[int], None] = lambda _: None
) -> list[int | None]:
    """Return the last offset of the topic at which a record has the bytes of each wanted one, whatever its offset.

    None for one that is nowhere. `report` gets the offset that it has come to. Raises as
    `cdc.stream.connection.connection_to`, TransientError STR-109 if the brokers stop to answer.
    """
    found: list[int | None] = [None] * len(wanted)
    for record in _records(brokers, name, topic):
        for place, one in enumerate(wanted):
            if record.content == one.content:
                found[place] = record.offset
        report(record.offset)
    return found


def count_records(brokers: Brokers, name: str, topic: Extent) -> int:
    """Return how many committed records the topic has there; Kafka's own marks are none. Raises as `find_record`."""
    return sum(1 for _ in _records(brokers, name, topic))


def _records(brokers: Brokers, name: str, topic: Extent) -> Iterator[Record]:
    partition = TopicPartition(name, 0)
    with connection_to(brokers) as connection:
        client = KafkaConsumer(
            isolation_level="read_committed",
            auto_offset_reset="none",
            enable_auto_commit=False,
            bootstrap_timeout_ms=5000,
            **connection.settings,
        )
        with closing(client):
            record_batch.install(client)
            client.assign([partition])
            client.seek(partition, topic.first)
            came = time.monotonic()
            while (begun := client.position(partition)) < topic.end:
                for records in client.poll(timeout_ms=_WAIT_MS).values():
                    yield from records
                if client.position(partition) > begun:
                    came = time.monotonic()
                elif time.monotonic() - came > _PATIENCE_S:
                    raise TransientError("STR-109", f"{name}: nothing comes behind offset {begun}")

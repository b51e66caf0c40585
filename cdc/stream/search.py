"""A record searched for in a topic, from its beginning to its end: the place of what landed last in one made anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

from kafka import KafkaConsumer, TopicPartition

from cdc.access import Brokers
from cdc.change import Record
from cdc.stream import record_batch
from cdc.stream.connection import connection_to
from cdc.stream.topic import Extent

_WAIT_MS = 1000


def find_record(
    brokers: Brokers, name: str, topic: Extent, wanted: Record, report: Callable[[int], None] = lambda _: None
) -> int | None:
    """Return the last offset of the topic at which a record has the wanted one's bytes, whatever its offset; or None.

    `report` gets the offset that it has come to. Raises as `cdc.stream.connection.connection_to`.
    """
    found = None
    for record in _records(brokers, name, topic):
        if record[1:] == wanted[1:]:
            found = record.offset
        report(record.offset)
    return found


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
            while client.position(partition) < topic.end:
                for records in client.poll(timeout_ms=_WAIT_MS).values():
                    yield from records

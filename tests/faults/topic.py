"""A stream's topic, written as Kafka Connect writes it: in transactions of Kafka that cut where they like.

Now and then one is aborted and sent again, as by a worker that died. What readers see is read back by a plain client,
so that places in a history are known as offsets of the topic.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from contextlib import closing

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from cdc.change import Record
from tests.faults.history import History


class Topic:
    """The topic of a history; `offsets` has the offset of every record that was sent."""

    def __init__(self, history: History, bootstrap: str) -> None:
        self.history = history
        self.name = history.stream
        self.offsets: list[int] = []
        self._bootstrap = bootstrap
        self._random = random.Random(f"topic {history.source} {history.seed}")

    def make(self) -> None:
        """Create the topic; one of that name is deleted before."""
        with closing(KafkaAdminClient(bootstrap_servers=self._bootstrap)) as admin:
            if self.name in admin.list_topics():
                admin.delete_topics([self.name])
            admin.create_topics([NewTopic(self.name, 1, 1)])
        self.offsets.clear()

    def sender(self) -> Sender:
        """Open a producer."""
        return Sender(self, self._bootstrap, self._random)

    def fill(self) -> None:
        """Send the whole history."""
        with closing(self.sender()) as sender:
            while not sender.is_done:
                sender.send_block(aborts=True)

    def read(self) -> list[Record]:
        """Return what a plain reader sees, from the first record on; it must be the history, in order."""
        partition = TopicPartition(self.name, 0)
        consumer = KafkaConsumer(
            bootstrap_servers=self._bootstrap,
            isolation_level="read_committed",
            enable_auto_commit=False,
            max_partition_fetch_bytes=16 * 1024 * 1024,
        )
        with closing(consumer):
            consumer.assign([partition])
            consumer.seek(partition, 0)
            found: list[Record] = []
            while len(found) < len(self.offsets):
                polled = consumer.poll(timeout_ms=1000)
                found += [record_of(message) for message in polled.get(partition, ())]
        sent = [record._replace(offset=0) for record in self.history.wire.records[: len(found)]]
        assert [record._replace(offset=0) for record in found] == sent
        assert [record.offset for record in found] == self.offsets
        return found

    def records_before(self, offset: int) -> int:
        """Return how many records stand before an offset."""
        return bisect_left(self.offsets, offset)


class Sender:
    """A producer that goes through the history."""

    def __init__(self, topic: Topic, bootstrap: str, pick: random.Random) -> None:
        self._topic, self._random = topic, pick
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", transactional_id=topic.name)
        self._producer.init_transactions()

    @property
    def is_done(self) -> bool:
        return len(self._topic.offsets) == self._topic.history.length

    def send_block(self, size: int = 60, *, aborts: bool = False) -> None:
        """Send up to twice `size` records in one transaction of Kafka; with `aborts` it may have to be done twice."""
        first = len(self._topic.offsets)
        count = self._random.randint(1, 2 * size)
        if aborts and self._random.random() < 0.1:
            self._send(first, count)
            self._producer.abort_transaction()
        self._topic.offsets += self._send(first, count)
        self._producer.commit_transaction()

    def close(self) -> None:
        self._producer.close()

    def _send(self, first: int, count: int) -> list[int]:
        self._producer.begin_transaction()
        sent = []
        for record in self._topic.history.wire.records[first : first + count]:
            headers = [] if record.old_key is None else [("__debezium.oldkey", record.old_key)]
            sent.append(self._producer.send(self._topic.name, record.value, record.key, headers, partition=0))
        self._producer.flush()
        return [future.get().offset for future in sent]


def record_of(message: object) -> Record:
    """Return a consumer's message as the service keeps it."""
    old_key = next((value for name, value in message.headers if name == "__debezium.oldkey"), None)  # type: ignore[attr-defined]
    return Record(message.offset, message.key, message.value, old_key)  # type: ignore[attr-defined]

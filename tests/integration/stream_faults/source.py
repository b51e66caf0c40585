"""A source that exists only as the stream that its connector would write: no connector has to run."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from tests.beside import beside
from tests.integration.service import eventually
from tests.unit.cdc.stream.wire import PostgresWire

Row = tuple[int, str]
# BEGIN, one row, END.
RECORDS_OF_A_COMMIT = 3
_MAX_REQUEST_BYTES = 100 * 1024 * 1024


class Source:
    """A source with one table, `item`; `rows` is what its mirror has to hold, `wire` what its stream does."""

    def __init__(self, name: str, bootstrap: str) -> None:
        self.name = name
        self.stream = f"cdc.{name}"
        self.wire = PostgresWire()
        self.rows: list[Row] = []
        self._bootstrap = bootstrap
        self._sent = 0

    def make_topic(self, partitions: int = 1, max_record_bytes: int = 1024 * 1024) -> None:
        """Create the topic; one of that name is deleted before."""
        options = {"num_partitions": partitions, "configs": {"max.message.bytes": str(max_record_bytes)}}
        with self._admin() as admin:
            if self.stream in admin.list_topics():
                admin.delete_topics([self.stream])
            admin.create_topics({self.stream: options})

    def delete_topic(self) -> None:
        """Delete the topic, and wait until it is gone."""
        with self._admin() as admin:
            admin.delete_topics([self.stream])
            deadline = time.monotonic() + 30
            while self.stream in admin.list_topics():
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def rewind(self, group: str) -> None:
        """Set what an idle group has committed back to the first record."""
        consumer = KafkaConsumer(bootstrap_servers=self._bootstrap, group_id=group, enable_auto_commit=False)
        partition = TopicPartition(self.stream, 0)
        consumer.assign([partition])
        assert consumer.committed(partition)
        consumer.commit({partition: OffsetAndMetadata(0, "", -1)})
        assert consumer.committed(partition) == 0
        consumer.close()

    def add_partition(self) -> None:
        """Give the topic a second partition."""
        with self._admin() as admin:
            admin.create_partitions({self.stream: 2})

    def compact(self) -> None:
        """Have the broker keep the last record of each key only, whenever it cleans up."""
        policy = ConfigResource(ConfigResourceType.TOPIC, self.stream, configs={"cleanup.policy": "compact"})
        with self._admin() as admin:
            admin.alter_configs([policy])

    def delete_records(self, before: int) -> None:
        """Remove the records below an offset, as retention would."""
        with self._admin() as admin:
            admin.delete_records({TopicPartition(self.stream, 0): before})

    def snapshot(self) -> None:
        """Let the initial snapshot bring two rows."""
        for marker in ("first", "last"):
            self.wire.snapshot("item", "id", self._new_row(), marker)

    def read(self, markers: Iterable[str]) -> None:
        """Let a snapshot bring rows, one for each marker, and send them."""
        for marker in markers:
            self.wire.snapshot("item", "id", self._new_row(), marker)
        self.send()

    def commit(self, transactions: int) -> None:
        """Insert one row in each of some transactions."""
        for _ in range(transactions):
            self.wire.begin()
            self.wire.insert("item", "id", self._new_row())
            self.wire.end()

    def insert(self, rows: int) -> None:
        """Insert rows into the transaction that is open."""
        for _ in range(rows):
            self.wire.insert("item", "id", self._new_row())

    def send(self) -> None:
        """Write to the topic what it does not have yet, and wait until the broker has it."""
        producer = KafkaProducer(bootstrap_servers=self._bootstrap, acks="all", max_request_size=_MAX_REQUEST_BYTES)
        sent = [
            producer.send(self.stream, key=record.key, value=record.value, partition=0)
            for record in self.wire.records[self._sent :]
        ]
        producer.flush()
        for answer in sent:
            answer.get(0)  # a record that was not taken is an error of the test
        producer.close()
        self._sent = len(self.wire.records)

    def forget(self, offset: int) -> None:
        """Take note that the topic has lost its end, without the rows in it: what is committed next is new."""
        del self.wire.records[offset:]
        self._sent = offset

    def forget_sent(self, number: int) -> None:
        """Take note that the topic, made anew, begins with the record of that number."""
        self._sent = number

    def read_again(self) -> None:
        """Let a new snapshot bring all rows that there are, and send them."""
        self.wire.start_snapshot()
        last = len(self.rows) - 1
        for place, (number, name) in enumerate(self.rows):
            marker = "first" if place == 0 else "last" if place == last else "true"
            self.wire.snapshot("item", "id", {"id": number, "name": name}, marker)
        self.send()

    def commit_elsewhere(self, number: int) -> None:
        """Send what the source did before it was restored, or after: another row, by a transaction's id of before."""
        self.wire.number -= 1
        self.wire.begin()
        self.wire.insert("item", "id", {"id": 1000 + number, "name": "not there any more"})
        self.wire.end()
        self.send()

    def place(self, target: psycopg.Connection) -> Any:
        """Return where the stream is read on, and by how much the target's offsets are more than the topic's."""
        query = f"SELECT next_offset, shift FROM cdc.position WHERE stream = '{self.stream}'"
        return target.execute(query).fetchone()

    def place_of(self, offset: int) -> int:
        """Return where in the topic a record of the wire is: no gap is behind a transaction there."""
        return next(place for place, record in enumerate(self.wire.records) if record.offset == offset)

    def send_commits(self, transactions: int) -> None:
        """Commit and send."""
        self.commit(transactions)
        self.send()

    def await_landed(self, target: psycopg.Connection) -> None:
        """Wait until the position is behind all that was sent; then the mirror must be whole, the ledger without a
        record that was taken twice or left out (the topic has no gaps: no transactional producer wrote it).
        """
        eventually(target, f"SELECT next_offset FROM cdc.position WHERE stream = '{self.stream}'", [(self._sent,)])
        assert self.mirror(target) == self.rows
        assert self.ledger(target) == (self._sent, len(self.rows), 0, self._sent)

    def mirror(self, target: psycopg.Connection) -> list[Row]:
        """Return the rows of the mirror."""
        return target.execute(f"SELECT id, name FROM {self.name}.item ORDER BY id").fetchall()

    def ledger(self, target: psycopg.Connection) -> Any:
        """Return captured, landed and replayed records, and how many offsets the batches cover."""
        query = (
            "SELECT sum(captured)::int, sum(landed)::int, sum(replayed)::int, sum(next_offset - first_offset)::int"
            f" FROM cdc.batch WHERE stream = '{self.stream}'"
        )
        return target.execute(query).fetchone()

    def state(self, target: psycopg.Connection) -> Any:
        """Return all that a worker could have moved."""
        position = target.execute(f"SELECT next_offset, batch FROM cdc.position WHERE stream = '{self.stream}'")
        return position.fetchall(), self.mirror(target), self.ledger(target)

    def _admin(self) -> closing[KafkaAdminClient]:
        return closing(KafkaAdminClient(bootstrap_servers=self._bootstrap))

    def _new_row(self) -> dict[str, Any]:
        number = self.rows[-1][0] + 1 if self.rows else 1
        self.rows.append((number, f"part {number}"))
        return {"id": number, "name": f"part {number}"}


@contextmanager
def traffic(*sources: Source) -> Iterator[None]:
    """Let the sources commit and send all the time."""

    def send(enough: threading.Event) -> None:
        while not enough.is_set():
            for source in sources:
                source.send_commits(10)
            time.sleep(0.02)  # two cores: the workers need them, too

    with beside(send):
        yield

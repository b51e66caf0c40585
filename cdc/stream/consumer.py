"""The one place that reads Kafka: streams as records, spread over workers by a consumer group.

Where to read from is never Kafka's decision: a stream that is assigned stays paused until `open` says the offset of
the position. Offsets are committed only so that lag tools see something.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import MemberToRemove
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from kafka.errors import (
    AuthorizationError,
    FencedInstanceIdError,
    KafkaError,
    LogTruncationError,
    OffsetOutOfRangeError,
    PositionOutOfRangeError,
)
from kafka.structs import OffsetAndMetadata

from cdc.access import Brokers
from cdc.change import Record
from cdc.errors import CdcError, FatalError, NotAdmitted, TransientError
from cdc.stream import fetch_wait, record_batch
from cdc.stream.assignment import Assignment
from cdc.stream.connection import Connection
from cdc.stream.partition import Partition
from cdc.stream.topic import PATIENCE_OF_A_PERSON_MS, describe_topic, kafka_admin, require_stream

_SETTINGS: Mapping[str, Any] = {
    "isolation_level": "read_committed",
    # What is no longer in the topic must stop the worker, not make it skip.
    "auto_offset_reset": "none",
    "enable_auto_commit": False,
    "allow_auto_create_topics": False,
    # The default, range, gives every topic of one partition to the same member.
    "partition_assignment_strategy": [StickyPartitionAssignor],
    # The smallest that brokers allow: a killed worker's streams are taken over after it.
    "session_timeout_ms": 6000,
    "heartbeat_interval_ms": 2000,
    # A stream that is made later is found within this time.
    "metadata_max_age_ms": 10_000,
    # Few round trips when there is a backlog, and no more in memory than that: it is several times as much when it is
    # decompressed. A larger batch comes all the same, alone.
    "max_partition_fetch_bytes": 4 * 1024 * 1024,
    "fetch_max_bytes": 16 * 1024 * 1024,
    "bootstrap_timeout_ms": 5000,
    # The default grows to 30 s: a broker that is back would be left waiting.
    "reconnect_backoff_max_ms": 2000,
}
# To join the group, or to find its broker again, takes less.
_SILENCE_S = 3.0


class StreamConsumer:
    """This worker's membership in the group, and the streams that it was given."""

    def __init__(
        self, brokers: Brokers, group: str, streams: Iterable[str], max_records: int, member: str | None = None
    ) -> None:
        """Join. Raises TransientError STR-109 if no broker answers, NotAdmitted STR-113 or STR-114 if none lets us in.

        `member` is a name by which the group knows this worker again when it was killed and started anew: its streams
        are its own at once, not after the session has timed out. Two workers with one name shut each other out.
        """
        self._brokers = brokers
        self._connection = Connection(brokers)
        self._group = group
        self._member = member
        self._assignment = Assignment()
        self._topic_ids: dict[str, str] = {}
        self._partitions: dict[str, Partition] = {}
        self._answered_at = time.monotonic()
        try:
            self._kafka = KafkaConsumer(
                group_id=group,
                group_instance_id=member,
                max_poll_records=max_records,
                **_SETTINGS,
                **self._connection.settings,
            )
        except KafkaError as error:
            known = self._connection.away(error)
            self._connection.close()
            raise known from error
        record_batch.install(self._kafka)
        fetch_wait.install(self._kafka)
        self._assignment.consumer = self._kafka
        self._kafka.subscribe(sorted(streams), listener=self._assignment)

    @property
    def streams(self) -> frozenset[str]:
        """The streams that this worker has at the moment."""
        return frozenset(self._assignment.streams)

    @property
    def has_joined(self) -> bool:
        """Whether the group has taken this worker up, and told it its streams, which may be none."""
        return self._assignment.has_joined

    def end(self, stream: str) -> int | None:
        """Return where the stream ended when records of it were fetched last; from any thread."""
        return self._partitions[stream].end if stream in self._partitions else None

    def take_new(self) -> set[str]:
        """Return the streams that were assigned since the last call; each is paused until `open`."""
        new = self._assignment.new & self._assignment.streams
        self._assignment.new.clear()
        return new

    def topic_id(self, stream: str) -> str:
        """Return the id of the stream's topic. Raises STR-118 if there is none, STR-108 if it cannot hold a stream.

        Raises TransientError STR-109, STR-115, FatalError STR-110, too.
        """
        with _asking():
            topic = require_stream(self._brokers, stream)
        self._topic_ids[stream] = topic.id
        return topic.id

    def poll(self, wait_ms: int) -> dict[str, list[Record]]:
        """Return what has arrived, in offset order per stream, waiting for the first record at most that long.

        Keeps the membership alive: has to be called while streams are paused, too. Raises STR-106 to STR-109,
        STR-111, STR-112, STR-115, STR-117, STR-119.
        """
        self._finish_joining()
        self._go_on_with_held()
        with _translated(self._connection):
            polled = self._polled(wait_ms)
        self._require_same_topics()
        for stream in self._assignment.streams & self._partitions.keys():
            self._partitions[stream].notice_interruption()
        if not polled:  # what was polled must not be lost by raising: the client is behind it
            self._require_answers()
        read = {
            stream: self._partitions[stream].read(found) for stream, found in polled.items() if self.is_open(stream)
        }
        return {stream: records for stream, records in read.items() if records}

    def _polled(self, wait_ms: int) -> dict[str, list[Record]]:
        """Poll. A stream whose topic seems to have lost its end is interrupted: who opens it again sees whether so."""
        try:
            polled = self._kafka.poll(timeout_ms=wait_ms)
        except LogTruncationError as error:
            lost = {partition.topic for partition in error.divergent_offsets}
        except OffsetOutOfRangeError as error:
            self._require_known_topics()
            places = {partition.topic: offset for partition, offset in error.args[0].items()}
            lost = {stream for stream, offset in places.items() if self._partitions[stream].has(offset)}
            if not lost:
                raise
        else:
            return {partition.topic: records for partition, records in polled.items()}
        for stream in lost:
            self._partitions[stream].interrupt()
        return {}

    def _finish_joining(self) -> None:
        """See to it that a join that outlives a poll is taken up by the next one.

        The client (3.0.12) takes it up only while it thinks that it has to join. If the topics' metadata came during
        the join it does not think so any more, and stays a member without streams and heartbeats for ever.
        """
        coordinator = self._kafka._coordinator  # nothing public shows it
        if coordinator.rejoining:
            coordinator.request_rejoin()

    def _go_on_with_held(self) -> None:
        """See to it that what was fetched of a stream before it was held is delivered once it is not.

        The client (3.0.12) puts it aside, fetches nothing more of the stream, and looks for it only while nothing is in
        line; it takes a batch of another stream that was read to its end for something.
        """
        fetcher = self._kafka._fetcher  # nothing public shows it
        if fetcher._next_partition_records is not None and not fetcher._next_partition_records:
            fetcher._next_partition_records = None

    def _require_answers(self) -> None:
        """Raise what is a poll without records to the client: STR-111 for topics that may not be read, STR-109 every
        few seconds that the broker is away, STR-115 that it does not let us in.
        """
        coordinator, now = self._kafka._coordinator, time.monotonic()  # nothing public shows either of them
        if coordinator._cluster.unauthorized_topics:
            raise FatalError("STR-111", ", ".join(sorted(coordinator._cluster.unauthorized_topics)))
        refusal = self._connection.refusal  # it may be that of the one broker that has a stream
        if refusal is None and not coordinator.coordinator_unknown():
            self._answered_at = now
        elif now - self._answered_at > _SILENCE_S:
            self._answered_at = now
            raise _shut_out(refusal) if refusal else TransientError("STR-109", "no connection to the group's broker")

    def _require_same_topics(self) -> None:
        """Stop at a topic that was made anew while it was read: its offsets mean something else.

        The client looks at its topics every ten seconds; a new one that has grown as long by then passes unnoticed.
        """
        for stream in self._assignment.streams & self._topic_ids.keys():
            current = self._kafka._cluster.topic_id(stream)
            if current is not None and str(current) != self._topic_ids[stream]:
                raise FatalError("STR-107", stream)

    def _require_known_topics(self) -> None:
        """Tell a topic that was made anew, and is shorter, from one that lost records; the client has not asked yet."""
        for stream in self._assignment.streams & self._topic_ids.keys():
            with _asking():
                topic = describe_topic(self._brokers, stream)
            if topic is not None and topic.id != self._topic_ids[stream]:
                raise FatalError("STR-107", stream)

    def open(
        self, stream: str, offset: int, landed: Record | None = None, kept: Record | None = None, shift: int = 0
    ) -> None:
        """Read a stream from `offset` on, behind `landed`, the record before it; its offsets are `shift` more than the
        topic's.

        Polling tells whether the topic still has that record, and before it delivers anything, whether it has what was
        read last, by this worker or else (`kept`) by one before it. Raises FatalError STR-117 if it ends before
        either of them, TransientError STR-109, STR-115, STR-119.
        """
        if stream not in self._partitions:
            self._partitions[stream] = Partition(stream, self._kafka, self._connection)
        with _translated(self._connection):
            self._partitions[stream].open(offset, landed, kept, shift)

    def last_read(self, stream: str) -> Record | None:
        """Return the last record that was read of a stream, if any was."""
        return self._partitions[stream].last_read if stream in self._partitions else None

    def rewind(self, stream: str, offset: int) -> None:
        """Read a stream that is open from another offset on."""
        with _translated(self._connection):
            self._partitions[stream].rewind(offset)

    def is_open(self, stream: str) -> bool:
        """Whether a stream is being read: not after an interruption, until it is opened again."""
        return stream in self._partitions and self._partitions[stream].is_open

    def hold(self, stream: str, *, held: bool) -> None:
        """Deliver nothing of a stream for a while, or go on; what was fetched is kept."""
        partition = TopicPartition(stream, 0)
        if stream in self._assignment.streams and held != (partition in self._kafka.paused()):
            (self._kafka.pause if held else self._kafka.resume)(partition)

    def before_revoking(self, settle: Callable[[Iterable[str]], None]) -> None:
        """Have `settle` called with the streams that go to other members, before they do."""
        self._assignment.settle = settle

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Tell lag tools how far the streams have landed, without waiting; what fails is told again later."""
        mine = {
            stream: self._partitions[stream].committed(offset)
            for stream, offset in offsets.items()
            if stream in self._assignment.streams and stream in self._partitions
        }
        if mine:
            self._kafka.commit_async(
                {TopicPartition(stream, 0): OffsetAndMetadata(offset, "", -1) for stream, offset in mine.items()},
                callback=lambda _offsets, _response: None,
            )

    def close(self) -> None:
        """Leave the group, so that the streams go to others at once."""
        self._kafka.close(autocommit=False, timeout_ms=5000)
        if self._member is not None:
            self._leave(self._member)

    def _leave(self, member: str) -> None:
        """Leave for a member with a name, which the client does not; if it fails, the session's time-out does it."""
        with suppress(CdcError), kafka_admin(self._brokers, PATIENCE_OF_A_PERSON_MS) as admin:
            admin.remove_group_members(self._group, [MemberToRemove(group_instance_id=member)])


def _shut_out(refusal: NotAdmitted) -> TransientError:
    """Return what a refusal is to a worker that runs: it waits, a password or a certificate may be being replaced."""
    return TransientError("STR-115", f"{refusal.code}, {refusal.detail}")


@contextmanager
def _asking() -> Iterator[None]:
    """Ask through a connection of its own, which may be refused where the one that reads is still let in."""
    try:
        yield
    except NotAdmitted as error:
        raise _shut_out(error) from error


@contextmanager
def _translated(connection: Connection) -> Iterator[None]:
    try:
        yield
    except (OffsetOutOfRangeError, PositionOutOfRangeError) as error:
        raise FatalError("STR-106", _places(error)) from error
    except AuthorizationError as error:
        raise FatalError("STR-111", _places(error)) from error
    except FencedInstanceIdError as error:
        raise FatalError("STR-112", type(error).__name__) from error
    except KafkaError as error:
        if isinstance(error.__cause__, CdcError):
            raise error.__cause__ from error  # of our listener, which the client calls and whose errors it wraps
        known = connection.away(error)
        raise (_shut_out(known) if isinstance(known, NotAdmitted) else known) from error


def _places(error: KafkaError) -> str:
    """Return which offsets of which streams, or which topics or group, the client names in the error."""
    named = error.args[0] if error.args else type(error).__name__
    if isinstance(named, Mapping):
        return ", ".join(f"{partition.topic} offset {offset}" for partition, offset in named.items())
    return ", ".join(sorted(map(str, named))) if isinstance(named, set | frozenset) else str(named)

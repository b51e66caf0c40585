"""The topics of a source: made once with what their reader depends on, brought back to it when somebody changed it.

A stream has one partition, because the order of a source's commits exists only within one, and keeps every record,
because what has left the topic before it landed is lost for the service. Neither can be repaired afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, OffsetSpec
from kafka.errors import TopicAlreadyExistsError, for_code

from cdc.access import Brokers
from cdc.errors import FatalError, TransientError
from cdc.stream.connection import connection_to

_BOOTSTRAP_TIMEOUT_MS = 5000
PATIENCE_OF_A_PERSON_MS = 2000
_KEEP_ALL = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is: `id` tells it from another one that had the same name."""

    name: str
    id: str
    partitions: int


@dataclass(frozen=True, slots=True)
class Extent:
    """What a topic holds: offsets from `first` up to `end`, control records of Kafka among them."""

    id: str
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """A topic as it has to be; it has one partition."""

    name: str
    settings: Mapping[str, str] = field(default_factory=dict)


def stream_plan(name: str, max_record_bytes: int) -> TopicPlan:
    """Return the plan of a stream whose records are at most that large."""
    return TopicPlan(name, {**_KEEP_ALL, "max.message.bytes": str(max_record_bytes)})


def history_plan(name: str) -> TopicPlan:
    """Return the plan of a connector's history of table definitions: losing any of it stops the connector."""
    return TopicPlan(name, _KEEP_ALL)


def signal_plan(name: str) -> TopicPlan:
    """Return the plan of the topic by which a connector is asked for something: it is the record of what was read."""
    return TopicPlan(name, _KEEP_ALL)


def anchor_plan(name: str) -> TopicPlan:
    """Return the plan of the topic to which heads of chains are published: a head that is gone proves nothing."""
    return TopicPlan(name, _KEEP_ALL)


def describe_topic(brokers: Brokers, name: str) -> Topic | None:
    """Return the topic, None if there is none. Raises TransientError STR-109, FatalError STR-110."""
    with kafka_admin(brokers) as admin:
        return _describe(admin, name)


def require_stream(brokers: Brokers, name: str) -> Topic:
    """Return the topic of a stream, which can hold one. Raises FatalError STR-108 if it cannot.

    Raises TransientError STR-109, STR-118 if there is none, FatalError STR-110.
    """
    with kafka_admin(brokers) as admin:
        topic = _describe(admin, name)
        if topic is None:
            raise TransientError("STR-118", name)
        _require_all_in_order(topic, _settings(admin, name))
    return topic


def end_offsets(brokers: Brokers, names: Iterable[str]) -> dict[str, int]:
    """Return the same for several streams, without those that do not exist. Raises STR-109, soon: a person waits."""
    with kafka_admin(brokers, PATIENCE_OF_A_PERSON_MS) as admin:
        existing = set(admin.list_topics())
        wanted = {TopicPartition(name, 0): OffsetSpec.LATEST for name in names if name in existing}
        found = admin.list_partition_offsets(wanted) if wanted else {}
        return {partition.topic: int(place.offset) for partition, place in found.items()}


def newest(brokers: Brokers, names: Iterable[str]) -> dict[str, datetime]:
    """Return when the newest record of several topics was sent, without those that have none. Raises STR-109, soon."""
    return _sent(brokers, names, OffsetSpec.MAX_TIMESTAMP)


def oldest(brokers: Brokers, names: Iterable[str]) -> dict[str, datetime]:
    """Return the same of the oldest record."""
    return _sent(brokers, names, 0)  # the first one that was sent at any time


def _sent(brokers: Brokers, names: Iterable[str], which: OffsetSpec | int) -> dict[str, datetime]:
    with kafka_admin(brokers, PATIENCE_OF_A_PERSON_MS) as admin:
        existing = set(admin.list_topics())
        wanted = {TopicPartition(name, 0): which for name in names if name in existing}
        found = admin.list_partition_offsets(wanted) if wanted else {}
    sent = {partition.topic: place.timestamp for partition, place in found.items()}
    return {name: datetime.fromtimestamp(ms / 1000, UTC) for name, ms in sent.items() if ms is not None and ms >= 0}


def extent(brokers: Brokers, name: str) -> Extent:
    """Return what a topic holds. Raises TransientError STR-109, STR-118 if there is none, FatalError STR-110."""
    with kafka_admin(brokers) as admin:
        topic = _describe(admin, name)
        if topic is None:
            raise TransientError("STR-118", name)
        partition = TopicPartition(name, 0)
        first, end = (
            int(admin.list_partition_offsets({partition: place})[partition].offset)
            for place in (OffsetSpec.EARLIEST, OffsetSpec.LATEST)
        )
    return Extent(topic.id, first, end)


def apply_topics(brokers: Brokers, plans: Iterable[TopicPlan]) -> list[str]:
    """Create what is missing, set what differs; return what was done, in words. A second call does nothing.

    Raises STR-108 for a topic that has several partitions or is compacted: records have lost their order or are gone.
    """
    with kafka_admin(brokers) as admin:
        return [done for plan in plans for done in _apply(admin, plan)]


def compare_topics(brokers: Brokers, plans: Iterable[TopicPlan]) -> list[str]:
    """Return what `apply_topics` would do, in words. Raises STR-108 as it would."""
    with kafka_admin(brokers) as admin:
        return [words for plan in plans for words in _compare(admin, plan)]


def _compare(admin: KafkaAdminClient, plan: TopicPlan) -> Iterator[str]:
    topic = _describe(admin, plan.name)
    if topic is None:
        yield f"create topic {plan.name}"
    else:
        differing = _differing(admin, plan, topic)
        yield from (f"set {key} of topic {plan.name} to {value}" for key, value in differing.items())


def existing_topics(brokers: Brokers, names: Iterable[str]) -> list[str]:
    """Return those of the topics that exist. Raises as `cdc.stream.connection.connection_to`."""
    with kafka_admin(brokers) as admin:
        existing = set(admin.list_topics())
    return [name for name in names if name in existing]


def delete_topics(brokers: Brokers, names: Sequence[str]) -> None:
    """Delete topics with all that they hold. Raises as `cdc.stream.connection.connection_to`."""
    with kafka_admin(brokers) as admin:
        admin.delete_topics(list(names))


def _apply(admin: KafkaAdminClient, plan: TopicPlan) -> Iterator[str]:
    topic = _describe(admin, plan.name)
    if topic is None:
        options = {"num_partitions": 1, "configs": dict(plan.settings)}
        try:
            admin.create_topics({plan.name: options}, wait_for_metadata=True)
        except TopicAlreadyExistsError:
            topic = _describe(admin, plan.name)  # somebody else was faster
        else:
            yield f"topic {plan.name} created"
    if topic is not None:
        yield from _correct(admin, plan, topic)


def _correct(admin: KafkaAdminClient, plan: TopicPlan, topic: Topic) -> Iterator[str]:
    differing = _differing(admin, plan, topic)
    if differing:
        resource = ConfigResource(ConfigResourceType.TOPIC, plan.name, configs=differing)
        answer = admin.alter_configs([resource])["topic"][plan.name]
        if answer != "OK":  # the client raises nothing
            raise FatalError("STR-110", f"{plan.name}: {answer}")
        yield from (f"topic {plan.name}: {key} set to {value}" for key, value in differing.items())


def _differing(admin: KafkaAdminClient, plan: TopicPlan, topic: Topic) -> dict[str, str]:
    """Return the settings that a topic has otherwise than planned. Raises STR-108 for what no setting repairs."""
    current = _settings(admin, plan.name)
    _require_all_in_order(topic, current)
    return {key: value for key, value in plan.settings.items() if current.get(key) != value}


def _require_all_in_order(topic: Topic, settings: Mapping[str, str]) -> None:
    """Raise STR-108 for a topic that has several partitions or is compacted.

    Tables share a stream, and keys of theirs are the same bytes: compaction takes away rows of one for those of
    another, and a snapshot gives no other sign of that.
    """
    if topic.partitions != 1:
        raise FatalError("STR-108", f"{topic.name} has {topic.partitions}")
    if "compact" in settings["cleanup.policy"]:
        raise FatalError("STR-108", f"{topic.name} is compacted")


def _describe(admin: KafkaAdminClient, name: str) -> Topic | None:
    found: dict[str, Any] = admin.describe_topics([name])[0]
    if not found["partitions"]:
        return None
    return Topic(name, str(found["topic_id"]), len(found["partitions"]))


def _settings(admin: KafkaAdminClient, name: str) -> dict[str, str]:
    """Return the settings of a topic. Raises what the broker says, where it does not tell them."""
    # The public call (3.0.12) returns none then.
    request = admin._describe_configs_request([ConfigResource(ConfigResourceType.TOPIC, name)])
    (answer,) = admin._manager.run(admin._manager.send, request).results
    if answer.error_code:
        raise for_code(answer.error_code)(answer.error_message)
    return {entry.name: str(entry.value) for entry in answer.configs}


class TopicEnds:
    """Asks for the ends of topics again and again, by one client until that fails: each new one leaves memory."""

    def __init__(self, brokers: Brokers) -> None:
        self._brokers = brokers
        self._open = ExitStack()
        self._admin: KafkaAdminClient | None = None

    def of(self, *names: str) -> list[int]:
        """Return the offset behind the last record of each topic, control records of Kafka included. Raises STR-109."""
        partitions = [TopicPartition(name, 0) for name in names]
        admin, self._admin = self._admin, None
        with self._open as opened:
            admin = admin or opened.enter_context(kafka_admin(self._brokers))
            found = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
            self._open, self._admin = opened.pop_all(), admin
        return [int(found[partition].offset) for partition in partitions]

    def close(self) -> None:
        """End the client."""
        self._admin = None
        self._open.close()


@contextmanager
def kafka_admin(brokers: Brokers, wait_ms: int = _BOOTSTRAP_TIMEOUT_MS) -> Iterator[KafkaAdminClient]:
    """Yield a client for a few requests. Raises as `cdc.stream.connection.connection_to`."""
    with connection_to(brokers) as connection:
        yield KafkaAdminClient(bootstrap_timeout_ms=wait_ms, **connection.settings)

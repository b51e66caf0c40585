"""What there is of a source in Kafka and in Kafka Connect, as a plan is made of it. Nothing is changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from cdc.access import Kafka
from cdc.capture.connect import Connect
from cdc.capture.connector import table_names
from cdc.capture.plan.plan import Seen
from cdc.capture.plugin import CLASSES
from cdc.capture.reader import Reader
from cdc.capture.source import Source
from cdc.stream.envelope import READER_SUFFIX
from cdc.stream.topic import TopicPlan, compare_topics, describe_topic


def survey(source: Source, kafka: Kafka, connect: Connect, topics: Iterable[TopicPlan], signals: str) -> Seen:
    """Look at a source's connector and at its topics, of which `signals` has the record of what has been read.

    Raises as `cdc.capture.connect` and `cdc.stream.topic`.
    """
    config = connect.config(source.name)
    waiting, unfinished, reader = (
        _read_record(source, kafka, connect, config) if describe_topic(kafka, signals) else ((), False, None)
    )
    return Seen(
        config,
        connect.status(source.name),
        tuple(compare_topics(kafka, topics)),
        waiting,
        unfinished,
        reader,
    )


def strays(connect: Connect, known: Collection[str]) -> list[str]:
    """Return connectors that are the service's by their class and topics, and that no file speaks of."""
    expected = {*known, *(name + READER_SUFFIX for name in known)}
    return sorted(name for name in connect.names() if name not in expected and _is_ours(connect, name))


def _is_ours(connect: Connect, name: str) -> bool:
    config = connect.config(name) or {}
    return config.get("connector.class") in CLASSES.values() and config.get(
        "notification.sink.topic.name", ""
    ).startswith("cdc-signal.")


def _read_record(
    source: Source, kafka: Kafka, connect: Connect, config: Mapping[str, str] | None
) -> tuple[tuple[str, ...], bool, str | None]:
    reader = Reader(source, kafka, connect)
    told = reader.record.fold()
    # Of a connector that an earlier call has noted tables for, and not come to create, nothing waits.
    waiting = [] if config is None else reader.waiting(told.unread(table_names(source)))
    return tuple(state.table for state in waiting), told.beginning(source.name) is not None, reader.behind(source.state)

"""The topics that a source's connector needs."""

from __future__ import annotations

from collections.abc import Iterator

from cdc.capture import connector
from cdc.capture.source import Source
from cdc.stream.topic import TopicPlan, history_plan, signal_plan, stream_plan


def topic_plans(source: Source) -> Iterator[TopicPlan]:
    """Yield the plans of a source's topics: stream, signals, of MariaDB and MySQL the history of its tables."""
    yield stream_plan(source.stream, connector.max_record_bytes(source))
    yield signal_plan(connector.signal_topic(source))
    if source.has_binlog:
        yield history_plan(connector.history_topic(source))

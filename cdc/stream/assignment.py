"""Which streams the consumer group has given to this worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from kafka import ConsumerRebalanceListener, TopicPartition

from cdc.errors import FatalError


class Assignment(ConsumerRebalanceListener):  # type: ignore[misc]  # the client is untyped
    """Keeps what is assigned. A new stream must not be read before its position is known."""

    def __init__(self) -> None:
        self.consumer: Any = None
        self.streams: set[str] = set()
        self.new: set[str] = set()
        self.has_joined = False
        self.settle: Callable[[Iterable[str]], None] = lambda _: None

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Have the streams settled before they go."""
        self.has_joined = False
        self.settle([partition.topic for partition in revoked])
        for partition in revoked:
            self.streams.discard(partition.topic)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Take the streams, paused. Raises FatalError STR-108."""
        self.has_joined = True
        for partition in assigned:
            if partition.partition != 0:
                raise FatalError("STR-108", partition.topic)
            # Any offset: without one the client asks for the committed offset and stops if there is none.
            self.consumer.seek(partition, 0)
            self.consumer.pause(partition)
            self.streams.add(partition.topic)
            self.new.add(partition.topic)

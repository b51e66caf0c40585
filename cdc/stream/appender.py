"""Records at the end of a topic that keeps all of them: what is written there nobody takes back."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial

from kafka import KafkaProducer

from cdc.access import Brokers
from cdc.stream.connection import connection_to
from cdc.stream.topic import PATIENCE_OF_A_PERSON_MS, TopicPlan, apply_topics

_TIMEOUT_S = 10.0


class TopicAppender:
    """Appends to one topic, by one client until that fails: each new one leaves memory."""

    def __init__(self, brokers: Brokers, plan: TopicPlan) -> None:
        self._brokers = brokers
        self._plan = plan
        self._open = ExitStack()
        self._producer: KafkaProducer | None = None

    def append(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Append keys with values, and wait until Kafka has them; a topic that is not there is made.

        Raises as `cdc.stream.topic.apply_topics`.
        """
        producer, self._producer = self._producer, None
        with self._open as opened:
            producer = producer or self._connected(opened)
            sent = [producer.send(self._plan.name, key=key, value=value, partition=0) for key, value in records]
            for each in sent:
                each.get(_TIMEOUT_S)
            self._open, self._producer = opened.pop_all(), producer

    def close(self) -> None:
        """End the client."""
        self._producer = None
        self._open.close()

    def _connected(self, opened: ExitStack) -> KafkaProducer:
        apply_topics(self._brokers, [self._plan])
        connection = opened.enter_context(connection_to(self._brokers))
        producer = KafkaProducer(
            acks="all",
            max_block_ms=int(_TIMEOUT_S * 1000),
            bootstrap_timeout_ms=PATIENCE_OF_A_PERSON_MS,
            **connection.settings,
        )
        opened.callback(partial(producer.close, timeout=1))
        return producer

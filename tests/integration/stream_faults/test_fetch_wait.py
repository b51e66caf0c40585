"""Waits for records that end in vain leave nothing behind: what was fetched is not kept by what waited for it."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from kafka import KafkaProducer
from kafka.protocol.consumer import FetchResponse

from cdc.access import Kafka
from cdc.stream.consumer import StreamConsumer
from cdc.stream.topic import TopicPlan, apply_topics
from compose.local.stack import Stack

TOPIC = "cdc.waited_for"
ROUNDS = 40


@pytest.fixture
def _resting_collector() -> Iterator[None]:
    """Let Python's collector rest, as it does in a worker for long: it would clear up what is kept."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_resting_collector")
def test_answers_are_not_kept_by_waits_that_were_in_vain(stack: Stack) -> None:
    broker = Kafka(stack.env["CDC_KAFKA"])
    apply_topics(broker, [TopicPlan(TOPIC)])
    with (
        closing(KafkaProducer(bootstrap_servers=stack.env["CDC_KAFKA"])) as producer,
        closing(StreamConsumer(broker, "waiting", [TOPIC], 100)) as consumer,
    ):
        while not consumer.streams:
            consumer.poll(100)
        consumer.open(TOPIC, 0)
        for number in range(ROUNDS):
            assert read(consumer, 5) == []  # the next answer is asked for, and waited for in vain
            producer.send(TOPIC, b"%d" % number, partition=0).get(10)
            assert read(consumer, 20_000) == [b"%d" % number]
        assert sum(isinstance(found, FetchResponse) for found in gc.get_objects()) < ROUNDS // 4


def read(consumer: StreamConsumer, wait_ms: int) -> list[bytes | None]:
    """Return the values of what comes within that time, as soon as anything does."""
    deadline = time.monotonic() + wait_ms / 1000
    while True:
        records = consumer.poll(5).get(TOPIC, [])
        if records or time.monotonic() > deadline:
            return [record.value for record in records]

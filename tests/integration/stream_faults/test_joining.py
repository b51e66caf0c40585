"""A worker always gets to its streams, however short its polls are."""

from __future__ import annotations

import time

from cdc.access import Kafka
from cdc.stream.consumer import StreamConsumer
from cdc.stream.topic import TopicPlan, apply_topics
from compose.local.stack import Stack

TOPICS = ("cdc.joining_a", "cdc.joining_b")


def test_polls_shorter_than_a_join_get_the_streams_all_the_same(stack: Stack) -> None:
    broker = Kafka(stack.env["CDC_KAFKA"])
    apply_topics(broker, map(TopicPlan, TOPICS))
    for _ in range(5):
        consumer = StreamConsumer(broker, "joining", TOPICS, 100)
        deadline = time.monotonic() + 10
        while len(consumer.streams) < len(TOPICS) and time.monotonic() < deadline:
            consumer.poll(1)
        assert consumer.streams == set(TOPICS)
        consumer.close()


def test_a_member_with_a_name_leaves_when_it_is_closed(stack: Stack) -> None:
    broker = Kafka(stack.env["CDC_KAFKA"])
    apply_topics(broker, map(TopicPlan, TOPICS))
    for member in ("first", "second"):  # had `first` stayed, `second` would wait for its session to time out
        consumer = StreamConsumer(broker, "leaving", TOPICS, 100, member)
        began = time.monotonic()
        while len(consumer.streams) < len(TOPICS) and time.monotonic() < began + 10:
            consumer.poll(100)
        assert consumer.streams == set(TOPICS)
        assert time.monotonic() - began < 5
        consumer.close()


def test_a_successor_with_the_same_name_does_not_wait(stack: Stack) -> None:
    broker = Kafka(stack.env["CDC_KAFKA"])
    apply_topics(broker, map(TopicPlan, TOPICS))
    killed = StreamConsumer(broker, "succeeding", TOPICS, 100, "worker")
    while len(killed.streams) < len(TOPICS):
        killed.poll(100)
    successor = StreamConsumer(broker, "succeeding", TOPICS, 100, "worker")
    began = time.monotonic()
    while len(successor.streams) < len(TOPICS) and time.monotonic() < began + 10:
        successor.poll(100)
    assert time.monotonic() - began < 5  # without a name: 6 s, the session's time-out
    successor.close()
    killed.close()

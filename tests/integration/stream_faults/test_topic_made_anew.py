"""A topic that is deleted and made again under its name while a worker reads it stops the worker."""

from __future__ import annotations

import time
from contextlib import closing

import pytest
from kafka.admin import KafkaAdminClient

from cdc.access import Kafka
from cdc.errors import FatalError
from cdc.stream.consumer import StreamConsumer
from cdc.stream.topic import TopicPlan, apply_topics
from compose.local.stack import Stack

TOPIC = "cdc.made_anew"


def test_a_topic_made_anew_while_it_is_read_stops_the_worker(stack: Stack) -> None:
    broker = Kafka(stack.env["CDC_KAFKA"])
    apply_topics(broker, [TopicPlan(TOPIC)])
    with closing(StreamConsumer(broker, "made-anew", [TOPIC], 100)) as consumer:
        while not consumer.streams:
            consumer.poll(100)
        consumer.topic_id(TOPIC)
        consumer.open(TOPIC, 0)
        consumer.poll(100)  # the same topic still: nothing is raised
        with closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap)) as admin:
            admin.delete_topics([TOPIC])
        apply_topics(broker, [TopicPlan(TOPIC)])
        with pytest.raises(FatalError, match=f"STR-107 .*{TOPIC}"):
            poll_for(consumer, 30)  # the client looks at its topics every ten seconds


def poll_for(consumer: StreamConsumer, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        consumer.poll(100)

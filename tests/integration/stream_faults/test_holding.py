"""A stream that was held goes on where it was, whatever the others do meanwhile."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing

from kafka import KafkaProducer

from cdc.access import Kafka
from cdc.stream.consumer import StreamConsumer
from cdc.stream.topic import TopicPlan, apply_topics
from compose.local.stack import Stack

TOPICS = ("cdc.holding_a", "cdc.holding_b")
RECORDS = 50


def test_a_stream_that_was_held_goes_on_when_the_others_have_nothing_more(stack: Stack) -> None:
    broker = Kafka(stack.env["CDC_KAFKA"])
    apply_topics(broker, map(TopicPlan, TOPICS))
    with closing(KafkaProducer(bootstrap_servers=stack.env["CDC_KAFKA"])) as producer:
        for topic in TOPICS * RECORDS:
            producer.send(topic, b"{}", partition=0)
        producer.flush()
    with closing(StreamConsumer(broker, "holding", TOPICS, 10)) as consumer:
        read: Counter[str] = Counter()

        def poll_until(holds: Callable[[], bool]) -> None:
            deadline = time.monotonic() + 20
            while not holds():
                assert time.monotonic() < deadline, read
                read.update({stream: len(records) for stream, records in consumer.poll(50).items()})
                for stream in consumer.take_new():
                    consumer.open(stream, 0)

        poll_until(lambda: bool(read))  # a part of what was fetched of one stream is delivered
        (held,) = read
        (other,) = set(TOPICS) - {held}
        consumer.hold(held, held=True)
        poll_until(lambda: read[other] == RECORDS)
        assert read[held] < RECORDS
        consumer.hold(held, held=False)
        poll_until(lambda: read[held] == RECORDS)

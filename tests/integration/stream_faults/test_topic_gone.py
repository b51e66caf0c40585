"""A topic is deleted and stays deleted: nobody lands or loses anything for it, the others go on, and it is said."""

from __future__ import annotations

import json
import time
from contextlib import closing

import psycopg
import pytest

from cdc.access import Kafka, KafkaSecurity
from cdc.errors import FatalError, TransientError
from cdc.reference import Secret
from cdc.stream.consumer import StreamConsumer
from compose.local.stack import Stack
from tests.integration.service import Deployment
from tests.integration.stream_faults.source import Source
from tests.integration.stream_faults.worker import await_event, landing


def test_a_topic_that_is_gone_and_stays_so(
    deployment: Deployment, north: Source, south: Source, target: psycopg.Connection
) -> None:
    for source in (north, south):
        source.send_commits(3)
    with landing(deployment) as worker:
        for source in (north, south):
            source.await_landed(target)
        before = north.state(target)
        north.delete_topic()
        await_event(worker.log, lambda event: event["event"] == "stream_revoked" and event["stream"] == north.stream)
        goes_on(south, target)
        assert "Kafka has no such topic" in said_of(deployment, north)
        assert worker.stop() == 0
    with landing(deployment) as worker:
        goes_on(south, target)
        said = said_of(deployment, north)
        assert "Kafka has no such topic" in said
        assert "no worker lands this stream" in said
        assert worker.stop() == 0
    assert north.state(target) == before
    # Whatever comes under its name is another one, however long it was away.
    north.make_topic()
    with landing(deployment) as worker:
        worker.must_fail("STR-107")
    assert north.state(target) == before


def test_a_topic_that_was_never_made_is_no_broker_that_does_not_answer(stack: Stack) -> None:
    consumer = StreamConsumer(Kafka(stack.env["CDC_KAFKA"]), "never-made", ["cdc.never_made"], 100)
    with closing(consumer), pytest.raises(TransientError, match=r"STR-118 .*cdc\.never_made"):
        consumer.topic_id("cdc.never_made")


def test_who_may_not_ask_whether_it_is_the_same_topic_waits(
    stack: Stack, south: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection that reads is let in still, another one is not: the password is being replaced."""
    brokers = Kafka(stack.env["CDC_KAFKA"])
    refused = Kafka(
        brokers.bootstrap, KafkaSecurity("SASL_PLAINTEXT", mechanism="PLAIN", user="cdc", password=Secret("-"))
    )
    south.send_commits(3)
    with closing(StreamConsumer(brokers, "may-not-ask", [south.stream], 100)) as consumer:
        while south.stream not in consumer.streams:
            consumer.poll(50)
        consumer.topic_id(south.stream)
        consumer.open(south.stream, 0)
        south.delete_records(before=6)
        monkeypatch.setattr(consumer, "_brokers", refused)
        with pytest.raises(TransientError, match=r"STR-115 .*STR-113"):
            poll_on(consumer)
        monkeypatch.undo()
        with pytest.raises(FatalError, match="STR-106"):
            poll_on(consumer)


def poll_on(consumer: StreamConsumer) -> None:
    """Poll until it fails."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        consumer.poll(50)


def goes_on(source: Source, target: psycopg.Connection) -> None:
    source.send_commits(2)
    source.await_landed(target)


def said_of(deployment: Deployment, source: Source) -> str:
    """Return what needs attention of a stream, by `cdc status`."""
    found = json.loads(deployment.cdc("status", "--json", exit_code=4))
    return "; ".join(item["text"] for item in found["attention"] if item["object"] == source.stream)

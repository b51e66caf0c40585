"""Streams that stop with a code: the page of the code is followed, and the mirrors are the source again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from compose.local.stack import Stack
from tests.integration.runbook import Operator
from tests.integration.shapes.shapes import Shapes
from tests.integration.shapes.test_way_out import accounts_hold, stopped
from tests.integration.stream_faults.broker_log import broker_down, lose
from tests.integration.stream_faults.worker import await_event, events

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
]  # half a minute each; every day: `shapes/test_way_out.py` on an idle machine

TOPIC = "cdc.mill"
Records = list[tuple[bytes, Any]]


def poisoned(mill: Shapes) -> None:
    produce(mill, [(b"", b"not an envelope")])


def miscounted(mill: Shapes) -> None:
    begin, row, end = another_transaction(mill)
    end[1]["event_count"] += 1
    produce(mill, [begin, row, end])


def mixed(mill: Shapes) -> None:
    begin, row, end = another_transaction(mill)
    row[1]["transaction"]["id"] = "1:1"
    produce(mill, [begin, row, end])


def without_transaction(mill: Shapes) -> None:
    (_, row, _) = another_transaction(mill)
    row[1]["transaction"] = None
    produce(mill, [row])


def told_otherwise(mill: Shapes) -> None:
    begin, row, end = last_transaction(mill)
    row[1]["after"]["text"] = "told otherwise"
    produce(mill, [begin, row, end])


def removed(mill: Shapes) -> None:
    """With heartbeats, at least, that have not landed."""
    with admin(mill) as client:
        client.delete_records({TopicPartition(TOPIC, 0): -1})


def made(mill: Shapes) -> None:
    with admin(mill) as client:
        client.create_topics({TOPIC: {"num_partitions": 1}}, wait_for_metadata=True)


def made_anew(mill: Shapes) -> None:
    deleted(mill)
    made(mill)


def compacted(mill: Shapes) -> None:
    with admin(mill) as client:
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, TOPIC, configs={"cleanup.policy": "compact"})])


def in_two_partitions(mill: Shapes) -> None:
    with admin(mill) as client:
        client.create_partitions({TOPIC: 2})


def without_its_end(mill: Shapes) -> None:
    """As after a broker that came back with older data; the connector goes on behind them."""
    ((landed,),) = mill.query("SELECT next_offset - 1 - shift FROM cdc.position")
    with broker_down(Stack(mill.env)) as broker:
        lose(broker, TOPIC, landed)


def deleted(mill: Shapes) -> None:
    with admin(mill) as client:
        client.delete_topics([TOPIC])


def nothing(_: Shapes) -> None:
    """The page's steps are all that there is to do."""


def deletion_policy(mill: Shapes) -> None:
    with admin(mill) as client:
        client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, TOPIC, configs={"cleanup.policy": "delete"})])


@pytest.mark.parametrize(
    ("code", "fault", "by_hand", "steps"),
    [
        ("STR-101", poisoned, nothing, [3]),
        ("STR-102", miscounted, nothing, [3]),
        ("STR-103", mixed, nothing, [3]),
        ("STR-104", without_transaction, nothing, [2]),
        ("STR-105", told_otherwise, nothing, [2]),
        ("STR-106", removed, nothing, [3]),
        ("STR-107", made_anew, nothing, [3]),
        ("STR-108", in_two_partitions, deleted, [4]),
        ("STR-108", compacted, deletion_policy, [4]),
        ("STR-117", without_its_end, nothing, [4]),
    ],
)
def test_its_page_is_followed(
    mill: Shapes,
    operator: Operator,
    code: str,
    fault: Callable[[Shapes], None],
    by_hand: Callable[[Shapes], None],
    steps: list[int],
) -> None:
    before = generations(mill)
    fault(mill)
    # Nothing of this is in the stream that is read on.
    mill.sides["mill"].run(
        "UPDATE item SET n = n + 100 WHERE id = 2", "DELETE FROM lot WHERE id = (SELECT min(id) FROM lot)"
    )
    assert f"{code} " in stopped(mill)
    by_hand(mill)
    with operator.doing(code, *steps):
        mill.until("SELECT generations FROM cdc.position", [(before + 1,)])
        mill.check("mill.item", "mill.lot")
        operator.verify(code)
    assert mill.query("SELECT count(*) > 0 FROM cdc.gap WHERE code = 'STR-121'") == [(True,)]


def test_a_topic_that_is_gone(mill: Shapes, operator: Operator) -> None:
    """Workers wait for it, and the service does not end; a copy that lacks what landed is none (STR-122)."""
    before = generations(mill)
    with mill.running():
        mill.check("mill.item")
        log = mill.deployment.folder / "run.log"
        known = len(events(log))
        deleted(mill)
        mill.sides["mill"].run("UPDATE item SET n = n + 100 WHERE id = 3")
        await_event(log, lambda event: event["event"] == "stream_revoked", since=known)
    made(mill)
    assert "STR-122" in mill.deployment.cdc("stream", "rewind", "mill", "--reason", "a copy", exit_code=1)
    with operator.doing("STR-122", 2):
        mill.until("SELECT generations FROM cdc.position", [(before + 1,)])
        mill.check("mill.item", "mill.lot")
        operator.verify("STR-122")


def test_a_topic_that_is_gone_and_of_which_nobody_has_a_copy(mill: Shapes, operator: Operator) -> None:
    before, log = generations(mill), mill.deployment.folder / "run.log"
    with mill.running():
        mill.check("mill.item")
        known = len(events(log))
        deleted(mill)
        mill.sides["mill"].run("UPDATE item SET n = n + 100 WHERE id = 4", "DELETE FROM lot WHERE id = 20")
        await_event(log, lambda event: event["event"] == "stream_revoked", since=known)
    with operator.doing("STR-118", 2):
        mill.until("SELECT generations FROM cdc.position", [(before + 1,)])
        mill.check("mill.item", "mill.lot")
        operator.verify("STR-118")


def test_a_stream_that_somebody_lands_is_not_passed_over(mill: Shapes, operator: Operator) -> None:
    again = ("stream", "resnapshot", "mill", "--reason", "a test", "--yes")
    with mill.running():
        mill.check("mill.item")
        assert "STR-120" in mill.deployment.cdc(*again, exit_code=5)
    mill.deployment.cdc(*again)
    with operator.doing("STR-120", 3):
        mill.check("mill.item", "mill.lot")
        operator.verify("STR-120")
    accounts_hold(mill)


def generations(mill: Shapes) -> int:
    ((count,),) = mill.query("SELECT generations FROM cdc.position")
    return int(count)


def last_transaction(mill: Shapes) -> Records:
    """Return the records of a transaction of one row that has landed, with values as documents."""
    found: list[Records] = []
    for key, value in read(mill):
        if value.get("status") == "BEGIN":
            found.append([])
        if found and ("transaction" in value or "status" in value):
            found[-1].append((key, value))
    return next(one for one in reversed(found) if len(one) == 3 and one[1][1]["source"].get("table") == "mark")


def another_transaction(mill: Shapes) -> Records:
    """Return the same under an id that no transaction had."""
    records = last_transaction(mill)
    text = json.dumps([value for _, value in records])
    own = records[0][1]["id"].partition(":")[0]
    values = json.loads(text.replace(f'"{own}:', '"4000000000:'))
    return [(key, value) for (key, _), value in zip(records, values, strict=True)]


def read(mill: Shapes) -> Iterator[tuple[bytes, Any]]:
    """Yield what the topic has, with values as documents."""
    partition = TopicPartition(TOPIC, 0)
    with closing(KafkaConsumer(bootstrap_servers=mill.env["CDC_KAFKA"], isolation_level="read_committed")) as consumer:
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        end = consumer.end_offsets([partition])[partition]
        while consumer.position(partition) < end:
            for record in consumer.poll(500).get(partition, ()):
                if record.value.startswith(b"{"):
                    yield record.key, json.loads(record.value)


def produce(mill: Shapes, records: Records) -> None:
    """Write to the topic as nobody should: one batch, into which nothing of the connector's comes."""
    with closing(KafkaProducer(bootstrap_servers=mill.env["CDC_KAFKA"], linger_ms=2000)) as producer:
        sent = [
            producer.send(
                TOPIC, key=key, value=value if isinstance(value, bytes) else json.dumps(value).encode(), partition=0
            )
            for key, value in records
        ]
        offsets = [one.get(30).offset for one in sent]
    assert offsets == list(range(offsets[0], offsets[0] + len(records)))


@contextmanager
def admin(mill: Shapes) -> Iterator[KafkaAdminClient]:
    with closing(KafkaAdminClient(bootstrap_servers=mill.env["CDC_KAFKA"])) as client:
        yield client

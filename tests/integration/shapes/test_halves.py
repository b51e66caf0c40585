"""An update that changes keys, and a connector that is stopped between the two halves of one: no row is lost silently.

Both halves have one place in the source's log, behind which the connector goes on.
"""

from __future__ import annotations

import dataclasses

import pytest
from kafka import KafkaConsumer, TopicPartition

from tests.integration.runbook import Operator
from tests.integration.shapes.connect import await_rows, resume, stop
from tests.integration.shapes.shapes import Shapes
from tests.integration.shapes.side import Side
from tests.integration.shapes.test_way_out import stopped

ROWS = 2_000
_STOPS = 20
_NEW_KEY = "__debezium.newkey"


@pytest.mark.slow  # two minutes each
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["yard", "shed"])
def test_a_row_that_is_lost_under_its_new_key_stops_the_stream(fresh: Shapes, name: str) -> None:
    side = capture(fresh, name)
    side.run(f"UPDATE big SET id = id + {ROWS}")
    for _ in range(_STOPS):
        stop(fresh, name)
        if ends_with_a_half(fresh, name):
            break
        resume(fresh, name)
        await_rows(fresh, 20, name)
    else:
        pytest.fail("no stop was between two halves")
    resume(fresh, name)
    assert "STR-124 " in stopped(fresh)
    with Operator(fresh, {"SOURCE": name}).doing("STR-124", 1):
        fresh.until("SELECT generations FROM cdc.position", [(2,)])
        fresh.check(f"{name}.big")


def capture(fresh: Shapes, name: str) -> Side:
    """Have one source captured that sends each event by itself."""
    side = dataclasses.replace(fresh.keep_only(name), more=("settings: {max.batch.size: 1, max.queue.size: 2}",))
    fresh.sides[name] = side
    fresh.write(side)
    side.run(f"INSERT INTO big SELECT n, 0, 'x' FROM {side.numbers(ROWS)}")
    fresh.apply(name)
    with fresh.running():
        fresh.check(f"{name}.big")
    return side


def ends_with_a_half(fresh: Shapes, name: str) -> bool:
    """Tell whether the last record of the stream is the first half of a key change."""
    partition = TopicPartition(f"cdc.{name}", 0)
    consumer = KafkaConsumer(bootstrap_servers=fresh.env["CDC_KAFKA"], isolation_level="read_committed")
    consumer.assign([partition])
    consumer.seek(partition, max(0, consumer.end_offsets([partition])[partition] - 6))
    (records,) = consumer.poll(10_000).values()
    consumer.close()
    return _NEW_KEY in dict(records[-1].headers)

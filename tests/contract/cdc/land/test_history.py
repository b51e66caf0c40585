"""A stream is read on behind the record that landed last, as the journal has it; nothing else may stand there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cdc.change import Record
from cdc.errors import FatalError
from cdc.land.journal import read_last_record
from cdc.stream.history import History
from tests.contract.cdc.land.stage import DATABASES, Stage, contracts_of, recorded
from tests.unit.cdc.stream.wire import PostgresWire


def landed_of(stage: Stage) -> Record | None:
    position = stage.position
    return read_last_record(stage.session.opener(), stage.stream, position.batch, position.next_offset)


def read_on(stage: Stage, topic: list[Record]) -> list[Record]:
    """Return what a worker that opens the stream now would be given of a topic."""
    history = History(stage.stream)
    end = topic[-1].offset + 1 if topic else 0
    start = history.begin(stage.position.next_offset, landed_of(stage), topic[0].offset if topic else 0, end)
    return history.read([found for found in topic if found.offset >= start])


@pytest.mark.parametrize("source", ["erp", "mes"])
def test_the_same_history_goes_on_wherever_it_was_cut(source: str, new_stage: Callable[..., Stage]) -> None:
    """The recorded streams have holes: each of Connect's transactions left a marker behind."""
    topic = recorded(source)
    stage = new_stage(source, contracts_of(source), DATABASES[source])
    offsets = [found.offset for found in topic]
    assert offsets != list(range(offsets[0], offsets[0] + len(offsets)))
    compared = 0
    for cut in range(20, 60, 5):
        stage.land(topic[:cut])
        if stage.position.next_offset > 0:
            compared += 1
            assert landed_of(stage) in topic
            assert read_on(stage, topic) == [found for found in topic if found.offset >= stage.position.next_offset]
    assert compared


@pytest.mark.parametrize("source", ["erp", "mes"])
def test_one_that_was_sent_again_behind_a_lost_end_stops(source: str, new_stage: Callable[..., Stage]) -> None:
    """A connector whose place was lost with the topic's end sends the same changes again, at other offsets."""
    topic = recorded(source)[:40]
    stage = new_stage(source, contracts_of(source), DATABASES[source])
    stage.land(topic)
    again = [found._replace(offset=found.offset + 3) for found in topic[20:]]
    with pytest.raises(FatalError, match="STR-117"):
        read_on(stage, topic[:20] + again)


def test_a_batch_of_nothing_but_control_records_counts_as_well(stage: Stage) -> None:
    wire = PostgresWire()
    wire.heartbeat()
    stage.land(wire.records)
    assert stage.position.next_offset == 1
    (heartbeat,) = wire.records
    assert landed_of(stage) == heartbeat
    wire.heartbeat()
    assert read_on(stage, wire.records) == wire.records[1:]
    with pytest.raises(FatalError, match="STR-117"):
        read_on(stage, [heartbeat._replace(value=wire.records[1].value), *wire.records[1:]])
    with pytest.raises(FatalError, match="STR-117"):
        read_on(stage, [])

"""A source whose log ends before what has landed of it was restored: the stream stops, whenever it is asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from cdc.capture.log_end import Marks, gtid_marks
from cdc.config import Land
from cdc.errors import FatalError, TransientError
from cdc.land.position import take_over
from cdc.land.stream import StreamLanding, StreamSource
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import item
from tests.unit.cdc.stream.wire import MariaWire, PostgresWire, Wire


class Source:
    """A live source: where its log ends, or why it does not say."""

    def __init__(self, **end: int) -> None:
        self.end: Marks | Exception = end

    def __call__(self) -> Marks:
        if isinstance(self.end, Exception):
            raise self.end
        return self.end


def landing(stage: Stage, source: Source) -> StreamLanding:
    """Open the stream as a worker does."""
    position = take_over(stage.connection, stage.stream, "src")
    described = StreamSource(
        *("src", stage.stream, stage.database, lambda: stage.catalogue, stage.captured), read_log_end=source
    )
    limits = Land(catalogue_every_s=0)
    return StreamLanding(described, stage.session, position, limits, lambda _: None)


def ask(landing: StreamLanding) -> None:
    """Begin to ask, wait for the answer, take it."""
    landing.hold_against_source()
    for thread in threading.enumerate():
        if thread.name == "log_end":
            thread.join()
    landing.hold_against_source()


@pytest.mark.parametrize("wire", [PostgresWire(), MariaWire()])
def test_a_log_that_ends_before_what_has_landed_stops_the_stream(new_stage: Callable[..., Stage], wire: Wire) -> None:
    stage = new_stage(database=wire.database)
    is_maria = isinstance(wire, MariaWire)
    source = Source()
    for name in ("a", "b"):
        wire.begin()
        wire.insert("item", "id", item(wire.number, name))
        wire.end()
    stage.land(wire.records)
    if is_maria:  # of PostgreSQL each heartbeat has a place of its own
        wire.heartbeat()
        stage.land(wire.records)
    place: dict[str, Any] = {"0": 702} if is_maria else {"": 1000 + 5}
    opened = landing(stage, source)
    source.end = place
    ask(opened)  # it is where it was
    source.end = TransientError("SRC-110", "it is away")
    ask(opened)
    source.end = {name: mark - 1 for name, mark in place.items()}
    with pytest.raises(FatalError, match=r"STR-123 .*cdc\.src: its log ends at "):
        ask(opened)

    # What was passed over says nothing of the source as it is now.
    stage.do("UPDATE cdc.position SET source_position = NULL")
    gap = "INSERT INTO cdc.gap SELECT stream, batch, next_offset, 'STR-121', '' FROM cdc.position"
    stage.do(gap)
    ask(landing(stage, source))

    # What lands while it runs counts, too.
    going_on = landing(stage, source)
    source.end = place
    ask(going_on)
    first = wire.next_offset
    wire.begin()
    wire.insert("item", "id", item(9))
    wire.end()
    going_on.reader.feed(record for record in wire.records if record.offset >= first)
    going_on.reader.flush()
    going_on.land(going_on.take())
    with pytest.raises(FatalError, match="STR-123"):
        ask(going_on)


def test_domains_of_gtids() -> None:
    assert gtid_marks("0-1-702, 7-3-12") == {"0": 702, "7": 12}
    assert gtid_marks("") == {}

from __future__ import annotations

from typing import Any

from cdc.change import Event, Kind, Record
from cdc.land.batch import Pending
from cdc.stream.unit import Unit


def unit(offset: int, size: int = 10, **parts: Any) -> Unit:
    record = Record(offset, None, b"x" * size)
    rows = [Event(record, Kind.ROW)] if parts.pop("rows", True) else []
    return Unit(records=[record], rows=rows, size=record.size, **{"id": "t", **parts})


def batches(*units: Unit, rows: int = 100, size: int = 10_000) -> list[list[int]]:
    pending = Pending(rows, size)
    for added in units:
        pending.add(added)
    taken = []
    while len(pending):
        taken.append([found.first_offset for found in pending.take().units])
    return taken


def test_units_share_a_batch_up_to_the_rows() -> None:
    assert batches(unit(1), unit(2), unit(3), rows=2) == [[1, 2], [3]]


def test_units_share_a_batch_up_to_the_bytes() -> None:
    assert batches(unit(1, 60), unit(2, 60), unit(3, 10), size=100) == [[1], [2, 3]]


def test_a_unit_larger_than_the_limits_is_a_batch() -> None:
    assert batches(unit(1, 500), unit(2), size=100) == [[1], [2]]


def test_a_generation_begins_and_ends_at_the_border_of_a_batch() -> None:
    found = batches(
        unit(1),
        unit(2, id=None, opens_generation=True),
        unit(3, id=None),
        unit(4, id=None, closes_generation=True),
        unit(5),
    )
    assert found == [[1], [2, 3, 4], [5]]


def test_rows_read_again_do_not_join_what_was_streamed_before() -> None:
    assert batches(unit(1), unit(2, id=None), unit(3)) == [[1], [2, 3]]


def test_a_table_changes_behind_the_rows_that_were_streamed_before() -> None:
    change = {"id": None, "rows": False, "schema_changed": True}
    found = batches(unit(1), unit(2), unit(3, **change), unit(4, **change), unit(5), unit(6, **change))
    assert found == [[1, 2], [3, 4, 5], [6]]


def test_heartbeats_join_what_was_streamed_before() -> None:
    assert batches(unit(1), unit(2, id=None, rows=False), unit(3)) == [[1, 2, 3]]


def test_pending_is_full_at_the_limits() -> None:
    pending = Pending(2, 1000)
    pending.add(unit(1))
    assert not pending.is_full
    pending.add(unit(2))
    assert pending.is_full
    pending.take()
    assert not pending.is_full

"""Every bad record of the corpus ends in its code and place, before any database has seen it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cdc.change import Refusal
from cdc.errors import CdcError
from cdc.land.change.decode import TableDecoder
from cdc.stream.assembler import Assembler
from cdc.stream.envelope import read_event
from cdc.stream.row import NewColumn
from cdc.stream.unit import State, Unit
from tests.corpus.corpus import Case, Stream, cases, contract

CASES = list(cases())
# Told by the target alone: its types, its rows, its source's catalogue.
LATER = {"VAL-105", "VAL-110", "LND-106"}


def units(stream: Stream) -> Iterator[Unit]:
    assembler = Assembler("postgresql", State(None, 1), lambda _: None)
    for record in stream.records:
        yield from assembler.feed(read_event(record, "postgresql", "src"))


def decoded(stream: Stream) -> dict[int, Any]:
    """Return what the rows of a stream are decoded to, by offset."""
    table = TableDecoder((contract(),), "postgresql", frozenset)
    events = [event for unit in units(stream) for event in unit.events]
    return {event.record.offset: table.items(event) for event in events}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_bad_record_ends_in_its_code_and_place(case: Case) -> None:
    stream = Stream(0, 700).build(case)
    if case.fate == "stopped" and case.wanted not in LATER:
        with pytest.raises(CdcError) as stopped:
            decoded(stream)
        assert stopped.value.code == case.wanted
        assert case.place in stopped.value.detail
        assert case.is_elsewhere or f"offset {stream.bad}" in stopped.value.detail
        return
    if case.wanted == "LND-106":
        with pytest.raises(NewColumn) as new:
            decoded(stream)
        assert case.place in new.value.detail
        assert f"offset {stream.bad}" in new.value.detail
        return
    items = decoded(stream)
    assert len(items) == 5
    refusals = {offset: item for offset, (item,) in items.items() if isinstance(item, Refusal)}
    if case.fate == "taken" or case.wanted in LATER:
        assert refusals == {}
    else:
        assert refusals == {stream.bad: Refusal(stream.bad, (2,), case.wanted, case.place)}


def test_the_good_record_is_taken() -> None:
    """Else every record would be bad."""
    unharmed = Case("none", "taken", {}, replace=(('"op":"c"', '"op" :"c"'),))
    assert not any(isinstance(item, Refusal) for (item,) in decoded(Stream(0, 700).build(unharmed)).values())


def test_the_corpus_has_all_kinds_of_bad() -> None:
    assert {case.fate for case in CASES} == {"refused", "stopped", "taken"}
    assert len({case.name for case in CASES}) == len(CASES) > 150

"""What is written to a source's signal topic, and when."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from cdc.capture.connector import render
from cdc.capture.reading import Reading
from cdc.errors import CdcError, FatalError, TransientError
from cdc.stream.signal import Signal
from tests.unit.cdc.capture.signals import (
    BROKERS,
    CERT,
    LOT,
    Topic,
    needed,
    scanned,
    source,
)


def test_a_table_that_the_connector_does_not_have_is_noted_before_it_gets_it(topic: Callable[..., Topic]) -> None:
    made = topic()
    Reading(source("lot", "cert"), BROKERS).note_new(render(source("lot"), BROKERS, {}))
    assert made.written() == [("mes/needed", [CERT])]


def test_noting_twice_notes_once(topic: Callable[..., Topic]) -> None:
    made = topic()
    for _ in range(2):
        Reading(source("lot", "cert"), BROKERS).note_new(render(source("lot"), BROKERS, {}))
    assert made.written() == [("mes/needed", [CERT])]


def test_a_connector_that_was_deleted_needs_only_what_was_never_read(topic: Callable[..., Topic]) -> None:
    made = topic(needed(LOT), scanned(LOT, connector="mes"))
    Reading(source("lot", "cert"), BROKERS).note_new(None)
    assert made.written()[1:] == [("mes/needed", [CERT])]


def test_a_table_that_leaves_is_noted_before_it_does(topic: Callable[..., Topic]) -> None:
    made = topic()
    live = render(source("lot", "cert"), BROKERS, {})
    record = Reading(source("lot"), BROKERS)
    record.note_new(live)
    assert (record.leaving(live), record.leaving(None), made.written()) == ([CERT], [], [])
    with record.dropping([CERT], dict):
        assert made.written() == [("mes/dropped", [CERT])]
    with record.dropping([], dict):
        pass
    assert made.written() == [("mes/dropped", [CERT])]


@pytest.mark.parametrize(
    ("error", "lost", "again"),
    [
        (FatalError("CON-102", "refused"), False, False),
        # It has another list by now, and failed then; or nobody knows whether it has.
        (FatalError("CON-103", "mes"), True, True),
        (TransientError("CON-101", "ReadTimeout"), False, True),
    ],
)
def test_a_table_that_was_not_let_go_has_been_captured_all_the_time(
    topic: Callable[..., Topic], error: CdcError, *, lost: bool, again: bool
) -> None:
    topic(scanned(LOT, connector="mes"), scanned(CERT, connector="mes"))
    before, after = (render(file, BROKERS, {}) for file in (source("lot", "cert"), source("lot")))
    record = Reading(source("lot"), BROKERS)

    def refused() -> None:
        with record.dropping(record.leaving(before), lambda: after if lost else before):
            raise error

    with pytest.raises(CdcError, match=error.code):
        refused()
    record = Reading(source("lot", "cert"), BROKERS)
    record.need([CERT])
    assert [(one.table, one.again) for one in record.unread()] == [(CERT, again)]


def test_a_table_that_somebody_else_took_out_comes_back_with_a_gap(topic: Callable[..., Topic]) -> None:
    made = topic(scanned(LOT, connector="mes"), scanned(CERT, connector="mes"))
    record = Reading(source("lot", "cert"), BROKERS)
    record.note_new(render(source("lot"), BROKERS, {}))
    assert made.written() == [("mes/dropped", [CERT]), ("mes/needed", [CERT])]
    assert [(one.table, one.again) for one in record.unread()] == [(CERT, True)]


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_a_table_without_a_key_joins_no_connector_that_runs(state: str, topic: Callable[..., Topic]) -> None:
    made = topic()
    file = source("lot", "cert", state=state)
    file = replace(file, tables=(file.tables[0], replace(file.tables[1], is_keyless=True)))
    live = render(source("lot"), BROKERS, {})
    if state == "stopped":  # for a new snapshot of the whole source
        Reading(file, BROKERS).note_new(live)
        assert made.written() == [("mes/needed", [CERT])]
        return
    with pytest.raises(FatalError, match=f"CON-113 .*mes: {re.escape(CERT)}"):
        Reading(file, BROKERS).note_new(live)
    with pytest.raises(FatalError, match="CON-113"):
        Reading(file, BROKERS).need([CERT])
    assert made.written() == []


def test_what_is_void_was_never_noted(topic: Callable[..., Topic]) -> None:
    made = topic(scanned(LOT, connector="mes"), needed(CERT))
    record = Reading(source("lot", "cert"), BROKERS)
    before = record.fold().unread((LOT, CERT))
    record.note_gap([LOT, CERT], "one")
    record.note_gap([LOT], "two")
    assert [one.table for one in record.unread() if one.again] == [LOT, CERT]
    record.void("one")
    assert [one.table for one in record.unread() if one.again] == [LOT]
    record.void("two")
    assert record.unread() == before
    made.signals.append(Signal(b"mes/void", b"no JSON"))
    assert record.unread() == before

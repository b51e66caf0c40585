"""What is written to a source's signal topic, and when."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from cdc.capture.connector import render
from cdc.capture.reading import Reading
from cdc.errors import FatalError
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
    Reading(source("lot", "cert"), BROKERS).note_changes(render(source("lot"), BROKERS, {}))
    assert made.written() == [("mes/needed", [CERT])]


def test_noting_twice_notes_once(topic: Callable[..., Topic]) -> None:
    made = topic()
    for _ in range(2):
        Reading(source("lot", "cert"), BROKERS).note_changes(render(source("lot"), BROKERS, {}))
    assert made.written() == [("mes/needed", [CERT])]


def test_a_connector_that_was_deleted_needs_only_what_was_never_read(topic: Callable[..., Topic]) -> None:
    made = topic(needed(LOT), scanned(LOT, connector="mes"))
    Reading(source("lot", "cert"), BROKERS).note_changes(None)
    assert made.written()[1:] == [("mes/needed", [CERT])]


def test_a_table_that_leaves_is_noted(topic: Callable[..., Topic]) -> None:
    made = topic()
    Reading(source("lot"), BROKERS).note_changes(render(source("lot", "cert"), BROKERS, {}))
    assert made.written() == [("mes/dropped", [CERT])]


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_a_table_without_a_key_joins_no_connector_that_runs(state: str, topic: Callable[..., Topic]) -> None:
    made = topic()
    file = source("lot", "cert", state=state)
    file = replace(file, tables=(file.tables[0], replace(file.tables[1], is_keyless=True)))
    live = render(source("lot"), BROKERS, {})
    if state == "stopped":  # for a new snapshot of the whole source
        Reading(file, BROKERS).note_changes(live)
        assert made.written() == [("mes/needed", [CERT])]
        return
    with pytest.raises(FatalError, match=f"CON-113 .*mes: {re.escape(CERT)}"):
        Reading(file, BROKERS).note_changes(live)
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

"""What the signal topic tells of a source's tables, and what is written to it and when."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from cdc.capture import reading
from cdc.capture.connector import render
from cdc.capture.reading import Reading, Readings, Unread
from cdc.capture.source import Source, SourceTable
from cdc.errors import FatalError, TransientError
from cdc.stream.signal import Signal

LOT, CERT = "public.lot", "public.cert"


def source(*names: str, state: str = "running") -> Source:
    tables = tuple(SourceTable("public", name) for name in names)
    return Source("mes", "postgresql", "h", "1", "mes", "u", "p", state, tables)


def signal(key: str | None, value: Any) -> Signal:
    return Signal(None if key is None else key.encode(), json.dumps(value).encode())


def needed(*tables: str) -> Signal:
    return signal("mes/needed", {"tables": tables})


def dropped(*tables: str) -> Signal:
    return signal("mes/dropped", {"tables": tables})


def notified(step: str, kind: str = "Incremental Snapshot", connector: str = "mes", **more: str) -> Signal:
    """As Debezium 3.6 writes it."""
    data = {"connector_name": connector, **more}
    value = {"id": "1", "type": step, "aggregate_type": kind, "additional_data": data, "timestamp": 1}
    return signal('{"id":"1"}', value)


def scanned(table: str, status: str = "SUCCEEDED", kind: str = "Incremental Snapshot") -> Signal:
    more = {"scanned_collection": table, "data_collections": table, "total_rows_scanned": "3", "status": status}
    return notified("TABLE_SCAN_COMPLETED", kind, **more)


def unread(*signals: Signal) -> list[Unread]:
    readings = Readings("mes")
    for found in signals:
        readings.take(found)
    return readings.unread([LOT, CERT])


def test_nothing_is_unread_of_which_nothing_is_on_record() -> None:
    assert unread() == []


def test_a_table_is_needed_under_way_and_read() -> None:
    story = [needed(CERT), notified("IN_PROGRESS", data_collections=CERT), scanned(CERT)]
    states = [[table.state for table in unread(*story[: end + 1])] for end in range(len(story))]
    assert states == [["needed"], ["reading"], []]


def test_an_empty_table_is_read() -> None:
    assert unread(needed(CERT), scanned(CERT, "EMPTY")) == []


def test_a_table_that_waits_for_another_one_is_under_way() -> None:
    story = (needed(LOT), notified("STARTED", data_collections=LOT), needed(CERT))
    progress = notified("IN_PROGRESS", data_collections=f"{LOT},{CERT}", current_collection_in_progress=LOT)
    assert [table.state for table in unread(*story, progress)] == ["reading", "reading"]
    assert [table.table for table in unread(*story, progress, scanned(LOT))] == [CERT]


@pytest.mark.parametrize("reason", ["SQL_EXCEPTION", "UNKNOWN_SCHEMA", "NO_PRIMARY_KEY", "SKIPPED"])
def test_a_scan_that_failed_leaves_the_table_unread_with_the_reason(reason: str) -> None:
    assert unread(needed(CERT), scanned(CERT, reason)) == [Unread(CERT, "failed", reason)]


def test_an_aborted_reading_leaves_the_table_unread() -> None:
    aborted = notified("ABORTED", data_collections=CERT)
    assert unread(needed(CERT), aborted) == [Unread(CERT, "failed", "ABORTED")]


def test_a_failed_table_that_is_read_again_has_not_failed_again() -> None:
    assert unread(needed(CERT), scanned(CERT, "SQL_EXCEPTION"), needed(CERT)) == [Unread(CERT, "needed")]


def test_the_first_snapshot_reads_what_is_needed() -> None:
    assert unread(needed(LOT, CERT), scanned(LOT, kind="Initial Snapshot")) == [Unread(CERT, "needed")]


def test_a_table_that_comes_back_is_read_by_a_new_snapshot_only() -> None:
    story = (needed(CERT), scanned(CERT), dropped(CERT))
    assert unread(*story) == []
    story = (*story, needed(CERT))
    assert unread(*story, scanned(CERT)) == [Unread(CERT, "needed", again=True)]
    assert unread(*story, scanned(CERT, kind="Initial Snapshot")) == []


@pytest.mark.parametrize(
    "strange",
    [
        Signal(None, None),
        Signal(b"mes/needed", b"not json"),
        Signal(b"mes/needed", b"[]"),
        Signal(b"\xff", b"{}"),
        signal("mes/needed", {"tables": 7}),
        notified("TABLE_SCAN_COMPLETED", connector="other", scanned_collection=CERT, status="SUCCEEDED"),
    ],
)
def test_what_nobody_here_wrote_changes_nothing(strange: Signal) -> None:
    assert unread(needed(CERT), strange) == [Unread(CERT, "needed")]


class Topic:
    """A signal topic in memory."""

    def __init__(self, *signals: Signal) -> None:
        self.signals = list(signals)

    def read(self, _bootstrap: str, topic: str) -> list[Signal]:
        assert topic == "cdc-signal.mes"
        return list(self.signals)

    def send(self, _bootstrap: str, _topic: str, key: bytes, value: bytes) -> None:
        assert key != b"mes"  # the connector would obey it
        self.signals.append(Signal(key, value))

    def written(self) -> list[tuple[str, list[str]]]:
        ours = (found for found in self.signals if found.key is not None and found.key.startswith(b"mes"))
        return [(found.key.decode(), json.loads(found.value or b"")["tables"]) for found in ours if found.key]


class Connector:
    """The part of Connect that readings ask; `answer` is what the connector says when it is told to read tables."""

    def __init__(
        self,
        topic: Topic,
        *under_way: str,
        in_snapshot: bool = False,
        answer: Callable[[str], list[Signal]] = lambda tables: [notified("IN_PROGRESS", data_collections=tables)],
    ) -> None:
        self.topic, self.tables, self.snapshot, self.answer = topic, list(under_way), in_snapshot, answer
        self.told: list[list[str]] = []

    def in_snapshot(self, _name: str) -> bool:
        return self.snapshot

    def under_way(self, _name: str) -> list[str]:
        return self.tables

    def read_beside(self, _name: str, tables: list[str]) -> None:
        self.told.append(list(tables))
        self.tables += tables
        self.topic.signals += self.answer(",".join(tables))

    def begin(self, file: Source, **options: Any) -> list[str]:
        return Reading(file, "b", **options).begin(self)  # type: ignore[arg-type]


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Topic]:
    def make(*signals: Signal) -> Topic:
        made = Topic(*signals)
        monkeypatch.setattr(reading, "read_signals", made.read)
        monkeypatch.setattr(reading, "send_signal", made.send)
        return made

    return make


def test_a_table_that_the_connector_does_not_have_is_noted_before_it_gets_it(topic: Callable[..., Topic]) -> None:
    made = topic()
    Reading(source("lot", "cert"), "b").note_changes(render(source("lot"), "b"))
    assert made.written() == [("mes/needed", [CERT])]


def test_noting_twice_notes_once(topic: Callable[..., Topic]) -> None:
    made = topic()
    for _ in range(2):
        Reading(source("lot", "cert"), "b").note_changes(render(source("lot"), "b"))
    assert made.written() == [("mes/needed", [CERT])]


def test_a_connector_that_was_deleted_needs_only_what_was_never_read(topic: Callable[..., Topic]) -> None:
    made = topic(needed(LOT), scanned(LOT, kind="Initial Snapshot"))
    Reading(source("lot", "cert"), "b").note_changes(None)
    assert made.written()[1:] == [("mes/needed", [CERT])]


def test_a_table_that_leaves_is_noted(topic: Callable[..., Topic]) -> None:
    made = topic()
    Reading(source("lot"), "b").note_changes(render(source("lot", "cert"), "b"))
    assert made.written() == [("mes/dropped", [CERT])]


def test_the_need_outlives_an_apply_that_was_interrupted(topic: Callable[..., Topic]) -> None:
    made = topic()
    connector = Connector(made)
    file = source("lot", "cert")
    Reading(file, "b").note_changes(render(source("lot"), "b"))
    # Here the first call died, after it gave the connector its new list: the second one sees no difference any more.
    Reading(file, "b").note_changes(render(file, "b"))
    assert connector.begin(file) == [f"reading of {CERT} begun"]
    assert connector.told == [[CERT]]
    assert connector.begin(file) == []


def test_a_table_joins_those_that_are_under_way(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(needed(LOT, CERT), notified("IN_PROGRESS", data_collections=LOT)), LOT)
    assert connector.begin(source("lot", "cert")) == [f"reading of {CERT} begun"]
    assert connector.told == [[CERT]]


def test_a_reading_that_the_connector_forgot_begins_again(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(needed(CERT), notified("IN_PROGRESS", data_collections=CERT)))
    assert connector.begin(source("lot", "cert")) == [f"reading of {CERT} begun"]


@pytest.mark.parametrize("state", ["running", "paused", "stopped"])
def test_nothing_is_begun_while_it_would_be_of_no_use(topic: Callable[..., Topic], state: str) -> None:
    connector = Connector(topic(needed(CERT)), in_snapshot=state == "running")
    assert connector.begin(source("lot", "cert", state=state)) == []
    assert connector.told == []


def test_a_table_that_the_connector_gives_up_is_told(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(needed(CERT)), answer=lambda table: [scanned(table, "NO_PRIMARY_KEY")])
    with pytest.raises(FatalError, match=r"CON-107 .*public\.cert: failed NO_PRIMARY_KEY"):
        connector.begin(source("lot", "cert"))


def test_a_table_that_failed_is_begun_again(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(needed(CERT), scanned(CERT, "SQL_EXCEPTION")))
    assert connector.begin(source("lot", "cert")) == [f"reading of {CERT} begun"]


def test_a_connector_that_is_not_heard_of_is_told(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(needed(CERT)), answer=lambda _: [])
    with pytest.raises(TransientError, match="CON-109"):
        connector.begin(source("lot", "cert"), begin_s=0.0)


def test_a_table_that_comes_back_is_refused_until_a_new_snapshot(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(dropped(CERT), needed(CERT)))
    with pytest.raises(FatalError, match="CON-108"):
        connector.begin(source("lot", "cert"))
    assert connector.told == []

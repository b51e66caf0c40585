"""What the signal topic tells of a source's tables, and what is written to it and when."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cdc.access import Kafka
from cdc.capture import reading
from cdc.capture.connect import Status, Task
from cdc.capture.connector import render, render_reader
from cdc.capture.reading import Reading, Readings, Unread
from cdc.capture.source import Source, SourceTable
from cdc.capture.watchdog import Watch
from cdc.errors import FatalError, TransientError
from cdc.stream.signal import Signal

BROKERS = Kafka("b")
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


def starting(*tables: str) -> Signal:
    return signal("mes/starting", {"tables": tables})


def notified(step: str, connector: str = "mes-read", **more: str) -> Signal:
    """As Debezium 3.6 writes it."""
    data = {"connector_name": connector, **more}
    value = {"id": "1", "type": step, "aggregate_type": "Initial Snapshot", "additional_data": data, "timestamp": 1}
    return signal('{"id":"1"}', value)


def in_progress(*tables: str) -> Signal:
    more = {"data_collections": ",".join(tables), "current_collection_in_progress": tables[0]}
    return notified("IN_PROGRESS", **more)


def scanned(table: str, status: str = "SUCCEEDED", connector: str = "mes-read") -> Signal:
    more = {"scanned_collection": table, "data_collections": table, "total_rows_scanned": "3", "status": status}
    return notified("TABLE_SCAN_COMPLETED", connector, **more)


def unread(*signals: Signal) -> list[Unread]:
    readings = Readings("mes")
    for found in signals:
        readings.take(found)
    return readings.unread([LOT, CERT])


def test_nothing_is_unread_of_which_nothing_is_on_record() -> None:
    assert unread() == []


def test_a_table_is_needed_started_under_way_and_read() -> None:
    story = [needed(CERT), starting(CERT), in_progress(CERT), scanned(CERT)]
    states = [[table.state for table in unread(*story[: end + 1])] for end in range(len(story))]
    assert states == [["needed"], ["starting"], ["reading"], []]


def test_a_scan_that_failed_leaves_the_table_unread_with_the_reason() -> None:
    story = (needed(CERT), starting(CERT), scanned(CERT, "SQL_EXCEPTION"))
    assert unread(*story) == [Unread(CERT, "failed", "SQL_EXCEPTION")]
    assert unread(*story, starting(CERT)) == [Unread(CERT, "starting")]


def test_the_first_snapshot_reads_what_is_needed() -> None:
    assert unread(needed(LOT, CERT), scanned(LOT, connector="mes")) == [Unread(CERT, "needed")]


def test_a_table_that_comes_back_is_read_by_a_new_snapshot_only() -> None:
    story = (needed(CERT), starting(CERT), scanned(CERT), dropped(CERT))
    assert unread(*story) == []
    story = (*story, needed(CERT))
    assert unread(*story, scanned(CERT)) == [Unread(CERT, "needed", again=True)]
    assert unread(*story, scanned(CERT, connector="mes")) == []


STARTED = notified("STARTED", "mes")
SKIPPED = notified("SKIPPED", "mes")
COMPLETED = notified("COMPLETED", "mes")
ALL = (scanned(LOT, connector="mes"), scanned(CERT, connector="mes"))


@pytest.mark.parametrize(
    ("story", "is_skipped"),
    [
        ((), False),
        ((STARTED,), False),
        ((STARTED, SKIPPED), True),
        ((STARTED, ALL[0], SKIPPED), True),
        # A table without rows is scanned, then the connector dies behind the last row: there is nothing more to read.
        ((STARTED, *ALL, SKIPPED), False),
        ((STARTED, *ALL, COMPLETED, SKIPPED), False),
        ((SKIPPED,), False),
        ((STARTED, SKIPPED, STARTED), False),
        ((STARTED, *ALL, COMPLETED, STARTED, SKIPPED), True),
        ((STARTED, notified("SKIPPED")), False),
    ],
)
def test_a_snapshot_that_was_begun_and_not_ended_may_not_be_skipped(
    story: tuple[Signal, ...], *, is_skipped: bool
) -> None:
    readings = Readings("mes")
    for found in story:
        readings.take(found)
    assert readings.is_skipped([LOT, CERT]) is is_skipped


SLOT = Signal(b"mes/slot", b"{}")


@pytest.mark.parametrize(
    ("story", "finds_slot"),
    [
        ((), False),
        ((STARTED,), False),
        ((STARTED, *ALL, COMPLETED), False),
        ((STARTED, *ALL, COMPLETED, SKIPPED), False),
        ((STARTED, STARTED), True),
        ((STARTED, ALL[0], STARTED, *ALL, COMPLETED), True),
        ((STARTED, *ALL, COMPLETED, STARTED), True),
        ((STARTED, notified("STARTED")), False),
        ((STARTED, STARTED, SLOT), False),
        ((STARTED, STARTED, SLOT, STARTED, *ALL, COMPLETED), False),
        ((STARTED, STARTED, SLOT, STARTED, STARTED), True),
    ],
)
def test_a_snapshot_makes_its_slot_unless_one_before_it_did(story: tuple[Signal, ...], *, finds_slot: bool) -> None:
    readings = Readings("mes")
    for found in story:
        readings.take(found)
    assert readings.finds_slot is finds_slot


def test_a_reader_that_skips_has_not_read() -> None:
    story = (needed(CERT), starting(CERT), notified("SKIPPED"))
    assert unread(*story) == [Unread(CERT, "failed", "SKIPPED")]
    assert unread(*story, in_progress(CERT)) == [Unread(CERT, "reading")]
    # That it has nothing to do any more is no failure.
    assert unread(needed(CERT), starting(CERT), scanned(CERT), notified("SKIPPED")) == []


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
    """The part of Connect that readings ask; `answer` is what the reader says once it runs."""

    def __init__(
        self,
        topic: Topic,
        *tables: str,
        in_snapshot: bool = False,
        state: str = "RUNNING",
        answer: Callable[[list[str]], list[Signal]] = lambda tables: [in_progress(*tables)],
    ) -> None:
        self.topic, self.tables, self.snapshot, self.state, self.answer = topic, tables, in_snapshot, state, answer
        self.told: list[str] = []

    def in_snapshot(self, name: str) -> bool:
        assert name == "mes"
        return self.snapshot

    def config(self, name: str) -> dict[str, str] | None:
        assert name == "mes-read"
        return {"table.include.list": ",".join(self.tables).replace(".", r"\.")} if self.tables else None

    def status(self, name: str) -> Status:
        assert name == "mes-read"
        return Status(self.state, (Task(0, self.state),))

    def begin_again(self, name: str) -> None:
        self.told.append(f"begin again {name}")

    def remove(self, name: str) -> None:
        self.told.append(f"remove {name}")
        self.tables = ()

    def apply(self, name: str, config: dict[str, str], state: str) -> None:
        self.told.append(f"{state} {name}")
        self.state = "RUNNING"
        self.tables = tuple(config["table.include.list"].replace("\\", "").split(","))
        self.topic.signals += self.answer(list(self.tables))

    def begin(self, file: Source, **options: Any) -> list[str]:
        return Reading(file, BROKERS, **options).begin(self, {})  # type: ignore[arg-type]


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


def test_the_need_outlives_an_apply_that_was_interrupted(topic: Callable[..., Topic]) -> None:
    made = topic()
    connector = Connector(made)
    file = source("lot", "cert")
    Reading(file, BROKERS).note_changes(render(source("lot"), BROKERS, {}))
    # Here the first call died, after it gave the connector its new list: the second one sees no difference any more.
    Reading(file, BROKERS).note_changes(render(file, BROKERS, {}))
    assert connector.begin(file) == [f"reading of {CERT} begun"]
    assert (connector.told, connector.tables) == (["running mes-read"], (CERT,))
    assert connector.begin(file) == []


def test_a_reader_that_lacks_a_table_starts_over(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(needed(LOT, CERT), starting(LOT), in_progress(LOT)), LOT)
    assert connector.begin(source("lot", "cert")) == [f"reading of {LOT} begun", f"reading of {CERT} begun"]
    assert (connector.told, connector.tables) == (["remove mes-read", "running mes-read"], (LOT, CERT))


def test_a_table_that_is_needed_again_while_the_reader_is_at_another_is_read_again(topic: Callable[..., Topic]) -> None:
    story = (needed(LOT, CERT), starting(LOT, CERT), in_progress(LOT, CERT), scanned(LOT), needed(LOT))
    connector = Connector(topic(*story), LOT, CERT)
    assert len(connector.begin(source("lot", "cert"))) == 2


@pytest.mark.parametrize("state", ["FAILED", "STOPPED"])
def test_a_reader_that_does_not_run_starts_over(topic: Callable[..., Topic], state: str) -> None:
    connector = Connector(topic(needed(CERT), starting(CERT), in_progress(CERT)), CERT, state=state)
    assert connector.begin(source("lot", "cert")) == [f"reading of {CERT} begun"]


def test_a_reader_that_is_gone_starts_over(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(needed(CERT), starting(CERT), in_progress(CERT)))
    assert connector.begin(source("lot", "cert")) == [f"reading of {CERT} begun"]


@pytest.mark.parametrize("state", ["running", "paused", "stopped"])
def test_nothing_is_begun_while_it_would_be_of_no_use(topic: Callable[..., Topic], state: str) -> None:
    connector = Connector(topic(needed(CERT)), in_snapshot=state == "running")
    assert connector.begin(source("lot", "cert", state=state)) == []
    assert connector.told == []


def test_a_table_that_the_reader_gives_up_is_told(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(needed(CERT)), answer=lambda _: [scanned(CERT, "SQL_EXCEPTION")])
    with pytest.raises(FatalError, match=r"CON-107 .*public\.cert: failed SQL_EXCEPTION"):
        connector.begin(source("lot", "cert"))
    connector.answer = lambda tables: [in_progress(*tables)]
    assert connector.begin(source("lot", "cert")) == [f"reading of {CERT} begun"]


def test_a_reader_that_is_not_heard_of_is_told(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(needed(CERT)), answer=lambda _: [])
    with pytest.raises(TransientError, match="CON-109"):
        connector.begin(source("lot", "cert"), begin_s=0.0)


def test_a_table_that_comes_back_is_refused_until_a_new_snapshot(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(dropped(CERT), needed(CERT)))
    with pytest.raises(FatalError, match="CON-108"):
        connector.begin(source("lot", "cert"))
    assert connector.told == []


@pytest.mark.parametrize("over", [True, False])
def test_the_reader_goes_when_it_has_read_everything(topic: Callable[..., Topic], *, over: bool) -> None:
    connector = Connector(topic(needed(CERT), starting(CERT), *([scanned(CERT)] if over else [])), CERT)
    watch = Watch(source("lot", "cert"), connector, BROKERS)  # type: ignore[arg-type]
    watch.look_at_reader()
    watch.look_at_reader()
    assert connector.told == ["remove mes-read"] * over


def test_a_reader_that_skipped_is_made_to_begin_again_and_given_time(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(needed(CERT), starting(CERT), notified("SKIPPED")), CERT)
    watch = Watch(source("lot", "cert"), connector, BROKERS)  # type: ignore[arg-type]
    assert [watch.look_at_reader() for _ in range(3)] == ["CON-112", None, None]
    assert connector.told == ["begin again mes-read"]


def test_a_connector_that_skipped_begins_again_instead_of_being_read_for(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(needed(LOT, CERT), STARTED, SKIPPED))
    assert connector.begin(source("lot", "cert")) == ["snapshot that was skipped is begun again"]
    assert connector.told == ["begin again mes"]


def test_the_reader_reads_the_tables_once_into_the_same_stream() -> None:
    file = source("lot", "cert")
    config = render_reader(file, [CERT], BROKERS, {})
    assert config["table.include.list"] == r"public\.cert"
    assert config["snapshot.mode"] == "initial_only"
    assert re.fullmatch(config["transforms.stream.regex"], "mes-read.public.cert")
    own = {name: render(file, BROKERS, {}).get(name) for name in ("topic.prefix", "slot.name", "name")}
    assert not own.items() & config.items()
    assert config["transforms.stream.replacement"] == "cdc.mes"

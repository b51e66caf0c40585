"""When the reader is made to read, what it is given, and when it goes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cdc.capture import catalogue, lifecycle
from cdc.capture.connector import _selected, render, render_reader, selects_of
from cdc.capture.lifecycle import Lifecycle
from cdc.capture.reader import Reader
from cdc.capture.reading import Reading
from cdc.capture.source import Source
from cdc.capture.watchdog import Watch
from cdc.errors import FatalError, TransientError
from cdc.stream.signal import Signal
from cdc.stream.topic import TopicEnds
from tests.unit.cdc.capture.cluster import Cluster, Member
from tests.unit.cdc.capture.signals import (
    BROKERS,
    CERT,
    LOT,
    SKIPPED,
    STARTED,
    Topic,
    dropped,
    in_progress,
    needed,
    notified,
    read,
    scanned,
    source,
    starting,
    weighed_contracts,
)

# As some rows of a table are selected of which nothing arrives altered.
WHOLE = {LOT: 'SELECT t.* FROM "public"."lot" t', CERT: 'SELECT t.* FROM "public"."cert" t'}
BEGUN_READER = ["create mes-read stopped", "stop mes-read", "forget mes-read", "running mes-read"]


class Connector(Cluster):
    """The source's connector, and its reader if it has tables; `answer` is what the reader says once it runs."""

    def __init__(
        self,
        topic: Topic,
        *tables: str,
        in_snapshot: bool = False,
        state: str = "RUNNING",
        answer: Callable[[list[str]], list[Signal]] = lambda tables: [in_progress(*tables)],
    ) -> None:
        super().__init__(mes=Member(offset=None) if in_snapshot else Member())
        if tables:
            config = render_reader(source("lot", "cert"), tables, BROKERS, {})
            self.members["mes-read"] = Member(config, state, state)
        self.topic, self.answer, self.started = topic, answer, self._say

    @property
    def tables(self) -> tuple[str, ...]:
        """What the reader is to read."""
        return tuple(self.members["mes-read"].config["table.include.list"].replace("\\", "").split(","))

    def _say(self, name: str) -> None:
        if name == "mes-read":
            self.topic.signals += self.answer(list(self.tables))

    def begin(self, file: Source, **options: Any) -> list[str]:
        return Reader(file, BROKERS, self, **options).begin({})  # type: ignore[arg-type]


def test_the_need_outlives_an_apply_that_was_interrupted(topic: Callable[..., Topic]) -> None:
    made = topic()
    connector = Connector(made)
    file = source("lot", "cert")
    Reading(file, BROKERS).note_new(render(source("lot"), BROKERS, {}))
    # Here the first call died, after it gave the connector its new list: the second one sees no difference any more.
    Reading(file, BROKERS).note_new(render(file, BROKERS, {}))
    assert connector.begin(file) == [f"reading of {CERT} begun"]
    assert (connector.told, connector.tables) == (BEGUN_READER, (CERT,))
    assert connector.begin(file) == []


def test_a_reader_that_lacks_a_table_starts_over(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(needed(LOT, CERT), starting(LOT), in_progress(LOT)), LOT)
    assert connector.begin(source("lot", "cert")) == [f"reading of {LOT} begun", f"reading of {CERT} begun"]
    assert (connector.told, connector.tables) == (["remove mes-read", *BEGUN_READER], (LOT, CERT))


def test_nothing_is_read_of_another_server_than_the_connector_reads(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(needed(LOT)))
    connector.members["mes"].config = render(source("lot"), BROKERS, {})
    with pytest.raises(FatalError, match="CON-180"):
        connector.begin(replace(source("lot"), host="elsewhere"))
    assert connector.told == []
    assert connector.begin(source("lot")) == [f"reading of {LOT} begun"]


def test_a_table_that_is_needed_again_while_the_reader_is_at_another_is_read_again(topic: Callable[..., Topic]) -> None:
    story = (needed(LOT, CERT), starting(LOT, CERT), in_progress(LOT, CERT), *read(LOT), needed(LOT))
    connector = Connector(topic(*story), LOT, CERT)
    assert len(connector.begin(source("lot", "cert"))) == 2


def test_what_the_old_reader_says_as_it_goes_is_not_said_of_what_the_new_one_is_to_read(
    topic: Callable[..., Topic], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = topic(needed(CERT), starting(CERT), in_progress(CERT), needed(CERT))
    connector = Connector(made, CERT)
    remove = connector.remove

    def reads_to_the_end(name: str) -> None:
        made.signals += read(CERT)
        remove(name)

    monkeypatch.setattr(connector, "remove", reads_to_the_end)
    file = source("lot", "cert")
    connector.begin(file)
    assert [state.table for state in Reading(file, BROKERS).unread()] == [CERT]


@pytest.mark.parametrize("state", ["FAILED", "STOPPED"])
def test_a_reader_that_does_not_run_starts_over(topic: Callable[..., Topic], state: str) -> None:
    connector = Connector(topic(needed(CERT), starting(CERT), in_progress(CERT)), CERT, state=state)
    assert connector.begin(source("lot", "cert")) == [f"reading of {CERT} begun"]


def test_a_reader_that_is_gone_starts_over(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(needed(CERT), starting(CERT), in_progress(CERT)))
    assert connector.begin(source("lot", "cert")) == [f"reading of {CERT} begun"]


READING = (scanned(LOT, connector="mes"), needed(LOT, CERT), starting(LOT, CERT), in_progress(LOT, CERT))


def test_reading_is_paused_and_goes_on_with_what_is_left(topic: Callable[..., Topic]) -> None:
    made = topic(*READING, *read(LOT))
    connector = Connector(made, LOT, CERT)
    select = {"snapshot.select.statement.overrides": CERT, f"snapshot.select.statement.overrides.{CERT}": "S WHERE a"}
    connector.members["mes-read"].config |= select
    file = source("lot", "cert")
    reader = Reader(file, BROKERS, connector)  # type: ignore[arg-type]
    assert reader.pause() == [f"reading of {CERT} paused", "connector mes-read stopped"]
    assert reader.pause() == []
    # Nobody begins it meanwhile, neither an apply nor who needs another table, and nobody waits for it in vain.
    reader.record.need([LOT])
    assert (connector.begin(file), reader.tidy(), reader.waiting(reader.record.unread())) == ([], [], [])
    assert Watch(file, connector, BROKERS, TopicEnds(BROKERS)).look_at_reader() is None  # type: ignore[arg-type]
    made.signals.append(scanned(LOT, connector="mes"))
    assert connector.told == ["stop mes-read"]
    assert reader.resume({CERT: "S", LOT: "S"}) == [f"reading of {CERT} begun"]
    assert connector.tables == (CERT,)
    assert selects_of(connector.members["mes-read"].config) == {CERT: f"{WHOLE[CERT]} WHERE a"}
    assert reader.resume({}) == []


def test_a_table_that_is_asked_for_whole_while_reading_is_paused_is_read_whole(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(*READING), LOT, CERT)
    select = {"snapshot.select.statement.overrides": LOT, f"snapshot.select.statement.overrides.{LOT}": "S WHERE a"}
    connector.members["mes-read"].config |= select
    reader = Reader(source("lot", "cert"), BROKERS, connector)  # type: ignore[arg-type]
    reader.pause()
    reader.record.need([LOT])
    reader.resume({CERT: "S", LOT: "S"})
    assert selects_of(connector.members["mes-read"].config) == {}  # nothing of it arrives altered


@pytest.mark.parametrize("state", ["paused", "stopped"])
def test_the_reader_stands_still_with_its_connector_and_goes_on_with_it(
    topic: Callable[..., Topic], state: str
) -> None:
    connector = Connector(topic(*READING), LOT, CERT)
    file = source("lot", "cert")
    reader = Reader(file, BROKERS, connector)  # type: ignore[arg-type]
    own = Lifecycle(connector, BROKERS, file, "mes")  # type: ignore[arg-type]

    def follow(state: str) -> list[str]:
        return reader.follow(state, lambda: own.apply({}, state))

    assert reader.behind(state) == "RUNNING"
    assert follow(state) == [f"connector mes-read: {state}", state]
    assert (reader.behind(state), follow(state)) == (None, [])
    assert {name: member.state for name, member in connector.members.items()} == {
        "mes": state.upper(),
        "mes-read": state.upper(),
    }
    assert follow("running") == ["running", "connector mes-read: running"]
    assert follow("running") == []
    # It goes on where it is: nothing was removed, and made anew.
    assert connector.begin(file) == []
    assert connector.told == [f"{state} mes-read", f"{state} mes", "running mes", "running mes-read"]


def test_a_reader_whose_reading_is_paused_stays_stopped_and_one_that_has_read_goes(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(*READING), LOT, CERT)
    reader = Reader(source("lot", "cert"), BROKERS, connector)  # type: ignore[arg-type]
    reader.pause()
    assert [reader.follow(state, list) for state in ("paused", "stopped", "running")] == [[], [], []]
    connector.topic.signals += [needed(LOT, CERT), starting(LOT, CERT), *read(LOT), *read(CERT)]
    assert reader.follow("stopped", list) == ["reading is over: connector mes-read removed"]


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_reader_that_goes_as_soon_as_it_goes_on_has_read_its_tables(
    topic: Callable[..., Topic], monkeypatch: pytest.MonkeyPatch, *, is_gone: bool
) -> None:
    connector = Connector(topic(*READING), LOT, CERT, state="STOPPED")

    def gone(*_: object) -> None:
        if is_gone:
            del connector.members["mes-read"]
        raise TransientError("CON-104", "mes-read is ABSENT, wanted running")

    monkeypatch.setattr(connector, "await_state", gone)
    reader = Reader(source("lot", "cert"), BROKERS, connector)  # type: ignore[arg-type]
    if is_gone:
        assert reader.follow("running", list) == ["connector mes-read: running, and gone by now"]
    else:
        with pytest.raises(TransientError, match="CON-104"):
            reader.follow("running", list)


def test_reading_that_is_paused_is_given_up(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(scanned(CERT, connector="mes"), *READING), LOT, CERT)
    reader = Reader(source("lot", "cert"), BROKERS, connector)  # type: ignore[arg-type]
    reader.pause()
    assert reader.cancel([LOT], unasked) == []  # it knows of the other table what was asked for
    assert reader.cancel([CERT], unasked) == ["connector mes-read removed"]
    assert reader.record.unread() == []


def unasked() -> dict[str, str]:
    raise AssertionError


def unreachable() -> dict[str, str]:
    raise TransientError("SRC-110", "mes at h:1")


def with_condition(connector: Connector, table: str) -> Reader:
    """The reader of both tables, some rows only of one."""
    names = "snapshot.select.statement.overrides"
    connector.members["mes-read"].config |= {names: table, f"{names}.{table}": "S WHERE a"}
    return Reader(source("lot", "cert"), BROKERS, connector)  # type: ignore[arg-type]


READ_BEFORE = (scanned(LOT, connector="mes"), scanned(CERT, connector="mes"))
BOTH_AGAIN = (*READ_BEFORE, needed(LOT, CERT), starting(LOT, CERT), in_progress(LOT, CERT))


def test_what_else_was_asked_for_by_a_condition_is_so_when_a_table_is_given_up(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(*BOTH_AGAIN), LOT, CERT)
    reader = with_condition(connector, CERT)
    assert reader.cancel([LOT], lambda: {CERT: "S", LOT: "S"}) == [f"reading of {CERT} begun"]
    assert connector.tables == (CERT,)
    assert selects_of(connector.members["mes-read"].config) == {CERT: f"{WHOLE[CERT]} WHERE a"}


def test_the_last_table_is_given_up_while_the_source_is_away(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(scanned(LOT, connector="mes"), needed(LOT), starting(LOT), in_progress(LOT)), LOT)
    reader = with_condition(connector, LOT)
    assert reader.cancel([LOT], unasked) == ["connector mes-read removed"]
    assert (connector.told, reader.record.unread()) == (["remove mes-read"], [])


def test_what_else_is_read_waits_if_a_table_is_given_up_while_the_source_is_away(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(*BOTH_AGAIN), LOT, CERT)
    reader = with_condition(connector, CERT)
    assert reader.cancel([LOT], unreachable) == [
        f"reading of {CERT} paused",
        "connector mes-read stopped",
        "nothing is begun anew (SRC-110): `--resume` goes on with the rest",
    ]
    assert connector.told == ["stop mes-read"]
    # It has kept what was asked for.
    assert reader.resume({CERT: "S", LOT: "S"}) == [f"reading of {CERT} begun"]
    assert selects_of(connector.members["mes-read"].config) == {CERT: f"{WHOLE[CERT]} WHERE a"}


@pytest.mark.parametrize("has_condition", [True, False])
def test_a_table_is_given_up_beside_a_connector_that_is_halted(
    topic: Callable[..., Topic], *, has_condition: bool
) -> None:
    connector = Connector(topic(*BOTH_AGAIN), LOT, CERT, state="STOPPED")
    connector.members["mes"].state = "STOPPED"
    reader = with_condition(connector, CERT if has_condition else LOT)
    paused, gone = [f"reading of {CERT} paused"], ["connector mes-read removed"]
    assert reader.cancel([LOT], unasked) == (paused if has_condition else gone)
    assert [one.state for one in reader.record.unread()] == ["paused" if has_condition else "reading"]


def test_a_reader_that_is_outdated_stands_still_until_another_one_takes_its_place(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(*BOTH_AGAIN), LOT, CERT)
    with_condition(connector, CERT)
    file = replace(source("lot", "cert"), settings={"max.batch.size": "512"})
    reader = Reader(file, BROKERS, connector)  # type: ignore[arg-type]
    assert reader.waiting(reader.record.unread()) == reader.record.unread()  # a plan has it
    assert reader.halt_outdated() == ["connector mes-read stopped, its file says something else by now"]
    assert (reader.halt_outdated(), reader.follow("running", list)) == ([], [])
    assert connector.told == ["stop mes-read"]
    assert reader.begin({LOT: "S", CERT: "S"}) == [f"reading of {LOT} begun", f"reading of {CERT} begun"]
    config = connector.members["mes-read"].config
    assert (config["max.batch.size"], selects_of(config)) == ("512", {CERT: f"{WHOLE[CERT]} WHERE a"})
    assert (reader.is_outdated(), reader.halt_outdated(), reader.begin({})) == (False, [], [])


def test_a_reader_of_a_table_that_is_not_captured_any_more_is_outdated(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(*BOTH_AGAIN), LOT, CERT)
    assert not Reader(source("lot", "cert", "unit"), BROKERS, connector).is_outdated()  # type: ignore[arg-type]
    assert Reader(source("lot"), BROKERS, connector).is_outdated()  # type: ignore[arg-type]
    assert not Reader(source("lot"), BROKERS, Connector(topic())).is_outdated()  # type: ignore[arg-type]


def test_a_reader_that_connect_would_refuse_replaces_none(
    topic: Callable[..., Topic], monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = Connector(topic(*BOTH_AGAIN, needed(LOT)), LOT, CERT)
    with_condition(connector, CERT)

    def refuse(_: object) -> None:
        raise FatalError("CON-102", "the source is away")

    monkeypatch.setattr(connector, "validate", refuse)
    with pytest.raises(FatalError, match="CON-102"):
        connector.begin(source("lot", "cert"))
    assert connector.told == []  # it knows which rows were asked for


def test_a_condition_is_kept_when_another_table_is_read_too(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(*READING, needed(LOT)), LOT, CERT)
    names = ("snapshot.select.statement.overrides", f"{LOT},{CERT}")
    selects = {f"{names[0]}.{table}": "S WHERE a" for table in (LOT, CERT)}
    connector.members["mes-read"].config |= {names[0]: names[1], **selects}
    Reader(source("lot", "cert"), BROKERS, connector).begin({LOT: "S", CERT: "S"})  # type: ignore[arg-type]
    # The first one was asked for again, and whole.
    assert selects_of(connector.members["mes-read"].config) == {CERT: f"{WHOLE[CERT]} WHERE a"}


def test_some_rows_are_selected_by_what_the_table_is_by_then(
    topic: Callable[..., Topic], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "read_contracts", lambda file, _: weighed_contracts(file))
    connector = Connector(topic(*READING), LOT, CERT)
    applied = {CERT: "SELECT t.* FROM `public`.`cert` t WHERE a > 'x WHERE y'"}
    file = source("lot", "cert", kind="mariadb")
    connector.members["mes-read"].config |= _selected(applied)
    Lifecycle(connector, BROKERS, file, "mes-read").begin()  # type: ignore[arg-type]
    weighed = "SELECT t.*, CAST(t.`w` AS DOUBLE) AS `w` FROM `public`"
    assert selects_of(connector.members["mes-read"].config) == {
        LOT: f"{weighed}.`lot` t",
        CERT: f"{weighed}.`cert` t WHERE a > 'x WHERE y'",
    }


@pytest.mark.parametrize("state", ["STOPPED", "PAUSED"])
def test_nothing_is_read_beside_a_connector_that_was_halted_by_hand(topic: Callable[..., Topic], state: str) -> None:
    connector = Connector(topic(needed(CERT)))
    own, file = connector.members["mes"], source("lot", "cert")
    own.state = own.task = state
    reader = Reader(file, BROKERS, connector)  # type: ignore[arg-type]
    assert (connector.begin(file), connector.told) == ([], [])
    with pytest.raises(FatalError, match="CON-190"):
        reader.require_beginnable()
    # The plan of an apply has it: that has the connector run before.
    assert [one.table for one in reader.waiting(reader.record.unread())] == [CERT]
    reader.pause()
    assert reader.resume({}) == []
    assert {one.state for one in reader.record.unread()} == {"paused"}
    own.state = own.task = "RUNNING"
    assert reader.resume({}) == [f"reading of {CERT} begun"]


@pytest.mark.parametrize("what", ["paused", "stopped", "first snapshot"])
def test_some_rows_are_not_asked_for_what_begins_later(topic: Callable[..., Topic], what: str) -> None:
    connector = Connector(topic(*READING), LOT, CERT, in_snapshot=what == "first snapshot")
    file = source("lot", "cert", state="stopped" if what == "stopped" else "running")
    reader = Reader(file, BROKERS, connector)  # type: ignore[arg-type]
    if what == "paused":
        reader.require_beginnable()
        reader.pause()
    with pytest.raises(FatalError, match="CON-190"):
        reader.require_beginnable()


@pytest.mark.parametrize(("state", "in_snapshot"), [("stopped", False), ("running", True)])
def test_reading_stays_paused_while_it_could_not_begin(
    topic: Callable[..., Topic], state: str, *, in_snapshot: bool
) -> None:
    made = topic(*READING)
    connector = Connector(made, LOT, CERT)
    reader = Reader(source("lot", "cert", state=state), BROKERS, connector)  # type: ignore[arg-type]
    reader.pause()
    if in_snapshot:
        connector.members["mes"].offset = None
    assert reader.resume({}) == []
    assert {one.state for one in reader.record.unread()} == {"paused"}


def test_the_connectors_own_first_snapshot_is_not_paused_here(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(needed(LOT, CERT)), in_snapshot=True)
    reader = Reader(source("lot", "cert"), BROKERS, connector)  # type: ignore[arg-type]
    assert (reader.pause(), connector.told) == ([], [])
    assert {one.state for one in reader.record.unread()} == {"needed"}


@pytest.mark.parametrize(
    ("story", "state", "waiting"),
    [
        ((needed(CERT),), "running", [CERT]),
        ((needed(CERT),), "stopped", []),
        ((needed(CERT), starting(CERT)), "running", []),
        ((needed(CERT), starting(CERT), needed(LOT)), "running", [LOT, CERT]),  # the reader has only one of them
        ((scanned(CERT, connector="mes"), dropped(CERT), needed(CERT), starting(CERT)), "running", [CERT]),
    ],
)
def test_who_waits_for_an_apply(
    topic: Callable[..., Topic], story: tuple[Signal, ...], state: str, waiting: list[str]
) -> None:
    reader = Reader(source("lot", "cert", state=state), BROKERS, Connector(topic(*story), CERT))  # type: ignore[arg-type]
    assert [one.table for one in reader.waiting(reader.record.unread())] == waiting


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


@pytest.mark.parametrize("has_read", [True, False])
def test_a_reader_that_went_before_it_was_seen_to_run_may_have_read_all(
    topic: Callable[..., Topic], monkeypatch: pytest.MonkeyPatch, *, has_read: bool
) -> None:
    def gone(*_: object) -> None:
        raise TransientError("CON-104", "mes-read is ABSENT, wanted running")

    connector = Connector(topic(needed(CERT)), answer=lambda _: [*read(CERT)] * has_read)
    monkeypatch.setattr(connector, "await_state", gone)
    if has_read:
        assert connector.begin(source("lot", "cert")) == [f"reading of {CERT} begun"]
    else:
        with pytest.raises(TransientError, match="CON-104"):
            connector.begin(source("lot", "cert"))


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
    connector = Connector(topic(needed(CERT), starting(CERT), *(read(CERT) if over else [scanned(CERT)])), CERT)
    watch = Watch(source("lot", "cert"), connector, BROKERS, TopicEnds(BROKERS))  # type: ignore[arg-type]
    watch.look_at_reader()
    assert connector.told == []  # whoever has started it has to see it run
    watch.look_at_reader()
    watch.look_at_reader()
    assert connector.told == ["remove mes-read"] * over


def test_a_watch_from_before_a_table_was_added_leaves_the_reader_at_it(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(needed(CERT), starting(CERT), in_progress(CERT)), CERT)
    watch = Watch(source("lot"), connector, BROKERS, TopicEnds(BROKERS))  # type: ignore[arg-type]
    for _ in range(3):
        watch.look_at_reader()
    assert connector.told == []
    connector.topic.signals += read(CERT)
    for _ in range(3):
        watch.look_at_reader()
    assert connector.told == ["remove mes-read"]


def test_a_reader_that_skipped_is_made_to_begin_again_and_given_time(topic: Callable[..., Topic]) -> None:
    connector = Connector(topic(needed(CERT), starting(CERT), notified("SKIPPED")), CERT)
    watch = Watch(source("lot", "cert"), connector, BROKERS, TopicEnds(BROKERS))  # type: ignore[arg-type]
    assert [watch.look_at_reader() for _ in range(3)] == ["CON-112", None, None]
    assert connector.told == BEGUN_READER[1:]


def test_a_connector_that_skipped_begins_again_instead_of_being_read_for(
    topic: Callable[..., Topic], monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = Connector(topic(needed(LOT, CERT), STARTED, SKIPPED))
    monkeypatch.setattr(lifecycle, "drop_slot", lambda *_: connector.tell("drop slot"))
    assert connector.begin(source("lot", "cert")) == ["snapshot that was skipped is begun again"]
    assert connector.told == ["stop mes", "forget mes", "drop slot", "running mes"]


def test_the_reader_reads_the_tables_once_into_the_same_stream() -> None:
    file = source("lot", "cert")
    config = render_reader(file, [CERT], BROKERS, {})
    assert config["table.include.list"] == r"public\.cert"
    assert config["snapshot.mode"] == "initial_only"
    assert re.fullmatch(config["transforms.stream.regex"], "mes-read.public.cert")
    own = {name: render(file, BROKERS, {}).get(name) for name in ("topic.prefix", "slot.name", "name")}
    assert not own.items() & config.items()
    assert config["transforms.stream.replacement"] == "cdc.mes"

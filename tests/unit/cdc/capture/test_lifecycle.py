"""How a connector is brought to what its file says, and that nothing of an earlier beginning spoils it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace

import pytest

from cdc.capture import catalogue, lifecycle, turn
from cdc.capture.connector import render, selects_of
from cdc.capture.lifecycle import Lifecycle
from cdc.errors import FatalError, TransientError
from tests.unit.cdc.capture.cluster import PLACE, Cluster, DiedError, Member
from tests.unit.cdc.capture.signals import BROKERS, LOT, Topic, source, weighed_contracts

BEGIN = ["stop mes", "forget mes", "drop slot", "running mes"]


class Bench:
    """A cluster, and the connector `mes` of a source."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, topic: Topic) -> None:
        self.cluster, self.topic = Cluster(), topic
        monkeypatch.setattr(lifecycle, "drop_slot", lambda *_: self.cluster.tell("drop slot"))
        self.has_slot = False
        monkeypatch.setattr(lifecycle, "require_no_slot", self._require_no_slot)
        self.sent = 0
        monkeypatch.setattr(lifecycle, "end_offsets", lambda *_: {"cdc.mes": self.sent})
        monkeypatch.setattr(lifecycle, "_SLOT_POLL_S", 0.0)
        monkeypatch.setattr(turn, "_POLL_S", 0.0)
        monkeypatch.setattr(turn, "PATIENCE_S", 0.0)

    def of(self, kind: str = "postgresql", name: str = "mes") -> Lifecycle:
        return Lifecycle(self.cluster, BROKERS, source("lot", kind=kind), name)  # type: ignore[arg-type]

    def _require_no_slot(self, *_: object) -> None:
        if self.has_slot:
            raise FatalError("CON-194", "mes: slot cdc_mes")
        self.cluster.tell("drop slot")

    def records(self) -> list[bytes | None]:
        return [signal.key for signal in self.topic.signals]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, topic: Callable[..., Topic]) -> Bench:
    return Bench(monkeypatch, topic())


def test_a_slot_that_cannot_be_its_own_is_left_alone(bench: Bench) -> None:
    bench.has_slot = True
    for steps in (["create mes stopped", "stop mes", "forget mes"], ["stop mes", "forget mes"]):
        bench.cluster.told.clear()
        with pytest.raises(FatalError, match="CON-194"):
            bench.of().apply({}, "running")
        assert bench.cluster.told == steps
    bench.has_slot = False
    bench.of().apply({}, "running")
    assert bench.cluster.told[-1] == "running mes"
    # From here on what is there is of its own beginning, whatever came of that.
    bench.has_slot = True
    bench.of().begin()


def test_a_new_connector_forgets_and_begins(bench: Bench) -> None:
    assert bench.of().apply({"a": "1"}, "running") == ["connector created", "snapshot begun"]
    assert bench.cluster.told == ["create mes stopped", *BEGIN]
    assert bench.records() == [b"mes/beginning", b"mes/forgotten", b"mes/begun"]


@pytest.mark.parametrize("state", ["running", "paused", "stopped"])
@pytest.mark.parametrize(("name", "sent", "goes_on"), [("mes", 9, True), ("mes", 0, False), ("mes-read", 9, False)])
def test_the_place_of_one_that_was_deleted_is_gone_on_from_only_in_its_own_stream(
    bench: Bench, name: str, state: str, sent: int, *, goes_on: bool
) -> None:
    bench.sent = sent
    bench.cluster.kept[name] = dict(PLACE)
    done = bench.of(name=name).apply({}, state)
    assert ("goes on at the place that Kafka Connect has kept" in done) is goes_on
    assert (bench.cluster.members[name].offset is not None) is goes_on
    assert (f"forget {name}" in bench.cluster.told) is not goes_on


@pytest.mark.parametrize(("kind", "name"), [("mariadb", "mes"), ("postgresql", "mes-read")])
def test_what_has_no_slot_drops_none(bench: Bench, kind: str, name: str) -> None:
    bench.of(kind, name).apply({}, "running")
    assert "drop slot" not in bench.cluster.told
    assert bench.records() == [b"mes/beginning", b"mes/forgotten", b"mes/begun"]


@pytest.mark.parametrize("state", ["STOPPED", "PAUSED"])
@pytest.mark.parametrize("offset", [None, {}, {"lsn": 5}])
def test_who_goes_on_without_a_place_begins(bench: Bench, state: str, offset: dict[str, object] | None) -> None:
    bench.cluster.members["mes"] = Member({}, state, state, offset)
    bench.of().apply({}, "running")
    assert bench.cluster.told == (["running mes"] if offset else BEGIN)


@pytest.mark.parametrize("state", ["stopped", "paused"])
def test_a_connector_that_is_not_to_run_begins_nothing(bench: Bench, state: str) -> None:
    bench.of().apply({}, state)
    assert bench.cluster.told == ["create mes stopped", *["paused mes"] * (state == "paused")]
    assert bench.of().apply({}, state) == []


def test_what_was_to_be_started_again_and_was_not_is(bench: Bench) -> None:
    bench.cluster.members["mes"] = Member(task="RESTARTING")
    assert bench.of().apply({}, "running") == ["restarted"]
    assert bench.cluster.told == ["restart mes"]
    assert bench.of().apply({}, "running") == []


def test_other_settings_leave_the_place(bench: Bench) -> None:
    bench.cluster.members["mes"] = Member({"a": "1"})
    assert bench.of().apply({"a": "2", "b": "1"}, "running") == ["settings changed: a, b"]
    assert bench.of().apply({"a": "2", "b": "1"}, "running") == []
    assert bench.cluster.told == ["configure mes"]


@pytest.mark.parametrize(
    ("kind", "offset", "begins"),
    [
        # A slot may be there of a start that came to nothing.
        ("postgresql", None, True),
        ("mariadb", None, False),
        ("postgresql", {"lsn": 5}, False),
        ("postgresql", {}, True),
        ("mariadb", {}, True),
    ],
)
def test_a_start_that_would_be_spoilt_is_a_beginning(
    bench: Bench, kind: str, offset: dict[str, object] | None, begins: bool
) -> None:
    member = bench.cluster.members["mes"] = Member({}, "RUNNING", "FAILED", offset)
    bench.of(kind).apply({}, "running")
    assert bench.cluster.told == (
        [step for step in BEGIN if kind == "postgresql" or step != "drop slot"] if begins else ["restart mes"]
    )
    member.offset = {"lsn": 5}
    assert bench.of(kind).renew() == "restarted"


@pytest.mark.parametrize("offset", [None, {}, {"lsn": 5}])
@pytest.mark.parametrize(
    ("state", "done", "told"),
    [("PAUSED", "restarted, and paused as before", ["restart mes"]), ("STOPPED", "", [])],
)
def test_what_somebody_has_halted_is_restarted_as_it_is(
    bench: Bench, state: str, done: str, told: list[str], offset: dict[str, object] | None
) -> None:
    bench.cluster.members["mes"] = Member({}, state, state, offset)
    assert bench.of().renew() == done
    assert (bench.cluster.told, bench.cluster.members["mes"].state) == (told, state)


@pytest.mark.parametrize("step", ["create mes stopped", *BEGIN])
def test_what_was_interrupted_is_finished_by_the_next_call(bench: Bench, step: str) -> None:
    bench.cluster.dies_at = step
    with pytest.raises(DiedError):
        bench.of().apply({}, "running")
    bench.cluster.dies_at = ""
    bench.cluster.told.clear()
    bench.of().apply({}, "running")
    assert bench.cluster.told[-4:] == BEGIN
    assert bench.of().turns.current() is None
    assert bench.of().apply({}, "running") == []


@pytest.mark.parametrize("state", ["running", "stopped"])
@pytest.mark.parametrize(("sent", "goes_on"), [(9, True), (0, False)])
@pytest.mark.parametrize("step", ["create mes stopped", "ask for the end", "running mes"])
def test_who_was_interrupted_in_making_it_again_loses_no_place(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, step: str, sent: int, state: str, *, goes_on: bool
) -> None:
    def ends(*_: object) -> dict[str, int]:
        bench.cluster.tell("ask for the end")
        return {"cdc.mes": sent}

    monkeypatch.setattr(lifecycle, "end_offsets", ends)
    bench.cluster.kept["mes"] = dict(PLACE)
    bench.cluster.dies_at = step
    with pytest.raises(DiedError) if (state, step) != ("stopped", "running mes") else nullcontext():
        bench.of().apply({}, state)
    bench.cluster.dies_at = ""
    bench.of().apply({}, "running")
    assert ("forget mes" in bench.cluster.told) is not goes_on
    assert bench.cluster.told[-1] == "running mes"
    assert bench.of().turns.current() is None


def test_a_reload_of_one_whose_making_was_interrupted_is_a_reload(bench: Bench) -> None:
    bench.sent = 9
    bench.cluster.kept["mes"] = dict(PLACE)
    bench.cluster.dies_at = "running mes"
    with pytest.raises(DiedError):
        bench.of().apply({}, "running")
    bench.cluster.dies_at = ""
    bench.of().begin()
    assert bench.cluster.told[-4:] == BEGIN


@pytest.mark.parametrize("state", ["RUNNING", "FAILED", "STOPPED"])
def test_a_reload_that_was_killed_is_finished_wherever_the_connector_is(bench: Bench, state: str) -> None:
    bench.cluster.members["mes"] = Member({}, state, state)
    bench.of().turns.take()
    assert bench.of().apply({}, "running") == ["snapshot that was asked for is begun"]
    assert bench.cluster.told == BEGIN


def test_who_comes_second_waits_and_does_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.cluster.members["mes"] = Member()
    turns = bench.of().turns
    first = turns.take()
    with pytest.raises(TransientError, match="CON-115"):
        turns.take()
    monkeypatch.setattr(turn, "PATIENCE_S", 600.0)
    monkeypatch.setattr(turn.time, "sleep", lambda _: turns.end(first))  # the first one comes to its end meanwhile
    assert bench.of().apply({}, "running") == []
    assert bench.cluster.told == []


def test_who_has_lost_his_turn_takes_no_further_step(bench: Bench) -> None:
    bench.cluster.members["mes"] = Member()
    slow = bench.of().turns.take()
    bench.of().turns.take(bench.of().turns.current())
    with pytest.raises(TransientError, match="CON-115"):
        bench.of().begin_again(slow, dict)
    assert bench.cluster.told == []


def test_a_slot_that_is_still_in_use_is_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Exception | None] = [TransientError("SRC-110", "in use"), TransientError("SRC-110", "in use"), None]

    def drop(*_: object) -> None:
        answer = answers.pop(0)
        if answer is not None:
            raise answer

    monkeypatch.setattr(lifecycle, "drop_slot", drop)
    bench.cluster.members["mes"] = Member()
    bench.of().begin()
    assert answers == []
    assert bench.records()[-1] == b"mes/begun"


def test_a_connector_that_is_not_there_is_told(bench: Bench) -> None:
    with pytest.raises(FatalError, match=r"CON-116 .*mes"):
        bench.of().begin()
    assert bench.records() == []


# The configuration of the last apply, before the float came.
APPLIED = render(source("lot", kind="mariadb"), BROKERS, {})
WEIGHED = {LOT: "SELECT t.*, CAST(t.`w` AS DOUBLE) AS `w` FROM `public`.`lot` t"}


def give_up(own: Lifecycle) -> None:
    own.turns.give_up(own.turns.take())
    own.apply(APPLIED, "running")


@pytest.mark.parametrize(
    ("member", "begin"),
    [
        (None, lambda own: own.apply(APPLIED, "running")),
        (Member(), lambda own: own.begin()),
        (Member(), lambda own: own.begin_again(own.turns.take(), own.reselect())),
        (Member(), lambda own: own.begin_as(APPLIED, "running")),
        (Member(), give_up),
        (Member(offset={}), lambda own: own.renew()),
        (Member(task="FAILED", offset={}), lambda own: own.apply(APPLIED, "running")),
        (Member(state="STOPPED", offset=None), lambda own: own.apply(APPLIED, "running")),
    ],
)
def test_whichever_way_a_snapshot_begins_it_selects_what_the_tables_are_by_then(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, member: Member | None, begin: Callable[[Lifecycle], None]
) -> None:
    monkeypatch.setattr(catalogue, "read_contracts", lambda file, _: weighed_contracts(file))
    if member is not None:
        bench.cluster.members["mes"] = Member(dict(APPLIED), member.state, member.task, member.offset)
    begin(bench.of("mariadb"))
    assert selects_of(bench.cluster.members["mes"].config) == WEIGHED
    assert bench.cluster.told[-2:] == ["configure mes", "running mes"]
    assert "forget mes" in bench.cluster.told


UNDER_WAY = {"file": "b", "pos": 4, "snapshot": "INITIAL"}


@pytest.mark.parametrize(
    ("state", "task", "begin"),
    [
        ("RUNNING", "RUNNING", lambda own: own.renew()),
        ("PAUSED", "PAUSED", lambda own: own.renew()),
        ("RUNNING", "RUNNING", lambda own: own.restart(only_failed=False)),
        ("RUNNING", "FAILED", lambda own: own.apply(APPLIED, "running")),
        ("STOPPED", "STOPPED", lambda own: own.apply(APPLIED, "running")),
        ("PAUSED", "PAUSED", lambda own: own.apply(APPLIED, "running")),
        ("RUNNING", "RUNNING", lambda own: own.apply({**APPLIED, "max.batch.size": "9"}, "running")),
    ],
)
def test_whatever_starts_a_task_in_the_middle_of_a_snapshot_has_it_select_anew(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, state: str, task: str, begin: Callable[[Lifecycle], None]
) -> None:
    monkeypatch.setattr(catalogue, "read_contracts", lambda file, _: weighed_contracts(file))
    bench.cluster.members["mes"] = Member(dict(APPLIED), state, task, dict(UNDER_WAY))
    begin(bench.of("mariadb"))
    assert selects_of(bench.cluster.members["mes"].config) == WEIGHED
    assert bench.cluster.told[0] == "configure mes"
    assert "forget mes" not in bench.cluster.told


def test_the_place_of_a_deleted_one_in_the_middle_of_its_snapshot_is_gone_on_from_with_selects_of_now(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "read_contracts", lambda file, _: weighed_contracts(file))
    bench.sent, bench.cluster.kept["mes"] = 9, dict(UNDER_WAY)
    bench.of("mariadb").apply(APPLIED, "running")
    assert bench.cluster.told == ["create mes stopped", "configure mes", "running mes"]
    assert selects_of(bench.cluster.members["mes"].config) == WEIGHED


def test_what_is_past_its_snapshot_starts_without_a_look_at_the_catalogue(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "read_contracts", lambda *_: pytest.fail("the catalogue was read"))
    bench.cluster.members["mes"] = Member(dict(APPLIED))
    assert bench.of("mariadb").renew() == "restarted"
    assert bench.of("mariadb").apply({**APPLIED, "max.batch.size": "9"}, "running")
    assert bench.cluster.told == ["restart mes", "configure mes"]


def test_a_catalogue_that_cannot_be_read_is_told_before_anything_is_done(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise TransientError("SRC-110", "mes at h:1")

    monkeypatch.setattr(catalogue, "read_contracts", refuse)
    bench.cluster.members["mes"] = Member()
    with pytest.raises(TransientError, match="SRC-110"):
        bench.of().begin()
    assert (bench.cluster.told, bench.records()) == ([], [])
    with pytest.raises(TransientError, match="SRC-110"):
        bench.of().reselect()
    bench.cluster.members["mes"].offset = dict(UNDER_WAY)
    with pytest.raises(TransientError, match="SRC-110"):
        bench.of().restart(only_failed=False)
    assert bench.cluster.told == []


def test_who_says_so_himself_may_leave_the_selects_as_they_are(bench: Bench) -> None:
    bench.cluster.members["mes"] = Member(dict(APPLIED))
    Lifecycle(bench.cluster, BROKERS, source("lot", kind="mariadb"), "mes", lambda _: dict).begin()  # type: ignore[arg-type]
    assert bench.cluster.told == [step for step in BEGIN if step != "drop slot"]


MOVED = {"slot": {"settings": {"slot.name": "other"}}, "server": {"host": "elsewhere"}, "database": {"database": "d"}}


@pytest.mark.parametrize("moved", MOVED)
@pytest.mark.parametrize("offset", [None, {"lsn": 5}, {"lsn": 5, "snapshot": "INITIAL"}])
def test_nothing_begins_by_a_file_that_has_another_place(
    bench: Bench, moved: str, offset: dict[str, object] | None
) -> None:
    """The slot that it drops, and the selects, would be of another server than the connector reads."""
    live = render(source("lot"), BROKERS, {})
    edited = replace(source("lot"), **MOVED[moved])  # type: ignore[arg-type]
    bench.cluster.members["mes"] = Member(dict(live), "STOPPED", "STOPPED", offset)
    of_file = Lifecycle(bench.cluster, BROKERS, edited, "mes", lambda _: dict)  # type: ignore[arg-type]
    for begin in (of_file.begin, lambda: of_file.begin_again(of_file.turns.take(), dict)):
        with pytest.raises(FatalError, match=r"CON-180 .*: mes: "):
            begin()
    of_file.turns.end(of_file.turns.take(of_file.turns.current()))
    with pytest.raises(FatalError, match="CON-180") if offset != PLACE else nullcontext():
        of_file.apply(live, "running")
    assert bench.cluster.told == ["running mes"] * (offset == PLACE)


def test_what_a_plan_has_given_up_is_not_begun_by_the_settings_of_before(bench: Bench) -> None:
    live = render(source("lot"), BROKERS, {})
    edited = replace(source("lot"), settings={"slot.name": "other"})
    bench.cluster.members["mes"] = Member(dict(live))
    bench.cluster.dies_at = "configure mes"
    by_plan = Lifecycle(bench.cluster, BROKERS, edited, "mes", lambda _: dict)  # type: ignore[arg-type]
    with pytest.raises(DiedError):
        by_plan.begin_as(render(edited, BROKERS, {}), "running")
    bench.cluster.dies_at = ""
    taken_over = by_plan.turns.take_over(by_plan.turns.current())
    with pytest.raises(FatalError, match="CON-180"):
        by_plan.begin_again(taken_over, dict)
    by_plan.turns.give_up(taken_over)
    by_plan.begin_as(render(edited, BROKERS, {}), "running")
    assert bench.cluster.told[-5:] == ["stop mes", "forget mes", "drop slot", "configure mes", "running mes"]
    assert by_plan.turns.current() is None

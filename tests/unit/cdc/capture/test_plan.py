"""A plan says what an apply does, and an apply does what a plan says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from cdc.capture.answer import ABSENT, Status, Task
from cdc.capture.connector import render, selects_of
from cdc.capture.plan.change import changes_of
from cdc.capture.plan.impact import Impact, impact_of
from cdc.capture.plan.plan import (
    FORMAT,
    Plan,
    PlanFile,
    Seen,
    make_plan,
    read_plans,
    require_agreed,
    require_same_cluster,
    require_unmoved,
    write_plans,
)
from cdc.errors import FatalError
from tests.unit.cdc.capture.signals import BROKERS, source

MES = source("lot", "unit", kind="postgresql")
WANTED = render(MES, BROKERS, {})
RUNNING = Status("RUNNING", (Task(0, "RUNNING"),))


def seen(live: dict[str, str] | None = WANTED, status: Status = RUNNING, **more: object) -> Seen:
    found = Seen(live, status, (), (), is_unfinished=False)
    return dataclasses.replace(found, **more)


def plan_for(live: dict[str, str] | None, *, same_server: bool = False, state: str = "running", **more: object) -> Plan:
    file = dataclasses.replace(MES, state=state)
    return make_plan(file, seen(live, **more), WANTED, same_server=same_server)  # type: ignore[arg-type]


def words(plan: Plan) -> list[str]:
    return [step.what for step in plan.steps]


def test_what_is_as_its_file_says_has_no_steps() -> None:
    found = plan_for(WANTED)
    assert (found.changes, found.steps, found.impact) == ([], [], "none")


@pytest.mark.parametrize(
    ("key", "before", "impact"),
    [
        ("slot.name", "other", "slot"),
        ("publication.name", "other", "snapshot"),
        ("database.hostname", "elsewhere", "snapshot"),
        ("database.dbname", "other", "snapshot"),
        ("decimal.handling.mode", "double", "types"),
        ("value.converter.schemas.enable", "true", "types"),
        ("transforms", "stream,filter", "order"),
        ("errors.tolerance", "all", "order"),
        ("max.batch.size", "1", "restart"),
        ("heartbeat.interval.ms", "0", "restart"),
    ],
)
def test_a_difference_says_what_it_leads_to(key: str, before: str, impact: str) -> None:
    found = plan_for({**WANTED, key: before})
    assert [(change.key, change.before, change.impact) for change in found.changes] == [(key, before, impact)]
    assert found.impact == impact
    assert found.steps


DAYS = 'SELECT t.*, CAST(t."d" AS int) AS "d" FROM "public"."lot" t'
MORE = 'SELECT t.*, CAST(t."a, b" AS int) AS "a, b", CAST(t."d" AS int) AS "d" FROM "public"."lot" t'


@pytest.mark.parametrize("file", [{}, {"public.lot": DAYS}, {"public.lot": MORE}])
def test_selects_of_columns_that_no_file_knows_yet_are_no_difference(file: dict[str, str]) -> None:
    live = render(MES, BROKERS, {"public.lot": MORE})
    found = make_plan(MES, seen(live), render(MES, BROKERS, file))
    assert (found.changes, found.steps, found.hints) == ([], [], [])
    # It is the same plan, whatever an apply that was interrupted has left of selects.
    assert found.wanted == make_plan(MES, seen(render(MES, BROKERS, file)), render(MES, BROKERS, file)).wanted


@pytest.mark.parametrize(
    ("live", "knows_more"), [({}, False), ({"public.lot": DAYS}, False), ({"public.lot": f"{DAYS}2"}, True)]
)
def test_other_selects_are_a_difference_and_say_where_they_come_from(live: dict[str, str], *, knows_more: bool) -> None:
    wanted = render(MES, BROKERS, {"public.lot": MORE})
    found = make_plan(MES, seen(render(MES, BROKERS, live)), wanted)
    assert {change.after for change in found.changes} >= {MORE}
    assert selects_of(wanted) == {"public.lot": MORE}
    said = "selects follow the contract files: `cdc source contract mes` writes what the catalogue has"
    assert found.hints == [said] * knows_more


@pytest.mark.parametrize("kind", ["mariadb", "postgresql"])
def test_every_setting_that_is_rendered_leads_to_something(kind: str) -> None:
    config = render(source("lot", kind=kind), BROKERS, {})
    assert all(impact_of(key) >= Impact.RESTART for key in config)
    assert {impact_of(key).word for key in config} >= {"restart", "read", "types", "order", "snapshot"}


def test_the_same_server_under_another_name_keeps_its_place() -> None:
    live = {**WANTED, "database.hostname": "old", "database.port": "1"}
    assert plan_for(live).forgets
    kept = plan_for(live, same_server=True)
    assert (kept.forgets, kept.impact) == (False, "restart")


def test_secrets_are_not_shown() -> None:
    live = {**WANTED, "database.password": "geheim", "producer.override.sasl.jaas.config": "x password=geheim"}
    found = make_plan(MES, seen(live), {**WANTED, "database.password": "${env:MES_PASSWORD}"})
    assert "geheim" not in repr(found)
    assert [(one.before, one.after) for one in found.changes] == [("***", "${env:MES_PASSWORD}"), ("***", None)]
    # A part of a value that is a reference shows the rest of it.
    assert changes_of({"database.password": "a${env:B}"}, {})[0].before == "***"


def test_of_lists_only_what_is_not_in_both_is_shown() -> None:
    [change] = changes_of({"table.include.list": "a,b,c"}, {"table.include.list": "a,d,c"})
    assert (change.before, change.after) == ("a,b,c", "a,d,c")
    assert change.apart() == ("...,b", "...,d")
    assert changes_of({"table.include.list": "a"}, {"table.include.list": "b"})[0].apart() == ("a", "b")
    assert changes_of({"max.batch.size": "1"}, {"max.batch.size": "2"})[0].apart() == ("1", "2")
    assert changes_of({"table.include.list": "a"}, {})[0].apart() == ("a", None)


def test_a_connector_that_is_not_there_is_created_and_takes_its_snapshot() -> None:
    found = plan_for(None, status=Status(ABSENT), topics=("create topic cdc.mes",))
    assert words(found) == ["create topic cdc.mes", "create the connector", "take the first snapshot: 2 tables"]
    assert not found.forgets
    # It was there before: somebody has deleted it, and Connect does not tell whether it has its place still.
    assert words(plan_for(None, status=Status(ABSENT))) == [
        "create the connector",
        "take the first snapshot: 2 tables; or go on, if Kafka Connect has kept its place",
    ]
    assert words(plan_for(None, status=Status(ABSENT), state="stopped")) == ["create the connector, stopped"]


def test_tables_that_come_and_go() -> None:
    live = {**WANTED, "table.include.list": r"public\.lot,public\.gone"}
    assert words(plan_for(live)) == [
        "change 1 settings; the task starts again",
        "capture public.unit, and read its rows beside the stream",
        "capture public.gone no more: back only by a snapshot of the whole source; its mirror stays as it is",
    ]
    assert [step.impact for step in plan_for(live).steps] == ["restart", "read", "end"]
    assert words(plan_for(WANTED, unread=("public.lot",))) == ["read the rows of public.lot beside the stream"]


@pytest.mark.parametrize(
    ("status", "more", "step"),
    [
        (Status("PAUSED", (Task(0, "PAUSED"),)), {}, "resume the connector: it is paused"),
        (Status("RUNNING", (Task(0, "FAILED", "why"),)), {}, "start the failed task again"),
        (Status("STOPPED"), {"is_unfinished": True}, "finish what was begun: a new snapshot"),
    ],
)
def test_a_connector_in_another_state_is_moved(status: Status, more: dict[str, object], step: str) -> None:
    assert words(plan_for(WANTED, status=status, **more)) == [step]


def test_what_reads_added_tables_is_brought_to_the_state_of_the_connector() -> None:
    running = {"status": RUNNING, "reader": "RUNNING"}
    assert words(plan_for(WANTED, state="stopped", **running)) == [
        "stop what reads added tables: it is running",
        "stop the connector: it is running",
    ]
    assert words(plan_for(WANTED, **running)) == []


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("running", Status("STOPPED")),
        ("paused", Status("STOPPED")),
        ("running", Status("RUNNING", (Task(0, "FAILED", "why"),))),
    ],
)
def test_a_connector_that_was_created_and_came_no_further_is_the_plans(state: str, status: Status) -> None:
    agreed = plan_for(None, state=state, status=Status(ABSENT))
    require_unmoved(agreed, plan_for(WANTED, state=state, status=status))


def test_who_would_forget_its_place_needs_a_plan() -> None:
    require_agreed(plan_for({**WANTED, "max.batch.size": "1"}))
    with pytest.raises(FatalError, match=r"CON-180.*slot\.name"):
        require_agreed(plan_for({**WANTED, "slot.name": "other"}))


ONE_MORE = {**WANTED, "table.include.list": r"public\.lot,public\.unit,public\.a\$1"}


def test_who_would_lose_a_table_needs_a_plan() -> None:
    lost = plan_for(ONE_MORE)
    assert (lost.impact, lost.forgets, lost.changes[0].impact) == ("end", False, "end")
    with pytest.raises(FatalError, match=r"CON-180.*capture public\.a\$1 no more") as raised:
        require_agreed(lost)
    assert "place means nothing" not in raised.value.detail
    # A table that comes, and one whose name is only written otherwise, is none that goes.
    require_agreed(plan_for({**WANTED, "table.include.list": r"public\.lot"}))
    require_agreed(plan_for({**WANTED, "table.include.list": "public.lot,public.unit"}))
    # Where all is read anew, what is lost is named, too.
    both = plan_for({**ONE_MORE, "slot.name": "other"})
    assert both.steps[-1].impact == "end"
    with pytest.raises(FatalError, match=r"slot\.name \(.*; capture public\.a\$1 no more"):
        require_agreed(both)


def test_an_old_slot_is_named_with_the_statement_that_drops_it() -> None:
    assert "SELECT pg_drop_replication_slot('other')" in plan_for({**WANTED, "slot.name": "other"}).hints[0]


LIVE = {**WANTED, "max.batch.size": "1", "max.queue.size": "2"}


def test_what_is_left_of_a_plan_is_still_that_plan() -> None:
    agreed = plan_for(LIVE, status=Status("PAUSED", (Task(0, "PAUSED"),)))
    require_unmoved(agreed, agreed)
    # The settings were changed, and then the caller died.
    require_unmoved(agreed, plan_for(WANTED, status=Status("PAUSED", (Task(0, "PAUSED"),))))
    require_unmoved(agreed, plan_for(WANTED))


def test_what_is_left_of_a_step_is_still_that_plan() -> None:
    unfinished = plan_for(WANTED, status=Status("STOPPED"), is_unfinished=True)
    # It has forgotten, and has its settings; or it was created, and has not begun.
    require_unmoved(plan_for({**WANTED, "slot.name": "other"}), unfinished)
    require_unmoved(plan_for(None, status=Status(ABSENT)), unfinished)
    with pytest.raises(FatalError, match="CON-181"):
        require_unmoved(plan_for(LIVE), unfinished)
    # It captures the table, and nothing reads that.
    added = plan_for({**WANTED, "table.include.list": r"public\.lot"})
    require_unmoved(added, plan_for(WANTED, unread=("public.unit",)))
    with pytest.raises(FatalError, match=r"CON-181.*public\.lot"):
        require_unmoved(added, plan_for(WANTED, unread=("public.lot",)))


@pytest.mark.parametrize(
    "now",
    [
        plan_for({**LIVE, "max.batch.size": "3"}),
        plan_for({**LIVE, "slot.name": "other"}),
        plan_for(LIVE, unread=("public.lot",)),
        plan_for(LIVE, status=Status("STOPPED")),
        plan_for(None, status=Status(ABSENT)),
        make_plan(dataclasses.replace(MES, state="paused"), seen(LIVE), WANTED),
        make_plan(MES, seen(LIVE), {**WANTED, "max.batch.size": "9"}),
    ],
)
def test_a_world_that_moved_is_refused(now: Plan) -> None:
    with pytest.raises(FatalError, match="CON-181"):
        require_unmoved(plan_for(LIVE), now)


def test_a_plan_is_a_file(tmp_path: Path) -> None:
    file = PlanFile(FORMAT, "C1", [plan_for(LIVE)], ["stray"])
    write_plans(tmp_path / "plan.json", file)
    assert read_plans(tmp_path / "plan.json") == file
    require_same_cluster(file, "C1")
    with pytest.raises(FatalError, match="C1, this is C2"):
        require_same_cluster(file, "C2")


@pytest.mark.parametrize("text", ["", "{}", '{"format": "2", "plans": [], "strays": []}'])
def test_what_is_no_plan_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(FatalError, match="CON-182"):
        read_plans(tmp_path / "plan.json")

"""What is told of each table of a source: what its file asks for, and what is made of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cdc.capture.answer import Status, Task
from cdc.capture.readings import Unread
from cdc.capture.table_standing import TablesSeen, TableStanding, tables_of
from cdc.observe.load import Load, TableLoad
from cdc.observe.tables import TableStatus
from tests.unit.cdc.capture.signals import CERT, LOT, source

RUNNING = Status("RUNNING", (Task(0, "RUNNING"),))
BOTH = {"table.include.list": r"public\.lot,public\.cert"}
SEEN = TablesSeen(RUNNING, BOTH, (), (), (), {})
LOAD = Load(
    *("cdc.mes", 15, 40, None, 1.0, None, 5.0),
    tables=[TableLoad("mes.lot", "loaded", 10, 10, 100.0), TableLoad("mes.cert", "loading", 5, 30, 16.7)],
)


def states(seen: TablesSeen, state: str = "running") -> list[tuple[str, str, str]]:
    return [(one.table, one.wanted, one.state) for one in tables_of(source("lot", "cert", state=state), seen)]


def test_tables_whose_changes_come_stand_in_the_order_of_the_file() -> None:
    assert states(SEEN) == [(LOT, "streaming", "streaming"), (CERT, "streaming", "streaming")]


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"live": None}, "not captured"),
        ({"live": {"table.include.list": r"public\.lot"}}, "not captured"),
        ({"unread": (Unread(CERT, "reading"),)}, "reading"),
        ({"unread": (Unread(CERT, "paused"),), "now": Status("STOPPED")}, "paused"),
        ({"loads": (LOAD,)}, "loading"),
        ({"in_snapshot": True}, "waiting"),
        # All tables of a connector that is created are noted as needed first, until its snapshot has scanned them.
        ({"in_snapshot": True, "unread": (Unread(CERT, "needed"),)}, "waiting"),
        ({"in_snapshot": True, "unread": (Unread(CERT, "needed"),), "loads": (LOAD,)}, "loading"),
        ({"in_snapshot": True, "unread": (Unread(CERT, "needed"),), "now": Status("STOPPED")}, "stopped"),
        # One that joins later is read beside the stream, whatever of others is being read there.
        ({"unread": (Unread(CERT, "needed"),)}, "needed"),
        ({"unread": (Unread(CERT, "needed"),), "loads": (LOAD,)}, "needed"),
        ({"is_silent": True}, "silent"),
        ({"is_silent": True, "loads": (LOAD,)}, "loading"),
        ({"loads": (LOAD,), "now": Status("STOPPED")}, "stopped"),
        ({"now": Status("PAUSED", (Task(0, "PAUSED"),))}, "paused"),
        ({"now": Status("RUNNING", (Task(0, "FAILED", "login"),))}, "failed"),
        ({"now": Status("RUNNING", (Task(0, "RESTARTING"),))}, "restarting"),
        ({"now": Status("RUNNING")}, "unassigned"),
    ],
)
def test_what_is_made_of_a_table(changes: dict[str, Any], state: str) -> None:
    assert states(replace(SEEN, **changes))[1] == (CERT, "streaming", state)


@pytest.mark.parametrize("state", ["paused", "stopped"])
def test_what_a_file_asks_for_that_halts_its_source(state: str) -> None:
    assert states(SEEN, state)[0] == (LOT, state, "streaming")


def test_what_has_left_the_file_and_is_captured_still_stands_behind() -> None:
    live = {"table.include.list": r"public\.old,public\.lot,public\.cert"}
    assert states(replace(SEEN, live=live))[2:] == [("public.old", "not captured", "streaming")]


def test_what_target_and_source_tell_of_a_table_stands_with_it() -> None:
    moment = datetime(2026, 11, 27, tzinfo=UTC)
    known = (TableStatus("mes.cert", 1, 2, 3, moment, moment),)
    found = tables_of(source("lot", "cert"), replace(SEEN, loads=(LOAD,), known=known, behind={"mes.cert": 0.5}))
    assert found == [
        TableStanding(LOT, "mes.lot", "streaming", "loaded", 10, 10),
        TableStanding(CERT, "mes.cert", "streaming", "loading", 5, 30, moment, moment, 0.5, 1, 2, 3),
    ]

"""What is wrong with a source, by what was told of it: the worst first, and what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cdc.capture.answer import ABSENT, Status, Task
from cdc.capture.readings import Readings
from cdc.capture.retained import Retained
from cdc.capture.standing import Seen, standing_of
from cdc.errors import FatalError
from cdc.observe.load import Load
from cdc.observe.status import StreamStatus
from cdc.stream.signal import Signal
from tests.unit.cdc.capture.signals import CERT, needed, signal, source

RUNNING = Status("RUNNING", (Task(0, "RUNNING"),))
LANDED = StreamStatus("cdc.mes", 9, 3, 1, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0.2, has_worker=True)
LOAD = Load("cdc.mes", 10, 40, 25.0, 2.0, 15.0, 5.0)
OFFSETS = ({"partition": {}, "offset": {"lsn": 5}},)


def told(*signals: Signal) -> Readings:
    readings = Readings("mes")
    for one in signals:
        readings.take(one)
    return readings


UNFINISHED = FatalError("LND-102", "public.lot")
WELL = Seen(
    now=RUNNING,
    reader=Status(ABSENT),
    live={"a": "1"},
    wanted={"a": "1"},
    told=told(),
    waits=False,
    offsets=OFFSETS,
    heard_s=1.0,
    noted_s=90.0,
    first_s=100.0,
    unanswered=(),
    stream=LANDED,
    tables=(),
    held=0,
    behind={"mes.cert": 0.1},
    log=Retained(10, None, ""),
    snapshot=None,
    reading=None,
)


def test_nothing_is_to_be_done_of_a_source_that_is_well() -> None:
    found = standing_of(source("cert"), WELL)
    assert (found.code, found.next, found.needs_attention) == (None, None, False)
    assert (found.connector, found.task, found.settings, found.lag, found.held) == (
        *("running", "running", "as applied"),
        *(0, 0),
    )


def test_selects_that_know_columns_which_the_contract_files_do_not_are_as_applied() -> None:
    key = "snapshot.select.statement.overrides"
    selects = {key: CERT, f"{key}.{CERT}": 'SELECT t.*, f(t."d") AS "d" FROM "public"."cert" t'}
    assert standing_of(source("cert"), replace(WELL, live={"a": "1", **selects})).settings == "as applied"
    assert standing_of(source("cert"), replace(WELL, wanted={"a": "1", **selects})).settings == "differ"


def test_the_settings_of_files_that_are_not_finished_are_unknown_and_their_code_is_told() -> None:
    found = standing_of(source("cert"), replace(WELL, wanted=UNFINISHED))
    assert (found.settings, found.code, found.needs_attention) == ("unknown", "LND-102", False)
    assert found.next == f"public.lot: {UNFINISHED.entry.action}"
    # What is wrong with what runs is worse; but to create a connector of it does not help.
    assert standing_of(source("cert"), replace(WELL, wanted=UNFINISHED, heard_s=31.0)).code == "CON-106"
    absent = standing_of(source("cert"), replace(WELL, wanted=UNFINISHED, live=None, now=Status(ABSENT)))
    assert (absent.settings, absent.code, absent.needs_attention) == ("absent", "LND-102", True)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "streaming"),
        ({"heard_s": 31.0}, "silent"),
        ({"offsets": []}, "waiting"),
        ({"offsets": [{"partition": {}, "offset": {"lsn": 5, "snapshot": True}}], "heard_s": 31.0}, "waiting"),
        ({"offsets": None}, "streaming"),
    ],
)
def test_what_is_made_of_a_table_goes_by_what_is_heard_of_its_connector(changes: dict[str, Any], state: str) -> None:
    live = {"table.include.list": r"public\.cert"}
    (table,) = standing_of(source("cert"), replace(WELL, live=live, **changes)).tables
    assert table.state == state


def test_the_slowest_of_what_is_derived_of_its_mirrors_is_how_far_a_source_is_behind() -> None:
    behind = {"mes.cert": 0.1, "mes.lot": 7.0}
    assert standing_of(source("cert"), replace(WELL, behind=behind)).behind_s == 7.0


AWAY = {"stream": None, "tables": None, "held": None, "behind": {}}
UNHEARD = {"heard_s": None, "noted_s": None, "first_s": None}


def test_what_nobody_could_tell_is_none() -> None:
    found = standing_of(source("cert"), replace(WELL, **AWAY, log=None, unanswered=("target",)))
    assert (found.landed_s, found.lag, found.refused, found.held) == (None, None, None, None)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({**AWAY, "unanswered": ("target",)}, "whether anything lands: target could not be asked"),
        (
            {**UNHEARD, "stream": replace(LANDED, lag=None), "unanswered": ("kafka",)},
            "whether anything lands: kafka could not be asked",
        ),
        # No `cdc run` lands it, or its target has no tables; what lands it has not come to its first batch.
        ({"stream": None, "first_s": 61.0}, "Nothing of it has ever landed"),
        ({"stream": replace(LANDED, batch=0, freshness_s=None), "first_s": 61.0}, "Nothing of it has ever landed"),
        ({"snapshot": replace(LOAD, rows_per_s=0.0, seconds=61.0), "stream": replace(LANDED, lag=4)}, "does not land"),
    ],
)
def test_a_source_that_is_to_run_and_of_which_nothing_is_known_to_land_needs_a_person(
    changes: dict[str, Any], said: str
) -> None:
    found = standing_of(source("cert"), replace(WELL, **changes))
    assert (found.code, found.needs_attention) == (None, True)
    assert said in str(found.next)
    still = replace(WELL, **changes, now=Status("STOPPED"))
    if not still.snapshot:
        assert not standing_of(source("cert", state="stopped"), still).needs_attention


FIRST = ({"partition": {}, "offset": {"lsn": 5, "snapshot": "INITIAL"}},)


@pytest.mark.parametrize(
    "changes",
    [
        # It waits for its slot, or for a lock, and has not sent anything yet.
        {"offsets": (), "stream": None, "heard_s": None, "first_s": None, "noted_s": 301.0},
        {"offsets": (), "stream": None, **UNHEARD},
        # It was read before, and hangs in another snapshot; or the topic was deleted.
        {"offsets": (), "heard_s": 9000.0, "noted_s": 301.0},
        {"offsets": FIRST, "heard_s": 301.0, "noted_s": 900.0},
        {"snapshot": LOAD, "heard_s": 301.0, "noted_s": 301.0},
        {"heard_s": None, "noted_s": 301.0},
    ],
)
def test_a_connector_that_hangs_in_its_first_snapshot_or_before_it_needs_a_person(changes: dict[str, Any]) -> None:
    found = standing_of(source("cert"), replace(WELL, **changes))
    assert (found.code, found.needs_attention) == ("CON-106", True)
    assert "open transaction" in str(found.next)


@pytest.mark.parametrize(
    "changes",
    [
        # Just begun: for the first time, and over again.
        {"offsets": (), "stream": None, "heard_s": None, "first_s": None, "noted_s": 3.0},
        {"offsets": (), "stream": None, "heard_s": 3.0, "first_s": 3.0, "noted_s": 3.0},
        {"offsets": (), "heard_s": 9000.0, "first_s": 9900.0, "noted_s": 3.0},
        # Small tables are noted as read, one after the other; a long select sends rows alone.
        {"offsets": FIRST, "snapshot": LOAD, "heard_s": 301.0, "noted_s": 3.0},
        {"offsets": FIRST, "snapshot": LOAD, "heard_s": 3.0, "noted_s": 900.0},
        # It waits for rows: nothing has come that could land.
        {"offsets": FIRST, "snapshot": replace(LOAD, rows_per_s=0.0, seconds=61.0), "heard_s": 90.0},
        # Its first batch is on the way.
        {"stream": replace(LANDED, batch=0, freshness_s=None, lag=4), "first_s": 59.0},
    ],
)
def test_what_has_begun_or_is_being_read_is_well(changes: dict[str, Any]) -> None:
    found = standing_of(source("cert"), replace(WELL, **changes))
    assert (found.code, found.next, found.needs_attention) == (None, None, False)


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"now": Status(ABSENT), "live": None}, "CON-116", ""),
        ({"now": Status("RUNNING", (Task(0, "FAILED", "slot", has_lost_place=True),))}, "CON-117", ""),
        ({"log": Retained(10, 0.0, "x")}, "CON-117", ""),
        ({"now": Status("RUNNING", (Task(0, "FAILED", "login"),))}, "CON-103", ""),
        ({"told": told(signal("mes/beginning", {"connector": "mes", "attempt": "1"}))}, "CON-115", ""),
        ({"now": Status("PAUSED", (Task(0, "PAUSED"),))}, None, "It is paused, its file says running"),
        ({"heard_s": 31.0}, "CON-106", ""),
        ({"log": Retained(10, 3600.0, "one hour")}, None, "log runs out (one hour)"),
        ({"told": told(needed(CERT)), "waits": True}, None, f"Nothing reads {CERT}: `cdc connectors apply mes`"),
        (
            {"told": told(needed(CERT), signal("mes/paused", {"tables": [CERT]}))},
            None,
            f"Reading of {CERT} is paused; `cdc connectors snapshot mes --resume`",
        ),
        ({"stream": replace(LANDED, lag=4, freshness_s=61.0)}, None, "does not land"),
    ],
)
def test_what_needs_a_person(changes: dict[str, Any], code: str | None, said: str) -> None:
    found = standing_of(source("cert"), replace(WELL, **changes))
    assert (found.code, found.needs_attention) == (code, True)
    assert said in str(found.next)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"live": {"a": "2"}}, "`cdc connectors plan mes`"),
        ({"stream": replace(LANDED, stale=2)}, "`cdc refused list`"),
        # What is being read, in a first snapshot or beside the stream, is waited for.
        ({"told": told(needed(CERT)), "reading": LOAD}, "None"),
        ({"heard_s": 31.0, "snapshot": LOAD}, "None"),
    ],
)
def test_what_can_wait(changes: dict[str, Any], said: str) -> None:
    found = standing_of(source("cert"), replace(WELL, **changes))
    assert (found.code, found.needs_attention) == (None, False)
    assert said in str(found.next)


STILL = {"now": Status("STOPPED"), "reader": Status("RUNNING", (Task(0, "RUNNING"),))}


def test_what_reads_added_tables_is_told_where_the_connector_is_to_stand_still() -> None:
    found = standing_of(source("cert", state="stopped"), replace(WELL, **STILL))
    assert (found.connector, found.reader, found.needs_attention) == ("stopped", "running", True)
    assert "What reads added tables is running, not stopped: `cdc connectors apply mes`" in str(found.next)
    still = standing_of(source("cert", state="stopped"), replace(WELL, now=STILL["now"], reader=Status("STOPPED")))
    assert (still.reader, still.needs_attention) == ("stopped", False)
    assert standing_of(source("cert"), WELL).reader is None


def test_a_reading_beside_the_stream_does_not_excuse_a_silent_connector() -> None:
    assert standing_of(source("cert"), replace(WELL, heard_s=31.0, reading=LOAD)).code == "CON-106"

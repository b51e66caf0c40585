"""What the signal topic tells of a source's tables."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cdc.capture.readings import Attempt, Readings, Unread
from cdc.stream.signal import Signal
from tests.unit.cdc.capture.signals import (
    ALL,
    CERT,
    COMPLETED,
    LOT,
    SKIPPED,
    STARTED,
    dropped,
    in_progress,
    needed,
    notified,
    read,
    scanned,
    signal,
    starting,
)


def unread(*signals: Signal) -> list[Unread]:
    readings = Readings("mes")
    for found in signals:
        readings.take(found)
    return readings.unread([LOT, CERT])


def test_nothing_is_unread_of_which_nothing_is_on_record() -> None:
    assert unread() == []


def test_a_table_is_needed_started_under_way_and_read() -> None:
    story = [needed(CERT), starting(CERT), in_progress(CERT), *read(CERT)]
    states = [[table.state for table in unread(*story[: end + 1])] for end in range(len(story))]
    assert states == [["needed"], ["starting"], ["reading"], ["reading"], []]


@pytest.mark.parametrize(
    ("behind", "states"),
    [
        ((), ["reading", "reading"]),
        ((scanned(CERT, rows="0"),), ["reading", "reading"]),  # nothing came that would have let it go
        ((scanned(CERT),), ["reading"]),
        ((notified("COMPLETED"),), ["reading"]),
        ((scanned(CERT, rows="0"), notified("COMPLETED")), []),
        ((notified("STARTED"), in_progress(LOT, CERT), notified("COMPLETED", "mes")), ["reading", "reading"]),
        ((starting(LOT, CERT), scanned(CERT)), ["starting", "starting"]),
        ((needed(LOT), scanned(CERT)), ["needed", "reading"]),
    ],
)
def test_a_table_has_been_read_when_its_last_row_must_have_been_sent(
    behind: tuple[Signal, ...], states: list[str]
) -> None:
    """Debezium holds the last row of a table back, and says before that the table was scanned."""
    story = (needed(LOT, CERT), starting(LOT, CERT), in_progress(LOT, CERT), scanned(LOT))
    assert [state.state for state in unread(*story, *behind)] == states


def test_a_scan_that_failed_leaves_the_table_unread_with_the_reason() -> None:
    story = (needed(CERT), starting(CERT), scanned(CERT, "SQL_EXCEPTION"))
    assert unread(*story) == [Unread(CERT, "failed", "SQL_EXCEPTION")]
    assert unread(*story, starting(CERT)) == [Unread(CERT, "starting")]


def test_reading_again_is_given_up_of_what_was_read_as_a_whole() -> None:
    again = [scanned(CERT, connector="mes"), needed(CERT)]
    assert unread(*again) == [Unread(CERT, "needed", whole=True)]
    kept = signal("mes/kept", {"tables": [LOT, CERT]})
    assert unread(*again, starting(CERT), in_progress(CERT), kept) == []
    assert unread(needed(CERT), kept) == [Unread(CERT, "needed")]
    # Rows went while nobody looked: what the mirror has is not what it had.
    assert unread(scanned(CERT, connector="mes"), dropped(CERT), needed(CERT), kept) == [
        Unread(CERT, "needed", again=True)
    ]


def test_a_table_that_is_paused_stays_so_until_it_is_needed_again() -> None:
    story = [scanned(CERT, connector="mes"), needed(LOT, CERT), starting(LOT, CERT), in_progress(LOT, CERT)]
    paused = signal("mes/paused", {"tables": [LOT, CERT]})
    story += [scanned(LOT), in_progress(CERT, LOT), scanned(CERT)]
    assert unread(*story, paused) == [Unread(CERT, "paused", whole=True)]  # the other one has been read
    late = (in_progress(CERT), scanned(CERT, "ABORTED"), starting(CERT))
    assert [state.state for state in unread(*story, paused, *late)] == ["paused"]
    assert unread(*story, paused, needed(CERT)) == [Unread(CERT, "needed", whole=True)]
    assert unread(*story, paused, notified("COMPLETED")) == []  # its last row was on its way


def test_a_table_is_begun_when_its_turn_comes() -> None:
    story = [needed(LOT, CERT), starting(LOT, CERT), in_progress(CERT, LOT)]
    begun = {state.table: state.begun_at for state in unread(*story)}
    assert begun == {LOT: None, CERT: datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC)}
    assert [state.begun_at for state in unread(*story, starting(LOT, CERT))] == [None, None]


def test_the_first_snapshot_reads_what_is_needed() -> None:
    assert unread(needed(LOT, CERT), scanned(LOT, connector="mes")) == [Unread(CERT, "needed")]


def test_a_table_that_comes_back_is_read_by_a_new_snapshot_only() -> None:
    story = (needed(CERT), starting(CERT), *read(CERT), dropped(CERT))
    assert unread(*story) == []
    story = (*story, needed(CERT))
    assert [one.state for one in unread(*story, starting(CERT), *read(CERT))] == ["starting"]
    assert unread(*story, scanned(CERT, connector="mes")) == []


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


SLOT = signal("mes/forgotten", {"connector": "mes", "attempt": "1"})


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


def beginning(attempt: str, instead_of: str | None = None, connector: str = "mes") -> Signal:
    return signal("mes/beginning", {"connector": connector, "attempt": attempt, "instead_of": instead_of})


def step(name: str, attempt: str, connector: str = "mes") -> Signal:
    return signal(f"mes/{name}", {"connector": connector, "attempt": attempt})


@pytest.mark.parametrize(
    ("story", "current"),
    [
        ((), None),
        ((beginning("1"),), Attempt("1")),
        ((beginning("1"), beginning("2")), Attempt("1")),
        # The second one has withdrawn, or has come to its end though it was not its turn: that of the first goes on.
        ((beginning("1"), beginning("2"), step("begun", "2")), Attempt("1")),
        ((beginning("1"), step("begun", "1")), None),
        ((beginning("1"), beginning("2"), step("begun", "1")), Attempt("2")),
        # Two want to follow one that has died: the first of them does.
        ((beginning("1"), beginning("2", "1"), beginning("3", "1")), Attempt("2")),
        ((beginning("1"), step("given_up", "1")), Attempt("1", is_given_up=True)),
        ((beginning("1"), step("forgotten", "1")), Attempt("1", has_forgotten=True)),
        # Its snapshot has started: nobody need do it again, whether the end was noted or not.
        ((beginning("1"), step("forgotten", "1"), STARTED), None),
        ((beginning("1"), STARTED), Attempt("1")),
        ((beginning("1", connector="mes-read"),), None),
        ((beginning("1"), step("forgotten", "1"), notified("STARTED")), Attempt("1", has_forgotten=True)),
    ],
)
def test_the_first_attempt_has_its_turn_until_it_ends(story: tuple[Signal, ...], current: Attempt | None) -> None:
    readings = Readings("mes")
    for found in story:
        readings.take(found)
    assert readings.beginning("mes") == current


def test_a_reader_that_skips_has_not_read() -> None:
    story = (needed(CERT), starting(CERT), notified("SKIPPED"))
    assert unread(*story) == [Unread(CERT, "failed", "SKIPPED")]
    assert [str(state) for state in unread(*story, in_progress(CERT))] == [f"{CERT}: reading"]
    # That it has nothing to do any more is no failure.
    assert unread(needed(CERT), starting(CERT), *read(CERT), notified("SKIPPED")) == []


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

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from cdc.change import Record
from cdc.errors import FatalError
from cdc.stream.history import History


def records(*offsets: int, value: bytes = b"as it was") -> list[Record]:
    return [Record(offset, b"key", value) for offset in offsets]


def landed(offset: int) -> Record:
    return records(offset)[0]


def test_the_landed_record_comes_once_more_and_is_not_delivered() -> None:
    history = History("cdc.north")
    assert history.begin(5, landed(4), first=0, end=9) == 4
    # Between them is a hole: the marker of the transaction that brought the landed one.
    assert history.read(records(4, 6, 7)) == records(6, 7)
    assert history.read(records(8)) == records(8)


def test_what_another_worker_read_counts_as_read_here() -> None:
    history = History("cdc.north")
    history.recall(landed(9))
    with pytest.raises(FatalError, match=r"STR-117 .*ends at offset 8, what was read of it ends at 10"):
        history.begin(5, landed(4), first=0, end=8)
    assert history.begin(5, landed(4), first=0, end=12) == 9
    with pytest.raises(FatalError, match=r"STR-117 .*cdc\.north offset 9"):
        history.probe(records(9, value=b"as it is"))


def test_what_was_read_last_counts_whoever_read_it() -> None:
    """The stream went to another worker, which read on, and came back."""
    history = History("cdc.north")
    history.begin(5, landed(4), first=0, end=9)
    history.read(records(4, 5, 6))
    history.recall(landed(5))
    assert history.last == landed(6)
    history.recall(landed(9))
    assert history.begin(7, landed(6), first=0, end=12) == 9
    with pytest.raises(FatalError, match=r"STR-117 .*cdc\.north offset 9"):
        history.probe(records(9, value=b"as it is"))


def test_it_may_come_alone() -> None:
    history = History("cdc.north")
    history.begin(5, landed(4), first=0, end=5)
    assert history.read(records(4)) == []
    assert history.read(records(6)) == records(6)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(records(4, 5, value=b"as it is"), id="another record stands there"),
        pytest.param(records(6, 7), id="no record stands there"),
        pytest.param(records(3, 5), id="the one before and the one behind"),
    ],
)
def test_another_history_stops(found: list[Record]) -> None:
    history = History("cdc.north")
    history.begin(5, landed(4), first=0, end=9)
    with pytest.raises(FatalError, match=r"STR-117 .*cdc\.north offset 4"):
        history.read(found)


def test_a_topic_that_ends_before_the_position_stops() -> None:
    with pytest.raises(FatalError, match=r"STR-117 .*ends at offset 4, what was read of it ends at 5"):
        History("cdc.north").begin(5, landed(4), first=0, end=4)


def test_a_landed_record_that_retention_took_cannot_be_compared_and_that_is_said() -> None:
    history = History("cdc.north")
    with capture_logs() as said:
        assert history.begin(5, landed(4), first=5, end=9) == 5
    assert [(event["event"], event["offset"], event["first"]) for event in said] == [("landed_record_is_gone", 5, 5)]
    assert history.read(records(5, 6)) == records(5, 6)


def test_the_first_reading_of_a_topic_compares_nothing_and_says_nothing() -> None:
    history = History("cdc.north")
    with capture_logs() as said:
        assert history.begin(0, None, first=0, end=0) == 0
    assert said == []
    assert history.read(records(2, 3)) == records(2, 3)


def read_on(history: History, *offsets: int) -> None:
    """Land up to offset 4, and read what stands behind it."""
    history.begin(5, landed(4), first=0, end=offsets[-1] + 1)
    history.read(records(4, *offsets))


def test_what_was_read_and_has_not_landed_is_looked_at_before_anything_is_delivered() -> None:
    history = History("cdc.north")
    read_on(history, 5, 6, 7, 8)
    assert history.begin(6, landed(5), first=0, end=12) == 8
    assert history.is_probing
    assert history.probe(records(8, 9, 10)) == 5
    assert not history.is_probing
    assert history.read(records(5, 6)) == records(6)
    assert history.read(records(7, 8, 9)) == records(7, 8, 9)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(records(8, 9, value=b"as it is"), id="another record stands there"),
        pytest.param(records(9, 10), id="no record stands there"),
    ],
)
def test_another_history_of_what_has_not_landed_stops(found: list[Record]) -> None:
    history = History("cdc.north")
    read_on(history, 5, 6, 7, 8)
    history.begin(6, landed(5), first=0, end=12)
    with pytest.raises(FatalError, match=r"STR-117 .*cdc\.north offset 8"):
        history.probe(found)


def test_a_topic_that_ends_before_what_was_read_stops() -> None:
    history = History("cdc.north")
    read_on(history, 5, 6, 7, 8)
    with pytest.raises(FatalError, match=r"STR-117 .*ends at offset 8, what was read of it ends at 9"):
        history.begin(6, landed(5), first=0, end=8)
    assert history.begin(6, landed(5), first=0, end=9) == 8


def test_nothing_is_probed_where_all_that_was_read_has_landed() -> None:
    history = History("cdc.north")
    read_on(history, 5, 6)
    assert history.begin(7, landed(6), first=0, end=9) == 6
    assert not history.is_probing
    # Another worker went on from there, and gave the stream back.
    assert history.begin(9, landed(8), first=0, end=9) == 8
    assert not history.is_probing


def test_what_was_read_is_probed_also_where_retention_took_the_landed_record() -> None:
    history = History("cdc.north")
    read_on(history, 5, 6, 7)
    assert history.begin(5, landed(4), first=5, end=8) == 7
    assert history.probe(records(7)) == 5
    assert history.read(records(5, 6, 7)) == records(5, 6, 7)


def test_what_retention_took_is_not_probed() -> None:
    """To read on from the position fails, then: the client says that it is not there."""
    history = History("cdc.north")
    read_on(history, 5, 6, 7)
    assert history.begin(5, landed(4), first=8, end=9) == 5
    assert not history.is_probing


def test_a_rewound_reading_forgets_nothing_of_how_far_it_had_come() -> None:
    history = History("cdc.north")
    history.begin(0, None, first=0, end=9)
    history.read(records(0, 1, 2, 3))
    assert history.read(records(1, 2)) == records(1, 2)  # a large transaction is read twice
    assert history.begin(1, landed(0), first=0, end=9) == 3
    with pytest.raises(FatalError, match=r"STR-117 .*cdc\.north offset 3"):
        history.probe(records(4))


def test_an_interrupted_probe_is_taken_again() -> None:
    history = History("cdc.north")
    read_on(history, 5, 6, 7)
    history.begin(5, landed(4), first=0, end=8)
    assert history.begin(5, landed(4), first=0, end=8) == 7
    assert history.is_probing

"""How long a source keeps its log for a connector."""

from __future__ import annotations

from typing import Any

import pytest

from cdc.capture.retained import Retained, of_files, of_slot

MIB = 1024 * 1024
FILES = [{"Log_name": f"binlog.{number:06}", "File_size": 1000} for number in (3, 4, 5)]


def slot(**more: Any) -> dict[str, Any]:
    row = {
        "wal_status": "reserved",
        "safe_wal_size": 600 * MIB,
        "kept": 5,
        "written": 1000.0 * MIB,
        "seconds": 10_000.0,
    }
    return row | more


def test_a_slot_lasts_as_long_as_the_server_writes_what_is_left() -> None:
    assert of_slot(slot(), has_place=True) == Retained(5, 6000.0, "max_slot_wal_keep_size, 600 MiB to go")


@pytest.mark.parametrize(
    ("row", "left_s", "limit"),
    [
        (None, None, "there is no slot"),
        (slot(wal_status="lost", safe_wal_size=None), 0.0, "lost its place"),
        (slot(safe_wal_size=None), None, "until the disk is full"),
        (slot(written=0.0), None, "to go"),
        (slot(seconds=60.0), None, "to go"),
    ],
)
def test_a_slot_of_which_nobody_knows(row: dict[str, Any] | None, left_s: float | None, limit: str) -> None:
    found = of_slot(row, has_place=False)
    assert found.left_s == left_s
    assert limit in found.limit


def test_a_slot_that_is_gone_has_taken_a_recorded_place_with_it() -> None:
    assert of_slot(None, has_place=True) == Retained(None, 0.0, "the slot is gone")


def test_binary_logs_last_until_they_are_too_old() -> None:
    found = of_files(FILES, 86_400.0, {"file": "binlog.000004", "pos": 400}, 3600.0)
    assert found == Retained(1600, 82_800.0, "binary logs are kept for 1 days")


def test_a_file_that_is_too_old_and_still_there_has_the_place_until_the_server_begins_another() -> None:
    found = of_files(FILES, 86_400.0, {"file": "binlog.000004", "pos": 400}, 90_000.0)
    assert (
        found.limit == "binlog.000004 may be older than 1 days: then it is purged when the server begins another file"
    )
    assert found.bytes == 1600
    assert found.left_s is not None
    assert 0 < found.left_s < 60


@pytest.mark.parametrize("age_s", [3600.0, 80_000.0, 90_000.0])
def test_the_file_that_is_written_to_does_not_age(age_s: float) -> None:
    found = of_files(FILES, 86_400.0, {"file": "binlog.000005", "pos": 4}, age_s)
    assert found == Retained(996, None, "binlog.000005 is being written to: it is not purged")


@pytest.mark.parametrize(
    ("place", "expiry_s", "found"),
    [
        ({}, 86_400.0, Retained(None, None, "the connector has no place yet")),
        ({"file": "binlog.000002", "pos": 4}, 86_400.0, Retained(None, 0.0, "binlog.000002 is purged")),
        (
            {"file": "binlog.000005", "pos": 4},
            None,
            Retained(996, None, "binary logs do not expire: until the disk is full"),
        ),
    ],
)
def test_binary_logs_of_which_nobody_knows(place: dict[str, Any], expiry_s: float | None, found: Retained) -> None:
    assert of_files(FILES, expiry_s, place, 0.0) == found

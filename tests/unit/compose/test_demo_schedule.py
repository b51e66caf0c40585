from __future__ import annotations

from itertools import pairwise

import pytest

from compose.demo.schedule import plan


@pytest.mark.parametrize(("seconds", "kills"), [(60, 2), (180, 10), (20, 1), (300, 7), (60, 0)])
def test_kills_fall_into_busy_windows_and_quiet_windows_into_neither(seconds: float, kills: int) -> None:
    schedule = plan(seconds, kills)
    assert len(schedule.kills) == kills
    for kill in schedule.kills:
        assert any(kill.at in window for window in schedule.busy)
        assert not any(kill.at in window for window in schedule.quiet)
    ordered = sorted((*schedule.quiet, *schedule.busy), key=lambda window: window.start)
    assert all(before.end <= after.start for before, after in pairwise(ordered))
    assert ordered[0].start >= 0
    assert ordered[-1].end <= seconds


def test_quiet_windows_of_a_minute_at_fifty_a_second_have_room_for_the_probes() -> None:
    schedule = plan(60, 2)
    assert sum(window.end - window.start for window in schedule.quiet) * 50 > 1000


def test_two_kills_hit_both_workers_at_once() -> None:
    first, second = plan(60, 2).kills
    assert first.at == second.at
    assert {first.worker, second.worker} == {"land", "derive"}


def test_more_kills_take_turns_and_never_come_together() -> None:
    kills = plan(180, 10).kills
    assert [kill.worker for kill in kills[:4]] == ["land", "derive", "land", "derive"]
    assert all(before.at < after.at for before, after in pairwise(kills))

from __future__ import annotations

from itertools import pairwise

import pytest

from compose.demo.fault import ACTS
from compose.demo.schedule import FAULTS, plan, plan_chaos
from compose.local.env import environment
from compose.local.stack import Stack


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


def test_the_same_seed_makes_the_same_chaos_and_another_one_another() -> None:
    assert plan_chaos(120, 7) == plan_chaos(120, 7)
    assert plan_chaos(120, 7).faults != plan_chaos(120, 8).faults


@pytest.mark.parametrize("seed", range(50))
@pytest.mark.parametrize("seconds", [60, 120, 180, 600])
def test_faults_come_one_after_the_other_and_never_in_a_quiet_window(seconds: float, seed: int) -> None:
    schedule = plan_chaos(seconds, seed)
    (quiet,), (busy,) = schedule.quiet, schedule.busy
    assert quiet.end <= busy.start
    assert busy.end < seconds
    assert schedule.faults
    for before, after in pairwise(schedule.faults):
        assert before.at + FAULTS[before.kind] + before.hold_s < after.at
    for fault in schedule.faults:
        assert fault.at in busy
        assert fault.at + FAULTS[fault.kind] + fault.hold_s <= busy.end + 0.1
        assert bool(fault.hold_s) == fault.kind.startswith("freeze")
    kinds = [fault.kind for fault in schedule.faults]
    assert len(set(kinds[: len(FAULTS)])) == min(len(kinds), len(FAULTS))


def test_three_minutes_have_room_for_every_kind_of_fault() -> None:
    for seed in range(50):
        assert {fault.kind for fault in plan_chaos(180, seed).faults} == FAULTS.keys()


def test_every_kind_of_fault_has_an_act_and_something_to_act_on() -> None:
    known = {"land", "derive", *Stack(environment({})).services()}
    for kind in FAULTS:
        what, whom = kind.split(" ")
        assert what in ACTS
        assert whom in known
    assert {kind.split(" ")[0] for kind in FAULTS} == ACTS.keys()


def test_some_freezes_are_longer_than_the_group_waits_for_a_member_and_some_are_not() -> None:
    holds = [
        fault.hold_s for seed in range(50) for fault in plan_chaos(180, seed).faults if fault.kind == "freeze land"
    ]
    assert min(holds) < 6 < max(holds)

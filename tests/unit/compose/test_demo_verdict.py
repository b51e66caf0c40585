from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from compose.compare.result import Result
from compose.demo.freshness import Freshness
from compose.demo.kill import Kill
from compose.demo.verdict import ChaosRecord, Outcome

_LEDGER = {"captured": 10, "landed": 5, "superseded": 1, "filtered": 0, "replayed": 0, "refused": 0, "control": 4}
_FRESH = Freshness(600, 40.0, 90.0, 550, 30.0, 80.0, 900, 45.0, 4000.0, 0, 9000, 2)
_HIT, _MISSED = Kill("land", 1, 30.0, "idle in transaction"), Kill("derive", 2, 30.0, None)
_PASSED = Outcome(
    comparison=Result(mirror_rows=3, canonical_rows=2, held=1, compared_rows=6, ledger=_LEDGER),
    freshness=_FRESH,
    actions={"receive": 3},
    missing_actions=[],
    kills=[_HIT, _MISSED],
    planned_kills=2,
    holds=4,
    releases=3,
    pss_by_minute_mib=[88.9, 88.1],
    seconds=60.0,
    start_seconds=9.0,
    drain_seconds=1.0,
    transactions=3000,
    rate=50.0,
)


def test_the_last_line_has_every_figure_and_its_fates_add_up() -> None:
    document = json.loads(_PASSED.to_json())
    assert document["result"] == "passed"
    assert document["failures"] == []
    fates = ("landed", "superseded", "filtered", "replayed", "refused", "control")
    assert document["captured"] == sum(document[fate] for fate in fates)
    assert {"mirror_rows", "canonical_rows", "held", "compared_rows", "mismatches", "p50_ms", "p99_ms"} <= set(document)
    assert {"probes", "worker_pss_mib", "seconds"} <= set(document)
    assert (document["kills"], document["kills_in_transaction"]) == (2, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"comparison": dataclasses.replace(_PASSED.comparison, mismatches=1)},
        {"comparison": dataclasses.replace(_PASSED.comparison, ledger=_LEDGER | {"landed": 6})},
        {"missing_actions": ["ship"]},
        {"holds": 0},
        {"releases": 0},
        {"freshness": dataclasses.replace(_FRESH, probes=499)},
        {"kills": []},
        {"planned_kills": 10, "kills": [_HIT] * 4 + [_MISSED] * 6},
        {"faults": ["the service ended"]},
        {"chaos": ChaosRecord(1, 9, ["kill land"] * 4, 0)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_does_not_hold_fails_the_run(change: dict[str, Any]) -> None:
    outcome = dataclasses.replace(_PASSED, **change)
    assert len(outcome.failures()) == 1
    assert json.loads(outcome.to_json())["result"] == "failed"


def test_half_of_many_kills_in_open_transactions_are_enough() -> None:
    outcome = dataclasses.replace(_PASSED, planned_kills=10, kills=[_HIT] * 5 + [_MISSED] * 5)
    assert outcome.failures() == []


def test_freshness_is_shown_beside_what_is_aimed_at() -> None:
    assert "NOT MET" not in _PASSED.freshness_line()
    slow = dataclasses.replace(_PASSED, freshness=dataclasses.replace(_FRESH, p99_ms=501.0))
    assert slow.freshness_line().endswith("NOT MET in this run")
    never = dataclasses.replace(_PASSED, freshness=dataclasses.replace(_FRESH, p99_ms=None))
    assert "p99 never" in never.freshness_line()
    assert never.freshness_line().endswith("NOT MET in this run")


def test_a_chaotic_run_is_not_judged_by_its_probes_and_says_what_went_wrong() -> None:
    fresh = dataclasses.replace(_FRESH, probes=3)
    chaotic = dataclasses.replace(_PASSED, freshness=fresh, chaos=ChaosRecord(7, 2, ["kill land", "abort mes"], 1))
    assert chaotic.failures() == []
    assert json.loads(chaotic.to_json())["chaos"] == {
        "seed": 7,
        "planned": 2,
        "done": ["kill land", "abort mes"],
        "fenced": 1,
    }
    assert json.loads(_PASSED.to_json())["chaos"] is None
    assert dataclasses.replace(chaotic, chaos=None).failures() != []

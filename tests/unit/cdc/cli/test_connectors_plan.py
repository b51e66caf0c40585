from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from cdc.capture.plan.plan import FORMAT, PlanFile, write_plans
from cdc.cli.connectors.apply import _agreed
from cdc.cli.connectors.plan import argument_of


def test_the_hint_of_a_plan_is_taken_for_that_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for file in (Path("plan"), Path("plan.json"), tmp_path / "plan", Path("my plan.json")):
        write_plans(file, PlanFile(FORMAT, "cluster", [], []))
        argument = argument_of(file)
        assert _agreed(shlex.split(argument)) is not None, argument
    assert argument_of(Path("my plan.json")) == "'my plan.json'"
    assert _agreed(["plan"]) is None  # that is a source

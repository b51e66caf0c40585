"""`cdc connectors plan`, without a Kafka Connect: what it writes, and what it does where a source cannot be planned."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from cdc.capture.plan.plan import FORMAT, Plan, PlanFile, Step, write_plans
from cdc.capture.source import Source
from cdc.cli.connectors.apply import _agreed
from cdc.cli.connectors.plan import argument_of
from cdc.cli.main import execute
from cdc.errors import FatalError
from tests.unit.cdc.cli.conftest import FILE, SETTINGS


@pytest.fixture
def unfinished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Sources `erp` and `mes`, each with a step to do; those that somebody adds here lack a contract."""
    lacking: set[str] = set()

    def render(source: Source, _: object) -> dict[str, str]:
        if source.name in lacking:
            raise FatalError("LND-102", f"{source.name}.lot")
        return {}

    def plan(source: Source, *_: object, **__: object) -> Plan:
        return Plan(source.name, "", "", "none", [], [Step("create the connector")], [])

    def strays(_: object, known: Iterable[str]) -> list[str]:
        assert sorted(known) == ["erp", "mes"]
        return []

    module = import_module("cdc.cli.connectors.plan")  # of that name there is the command, too
    monkeypatch.setattr(module, "Connect", lambda _: nullcontext(SimpleNamespace(cluster=lambda: "cluster")))
    for name, instead in (("rendered", render), ("plan_source", plan), ("strays", strays)):
        monkeypatch.setattr(module, name, instead)
    (tmp_path / "connector-configs").mkdir()
    (tmp_path / "cdc.yaml").write_text(SETTINGS)
    for name in ("erp", "mes"):
        (tmp_path / "connector-configs" / f"{name}.yaml").write_text(FILE)
    monkeypatch.setenv("CDC_CONFIG", str(tmp_path / "cdc.yaml"))
    monkeypatch.setenv("PASSWORD", "secret")
    return lacking


def test_a_source_that_is_not_finished_does_not_hide_the_others(
    unfinished: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    unfinished.add("erp")
    assert execute(["connectors", "plan", "--json"]) == 1
    told = capsys.readouterr()
    assert [plan["source"] for plan in json.loads(told.out)["plans"]] == ["mes"]
    assert told.err.startswith("erp: LND-102 ")
    assert execute(["connectors", "plan"]) == 1
    told = capsys.readouterr()
    assert "create the connector" in told.out
    assert "next: cdc connectors apply mes" in told.err
    assert execute(["connectors", "plan", "erp"]) == 1
    assert execute(["connectors", "plan", "mes"]) == 3


def test_a_plan_that_lacks_a_source_is_not_written(
    unfinished: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unfinished.add("erp")
    file = tmp_path / "plan.json"
    assert execute(["connectors", "plan", "--out", str(file)]) == 1
    told = capsys.readouterr().err
    assert "erp: LND-102 " in told
    assert f"{file} is not written: it would lack erp" in told
    assert "next: cdc" not in told
    assert not file.exists()


@pytest.mark.usefixtures("unfinished")
def test_a_file_that_cannot_be_written_is_a_matter_of_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "away" / "plan.json"
    assert execute(["connectors", "plan", "--out", str(file)]) == 2
    shown = "".join(capsys.readouterr().err.replace("│", "").split())
    assert f"{file}cannotbewritten:Nosuchfileordirectory" in shown
    assert "--out" in shown


def test_the_hint_of_a_plan_is_taken_for_that_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for file in (Path("plan"), Path("plan.json"), tmp_path / "plan", Path("my plan.json")):
        write_plans(file, PlanFile(FORMAT, "cluster", [], []))
        argument = argument_of(file)
        assert _agreed(shlex.split(argument)) is not None, argument
    assert argument_of(Path("my plan.json")) == "'my plan.json'"
    assert _agreed(["plan"]) is None  # that is a source

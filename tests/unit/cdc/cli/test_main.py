from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cdc.cli.failure import report
from cdc.cli.main import execute
from cdc.errors import FatalError


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CDC_CONFIG", raising=False)


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["--version"]) == 0
    assert re.fullmatch(r"cdc \d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_names_every_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(arguments) == (0 if arguments else 2)
    shown = capsys.readouterr().out
    for name in (
        "run",
        "land",
        "derive",
        "check",
        "status",
        "connectors",
        "source",
        "target",
        "held",
        "dictionary",
        "code",
        "runbook",
    ):
        assert re.search(rf"\b{name}\b", shown)


def test_an_unknown_command_suggests_a_near_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["statos"]) == 2
    assert "Did you mean 'status'?" in capsys.readouterr().err


NOUNS = ["run", "land", "derive", "check", "status", "connectors", "source", "target", "held", "dictionary"]


@pytest.mark.parametrize("name", NOUNS)
def test_every_command_has_a_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute([name, "--help"]) == 0
    assert "Usage: cdc" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command", [["status"], ["target", "apply"], ["held", "list"], ["run"], ["land"], ["dictionary", "check"]]
)
def test_without_settings_a_command_says_how_to_name_them(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(command) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "CFG-101" in shown.err
    assert "--config FILE" in shown.err


def test_the_option_wins_over_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one.yaml", "two.yaml"):
        (tmp_path / name).write_text("wrong: 1\n")
    monkeypatch.setenv("CDC_CONFIG", str(tmp_path / "one.yaml"))
    execute(["--config", str(tmp_path / "two.yaml"), "status"])
    assert "two.yaml:1: wrong is not a setting" in capsys.readouterr().err


def test_shell_completion_knows_nouns_and_verbs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_CDC_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "cdc held l")
    monkeypatch.setenv("COMP_CWORD", "2")
    execute([])
    assert capsys.readouterr().out.split() == ["list"]


def test_a_code_is_explained_in_words_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["code", "tgt-102"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("TGT-102 target database refuses the login\n")
    assert "next:" in shown
    assert execute(["code", "TGT-102", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    told = ["code", "catalogue", "kind", "title", "cause", "action", "title_zh", "owner", "stops", "page"]
    assert list(document) == told
    assert (document["catalogue"], document["kind"]) == ("service", "fatal")
    assert (document["title_zh"], document["owner"]) == (None, None)


def test_a_code_of_the_dictionary_is_explained_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["code", "UDI-101", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["catalogue"], document["owner"]) == ("dictionary", "regulatory")
    assert (document["title"], document["title_zh"]) == ("The check digit of a GTIN is wrong", "GTIN 校验位错误")
    assert execute(["code", "UDI-101"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("UDI-101 The check digit of a GTIN is wrong (GTIN 校验位错误)\n")
    assert "  owner: regulatory\n" in shown


@pytest.mark.parametrize("code", ["SRC-101", "SRC-122", "SRC-127", "SRC-130"])
def test_a_line_of_a_connector_file_that_is_wrong_is_a_matter_of_usage(code: str) -> None:
    assert report(FatalError(code, "a table")) == 2


def test_an_unknown_code_suggests_near_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["code", "TGT-10"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.fullmatch(r"No code TGT-10\. Near: (TGT-\d{3}(, )?){3}\.\n", shown.err)


def test_a_fault_of_the_program_shows_its_place_and_no_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> None:
        raise ValueError("cell-value")

    monkeypatch.setattr("cdc.cli.code.explanations", fails)
    assert execute(["code", "TGT-102"]) == 1
    shown = capsys.readouterr().err
    assert "APP-101 the program has a fault: ValueError" in shown
    assert "at cdc/cli/code.py:" in shown
    assert "cell-value" not in shown

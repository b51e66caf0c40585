"""A page for each code that stops something, and no page without such a code; what shows the pages."""

from __future__ import annotations

import fnmatch
import json
import re
import tomllib
from pathlib import Path

import pytest

from cdc import runbook
from cdc.cli.main import execute
from cdc.errors import catalogue
from compose.local.env import REPO
from transforms.load import load

FOLDER = REPO / "runbooks"
OF_CODES = sorted(FOLDER.glob("[A-Z][A-Z][A-Z]-[0-9][0-9][0-9].md"))
STOPPING = [entry for entry in catalogue().values() if runbook.has_page(entry.code)]
HOW = 'runbooks/README.md, "A new code", says how'
# They are told and stop nothing: the port is waited for, the gap was made up for before, another worker derives, or the
# one whose dictionary is in force does, and heads are published later.
GO_ON = {"OBS-101", "STR-121", "DRV-105", "DRV-110", "EVD-121"}


def test_every_code_says_what_it_stops() -> None:
    wrong = {
        entry.code: entry.stops
        for entry in catalogue().values()
        if (entry.stops not in runbook.STOPS if entry.kind != "row" else entry.stops is not None)
    }
    assert wrong == {}, HOW


def test_a_code_with_which_something_ends_or_waits_stops_something() -> None:
    """However it is raised: a code has to be in the catalogue for that, by its kind."""
    raised = [entry for entry in catalogue().values() if entry.kind in ("fatal", "transient")]
    assert {entry.code for entry in raised if not runbook.has_page(entry.code)} == GO_ON, HOW


def test_what_preflight_finds_stands_on_the_page_of_a_source_that_is_not_ready() -> None:
    """Nothing ends with such a code: the command has done what it is for, and there is no stream yet."""
    severities = {"refuse": "refuse", "warn": "warning", "note": "note"}
    found = [entry for entry in catalogue().values() if entry.kind in severities]
    assert {entry.stops for entry in found} == {runbook.NOTHING}
    assert {runbook.page_name(entry.code) for entry in found} == {"source-not-ready"}
    page = runbook.read("source-not-ready").text
    shown = re.findall(r"^\| ([A-Z]{3}-\d{3} \| \w+ \| .*) \|$", page, re.MULTILINE)
    assert shown == [f"{entry.code} | {severities[entry.kind]} | {entry.title}" for entry in found]


def test_no_stopping_code_is_without_a_page_and_no_page_without_a_code() -> None:
    pages = {path.stem for path in OF_CODES}
    codes = {entry.code for entry in STOPPING}
    assert (sorted(codes - pages), sorted(pages - codes)) == ([], []), HOW


@pytest.mark.parametrize("path", OF_CODES, ids=lambda path: path.stem)
def test_a_page_of_a_code_has_its_title_and_commands_to_confirm_and_verify(path: Path) -> None:
    page = runbook.read(path.stem)
    assert page.text.startswith(f"# {path.stem}: {catalogue()[path.stem].title}\n"), HOW
    assert list(page.parts) == list(runbook.PARTS)
    for part in ("Confirm", "Verify"):
        assert re.search(r"^\s*```", page.parts[part], re.MULTILINE), f"{part} has no command"


def test_the_index_by_code_has_every_page() -> None:
    shown = re.findall(r"^\| \[.*", (FOLDER / "codes.md").read_text(encoding="utf-8"), re.MULTILINE)
    wanted = [f"| [{one.code}]({one.code}.md) | {one.stops} | {one.title} |" for one in STOPPING]
    assert sorted(set(wanted) - set(shown)) == [], "these lines are missing in runbooks/codes.md"
    assert shown == sorted(wanted)


def test_the_story_of_each_prefix_is_that_of_the_index() -> None:
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^\| ([A-Z]{3}) \|.*\]\((\S+)\.md\) \|$", index, re.MULTILINE))
    assert dict(runbook.STORIES) == shown


def test_every_code_of_both_catalogues_leads_to_a_page() -> None:
    for code in (*catalogue(), *load().errors):
        assert (FOLDER / f"{runbook.page_name(code)}.md").is_file(), code


def test_pages_are_part_of_an_installed_package() -> None:
    setuptools = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert any(fnmatch.fnmatch("runbooks", pattern) for pattern in setuptools["packages"]["find"]["include"])
    patterns = setuptools["package-data"]["runbooks"]
    left_out = [path.name for path in FOLDER.iterdir() if not any(path.match(pattern) for pattern in patterns)]
    assert left_out == []


def test_the_list_has_symptoms_and_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["runbook", "list"]) == 0
    shown = capsys.readouterr().out
    assert "stream-stopped\tA stream is not landed\n" in shown
    assert "STR-102\tservice\ta source transaction is not whole\n" in shown
    assert execute(["runbook", "list", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [one["code"] for one in document["codes"]] == sorted(entry.code for entry in STOPPING)
    assert {"page": "held-rows", "title": "A row is held"} in document["symptoms"]
    assert {one["page"] for one in document["symptoms"]}.isdisjoint({"README", "codes"})


def test_a_page_is_shown_as_it_is_and_in_parts(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["runbook", "show", "str-102"]) == 0
    assert capsys.readouterr() == ((FOLDER / "STR-102.md").read_text(encoding="utf-8"), "")
    assert execute(["runbook", "show", "STR-102", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["name", "page", "stops", "title", "meaning", "impact", "confirm", "act", "verify"]
    assert (document["name"], document["page"], document["stops"]) == ("STR-102", "STR-102", "service")
    assert document["title"] == "a source transaction is not whole"
    assert "cdc stream resnapshot SOURCE" in document["act"]


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("VAL-101", "refused-change"),
        ("OBS-101", "not-starting"),
        ("SRC-303", "source-not-ready"),
        ("SRC-332", "source-not-ready"),
        ("DRV-201", "held-rows"),
        ("UDI-101", "held-rows"),
        ("stream-stopped", "stream-stopped"),
    ],
)
def test_what_has_no_page_of_its_own_is_told_by_symptom(
    name: str, page: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CDC_CONFIG", raising=False)
    assert execute(["runbook", "show", name, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["name"], document["page"], document["stops"]) == (
        name,
        page,
        "nothing" if name in ("OBS-101", "SRC-303", "SRC-332") else None,
    )


@pytest.mark.parametrize(("name", "near"), [("STR-10", r"STR-\d{3}, "), ("strem-stoped", "stream-stopped")])
def test_an_unknown_page_suggests_near_ones(name: str, near: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["runbook", "show", name]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.match(rf"No runbook {name}\. Near: {near}", shown.err)


def test_a_code_names_its_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["code", "TGT-102"]) == 0
    shown = capsys.readouterr().out
    assert "  page:  runbooks/TGT-102.md (`cdc runbook show TGT-102`)\n" in shown
    assert "  stops: `cdc run` ends, does not start, or all its workers wait\n" in shown
    assert execute(["code", "UDI-101", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["page"], document["stops"]) == ("held-rows", None)


@pytest.mark.parametrize(("word", "completed"), [("str-10", "str-101"), ("STR-12", "STR-120"), ("wrong", "wrong-rows")])
def test_shell_completion_knows_pages(
    word: str, completed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_CDC_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"cdc runbook show {word}")
    monkeypatch.setenv("COMP_CWORD", "3")
    execute([])
    assert completed in capsys.readouterr().out.split()

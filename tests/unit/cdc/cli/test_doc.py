"""`cdc dictionary doc`: the page and the same as data, of what ships and of folders with faults."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cdc.cli.main import execute
from compose.local.env import REPO
from transforms.load import load

DEMO = REPO / "compose" / "dictionary"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CDC_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_page_of_the_demo_is_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["dictionary", "doc", str(DEMO)]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "dictionary.html: demo 1 (approved)" in shown.err
    assert "Signatures were not looked at: CFG-101" in shown.err
    assert [path.name for path in tmp_path.iterdir()] == ["dictionary.html"]
    page = (tmp_path / "dictionary.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert load(DEMO).digest in page


def test_the_same_as_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["dictionary", "doc", str(DEMO), "--json"]) == 0
    printed = capsys.readouterr().out
    document = json.loads(printed)
    assert (document["dictionary"], document["digest"], document["standing"]) == ("demo", load(DEMO).digest, None)
    assert list(tmp_path.iterdir()) == []
    assert execute(["dictionary", "doc", str(DEMO), "--json", "--output", "page.json"]) == 0
    assert json.loads((tmp_path / "page.json").read_text(encoding="utf-8")) == document


def test_a_folder_with_faults_has_no_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "faulty").mkdir()
    (tmp_path / "faulty" / "dictionary.yaml").write_text("dictionary: d\nversion: 1\nstatus: drft\n")
    assert execute(["dictionary", "doc", "faulty"]) == 2
    assert "DIC-105" in capsys.readouterr().err
    assert not (tmp_path / "dictionary.html").exists()


def test_where_the_page_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["dictionary", "doc", str(DEMO), "--output", str(tmp_path / "no" / "page.html")]) == 2
    assert "cannot be written" in capsys.readouterr().err

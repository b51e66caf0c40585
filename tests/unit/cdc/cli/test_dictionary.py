"""`cdc dictionary` on folders: no database, no settings."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from cdc.cli.main import execute
from transforms.load import PACKAGED, load

LOT = Path("mappings") / "mes.mes_lot.yaml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the packaged dictionary that a test changes."""
    monkeypatch.delenv("CDC_CONFIG", raising=False)
    return Path(shutil.copytree(PACKAGED, tmp_path / "dictionary"))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_check_of_a_good_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["dictionary", "check", str(folder)]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("No fault in med-device-core ")
    assert execute(["dictionary", "check", str(folder), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["ok"], document["digest"], document["faults"]) == (True, load().digest, [])


def test_check_prints_every_fault_with_its_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(folder / LOT, "manufacture_date: mfg_date", "manufacture_date: mfg_dat")
    change(folder / "dictionary.yaml", "status: draft", "status: drft")
    assert execute(["dictionary", "check", str(folder)]) == 2
    shown = capsys.readouterr()
    assert re.search(r"^dictionary.yaml:3:9 DIC-105 ", shown.out, re.MULTILINE)
    assert re.search(r"^mappings/mes.mes_lot.yaml:\d+:\d+ DIC-122 .*did you mean `mfg_date`", shown.out, re.MULTILINE)
    assert "cdc code CODE" in shown.err
    assert execute(["dictionary", "check", str(folder), "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert (document["ok"], document["digest"]) == (False, None)
    assert {(fault["file"], fault["code"]) for fault in document["faults"]} == {
        ("dictionary.yaml", "DIC-105"),
        (LOT.as_posix(), "DIC-122"),
    }


def test_test_runs_all_examples(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["dictionary", "test", str(folder), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["examples", "failed", "failures", "unreached"]
    assert document["examples"] == load().examples
    assert (document["failed"], document["failures"], document["unreached"]) == (0, [], [])


def test_test_shows_what_came_out_otherwise(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(folder / "codesets" / "lot_status.yaml", 'code: "OK", to: RELEASED', 'code: "OK", to: BLOCKED')
    assert execute(["dictionary", "test", str(folder)]) == 3
    shown = capsys.readouterr()
    assert re.search(r"^mappings/mes.mes_lot.yaml:\d+:5 mes.mes_lot: a released lot$", shown.out, re.MULTILINE)
    assert "    status is 'BLOCKED', expected 'RELEASED'\n" in shown.out
    assert execute(["dictionary", "test", str(folder), "--json"]) == 3
    document = json.loads(capsys.readouterr().out)
    assert document["failed"] == len(document["failures"]) == 1
    assert document["failures"][0]["diff"] == ["status is 'BLOCKED', expected 'RELEASED'"]


def test_test_names_what_no_example_reaches(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gone = '  - {name: quantity too large, like: a released lot, in: {qty: "10000000000000.0000"}, refused: NUM-101}\n'
    change(folder / LOT, gone, "")
    assert execute(["dictionary", "test", str(folder)]) == 4
    assert "mes.mes_lot: no example reaches NUM-101 quantity\n" in capsys.readouterr().out


def test_test_of_what_does_not_compile_is_a_usage_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(folder / LOT, "manufacture_date: mfg_date", "manufacture_date: mfg_dat")
    assert execute(["dictionary", "test", str(folder)]) == 2
    assert "DIC-122" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["dictionary", "check", "nowhere-at-all"]) == 2
    assert "nowhere-at-all:1:1 DIC-113 no such folder\n" in capsys.readouterr().out


def test_layers_shows_what_overrides_what(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header = (
        'dictionary: plant\nversion: "1"\nstatus: draft\nextends: med-device-core\nwithout: [mappings/mes.mes_sn]\n'
    )
    (tmp_path / "plant" / "codesets").mkdir(parents=True)
    (tmp_path / "plant" / "dictionary.yaml").write_text(header)
    shutil.copy(folder / "codesets" / "country.yaml", tmp_path / "plant" / "codesets")
    assert execute(["dictionary", "layers", str(tmp_path / "plant")]) == 0
    shown = capsys.readouterr()
    lines = [line.split("\t") for line in shown.out.splitlines()]
    assert lines[0] == ["kind", "name", "layer", "overrides", "where"]
    assert ["codesets", "country", "plant", "med-device-core", "codesets/country.yaml:1"] in lines
    gone = ["mappings", "mes.mes_sn", "left out", "-", "med-device-core/mappings/mes.mes_sn.yaml:1"]
    assert gone in lines
    assert "1 of plant; 1 override another; 1 left out." in shown.err
    assert execute(["dictionary", "layers", str(tmp_path / "plant"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["left_out"] == [
        {"kind": "mappings", "name": "mes.mes_sn", "file": "med-device-core/mappings/mes.mes_sn.yaml", "line": 1}
    ]
    assert len(document["entries"]) + 2 == len(lines)


def test_diff_says_what_changed_and_what_it_touches(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["dictionary", "diff", str(PACKAGED), str(folder)]) == 0
    assert capsys.readouterr().err == "No change.\n"
    change(folder / "codesets" / "lot_status.yaml", 'code: "OK", to: RELEASED', 'code: "OK", to: BLOCKED')
    assert execute(["dictionary", "diff", str(PACKAGED), str(folder)]) == 3  # its examples fail, and that is no matter
    shown = capsys.readouterr()
    line = "codesets\tlot_status\tsynonym mes 'OK' RELEASED -> BLOCKED\ttrace.material_lot.status"
    assert shown.out.splitlines()[1:] == [line]
    assert shown.err == "1 change; 1 canonical column can come out otherwise.\n"
    assert execute(["dictionary", "diff", str(PACKAGED), str(folder), "--json"]) == 3
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["old", "new", "changes"]
    assert document["old"]["digest"] == load().digest != document["new"]["digest"]
    assert document["changes"][0]["affects"] == ["trace.material_lot.status"]


def test_diff_of_what_is_not_there_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["dictionary", "diff", "nowhere-at-all", str(PACKAGED)]) == 2
    assert "DIC-113 no such folder" in capsys.readouterr().err


@pytest.mark.parametrize("column", ["trace.stock_movement.quantity", "stock_movement.quantity"])
def test_explain_leads_back_to_the_source(column: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["dictionary", "explain", column, str(PACKAGED)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(
        "trace.stock_movement.quantity\n"
        "  erp.ICStockBillEntry: TO_UNIT(FAuxQty, uom.FName, base.FName, pack.FCoefficient)"
    )
    assert "erp.t_MeasureUnit.FName\n" in shown
    assert "where head.FCancellation = 0" in shown
    assert execute(["dictionary", "explain", column, str(PACKAGED), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["column"], document["fold"]) == ("trace.stock_movement.quantity", None)
    (origin,) = document["origins"]
    assert (origin["field"], origin["type"]) == ("quantity", "decimal")
    assert "erp.ICStockBillEntry.FAuxQty" in origin["reads"]


def test_explain_of_an_unknown_column_suggests_a_near_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["dictionary", "explain", "stock_movement.quantit", str(PACKAGED)]) == 2
    assert "stock_movement.quantity" in capsys.readouterr().err


def test_explain_of_a_folded_column_shows_every_contribution(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["dictionary", "explain", "material_lot.expiry_date", str(PACKAGED), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["fold"] == "take first"
    assert [origin["mapping"] for origin in document["origins"]] == ["erp.ICStockBillEntry", "mes.mes_lot"]


def test_schema_of_one_kind_and_of_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["dictionary", "schema", "--kind", "mapping"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "lookups" in shown["properties"]
    assert execute(["dictionary", "schema", "--output", str(tmp_path / "schemas")]) == 0
    assert "mapping.schema.json\tmappings/*.yaml" in capsys.readouterr().out
    files = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in (tmp_path / "schemas").iterdir()}
    assert files["mapping.schema.json"] == shown
    assert len(files) == 8


@pytest.mark.parametrize("arguments", [[], ["--kind", "mapping", "--output", "x"], ["--kind", "mappings"]])
def test_schema_of_nothing_in_particular_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["dictionary", "schema", *arguments]) == 2
    assert "Usage: cdc dictionary schema" in capsys.readouterr().err


def test_where_the_schemas_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s").write_text("a file where a folder has to be")
    assert execute(["dictionary", "schema", "--output", str(tmp_path / "s" / "t")]) == 2
    said = "".join(capsys.readouterr().err.split())
    assert "cannotbewritten" in said.replace("│", "")

"""`cdc dictionary scaffold` without a target: what stands in the files, and when it refuses."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from cdc.cli.main import execute
from compose.local.env import REPO
from transforms.load import PACKAGED, read

SETTINGS = """\
target: {host: 127.0.0.1, port: 9, database: none, user: none, password: "${env:TARGET_PASSWORD}"}
kafka: {bootstrap: "127.0.0.1:9"}
connect: {url: "http://127.0.0.1:9"}
folders: {connector_configs: connector-configs, dictionary: dictionary}
"""
HOSTILE = {
    "mirror": "plm.odd table",
    "source_table": "public.odd table",
    "key": ["no 1"],
    "key_origin": "primary",
    "columns": [
        {"name": name, "type": kind, "mirror_type": kind, "decoder": decoder, "nullable": True}
        for name, kind, decoder in (
            ("no 1", "text", "text"),
            ('批号"; DROP', "text", "text"),
            ("order", "integer", "int"),
            ("- # {}", "text", "text"),
            ("null", "date", "date"),
            ("it's", "numeric(10,2)", "decimal"),
            ("elapsed", "interval", "interval"),
        )
    ],
}


SMALL = REPO / "tests" / "scaffold"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A deployment's folder: settings, the tests' small dictionary, the repository's connector files."""
    shutil.copytree(REPO / "connector-configs", tmp_path / "connector-configs")
    shutil.copytree(SMALL, tmp_path / "dictionary")
    (tmp_path / "cdc.yaml").write_text(SETTINGS, encoding="utf-8")
    monkeypatch.setenv("CDC_CONFIG", str(tmp_path / "cdc.yaml"))
    monkeypatch.setenv("TARGET_PASSWORD", "none")
    for source in ("ERP", "MES"):
        for name, value in {"HOST": "127.0.0.1", "PORT": "9", "USER": "nobody", "PASSWORD": "secret"}.items():
            monkeypatch.setenv(f"CDC_{source}_{name}", value)
    return tmp_path


def scaffold(*arguments: str) -> int:
    return execute(["dictionary", "scaffold", *arguments, "--no-sample"])


def drafts(folder: Path) -> set[str]:
    return {path.name for path in (folder / "mappings").iterdir()}


@pytest.mark.parametrize("source", ["erp", "mes"])
def test_tables_that_are_mapped_already_are_drafted_as_well(
    source: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names that mean something in the dictionary: a draft of them has no fault either but its example's."""
    shutil.rmtree(place / "dictionary")
    shutil.copytree(PACKAGED, place / "dictionary")
    named = [path.stem for path in sorted((place / "connector-configs" / "contracts" / source).glob("*.yaml"))]
    assert scaffold(source, *named) == 0, capsys.readouterr().err
    drafted = capsys.readouterr().out
    assert "lot_status: lot_id" not in drafted  # a number that counts rows is no status
    assert "key: [ic_stock_bill_id]" in drafted or source == "mes"  # and a bill no material


@pytest.mark.parametrize("source", ["erp", "mes"])
def test_every_table_that_no_mapping_reads_gets_a_draft_that_loads(source: str, place: Path) -> None:
    folder = place / "dictionary"
    before = drafts(folder)
    assert scaffold(source, "--output", str(folder)) == 0
    contracts = {path.name for path in (place / "connector-configs" / "contracts" / source).iterdir()}
    drafted = {f"{source}.{name}" for name in contracts} - before
    assert drafts(folder) == drafted | before
    dictionary, faults = read(folder)
    assert dictionary is not None
    assert sorted(fault.place.file for fault in faults) == sorted(f"mappings/{name}" for name in drafted)
    assert {fault.code for fault in faults} == {"DIC-142"}


@pytest.mark.parametrize("source", ["erp", "mes"])
def test_so_it_does_by_the_fields_that_ship(source: str, place: Path) -> None:
    folder = place / "dictionary"
    shutil.rmtree(folder)
    shutil.copytree(PACKAGED, folder)
    for name in ("mappings", "folds"):
        shutil.rmtree(folder / name, ignore_errors=True)
    assert scaffold(source, "--output", str(folder)) == 0
    _, faults = read(folder)
    assert {fault.code for fault in faults} == {"DIC-142"}
    assert {fault.place.file for fault in faults} == {f"mappings/{name}" for name in drafts(folder)}


def test_a_written_outcome_is_all_that_a_draft_needs(place: Path) -> None:
    folder = place / "dictionary"
    assert scaffold("mes", "mes_genealogy", "--output", str(folder)) == 0
    path = folder / "mappings" / "mes.mes_genealogy.yaml"
    text = path.read_text(encoding="utf-8")
    written = {"genealogy_id": "MES-1", "serial_number": "SN26000001", "material_id": "02.01.001"}
    written |= {"quantity": "100.000000", "lot_number": "26A0412"}
    for name, value in written.items():
        text = text.replace(f"      {name}: null  # to do", f"      {name}: {value!r}")
    path.write_text(text, encoding="utf-8")
    _, faults = read(folder)
    assert faults == []


def test_every_column_is_read_or_left_and_every_guess_says_why(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scaffold("erp", "ICMO") == 0
    shown = capsys.readouterr()
    target = shown.out.partition("\ntarget:\n")[2].partition("\nexamples:\n")[0].splitlines()
    guesses = [place for place, line in enumerate(target) if re.match(r"    [a-z-]", line)]
    assert len(guesses) > 5
    assert all(target[place - 1].strip().startswith("# guess: ") for place in guesses)
    left = shown.out.partition("# Without a guess:\n")[2].partition("\nexamples:\n")[0].splitlines()
    read = shown.out.partition("\n  columns:\n")[2].partition("\nlookups:\n")[0].splitlines()
    names = [line.split(":")[0].strip("# ") for line in (*read, *left)]
    contract = yaml.safe_load((place / "connector-configs/contracts/erp/ICMO.yaml").read_text(encoding="utf-8"))
    assert sorted(names) == sorted(column["name"] for column in contract["columns"])
    assert "FStatus" in [line.split(":")[0].strip("# ") for line in left]
    assert "erp.ICMO: " in shown.err


def test_a_file_that_is_there_is_kept_unless_forced(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = place / "out"
    assert scaffold("erp", "ICMO", "t_Stock", "--output", str(folder)) == 0
    path = folder / "mappings" / "erp.ICMO.yaml"
    path.write_text("mine", encoding="utf-8")
    (folder / "mappings" / "erp.t_Stock.yaml").unlink()
    assert scaffold("erp", "ICMO", "t_Stock", "--output", str(folder)) == 2
    assert "mappings/erp.ICMO.yaml" in capsys.readouterr().err.replace("\n", "")
    assert path.read_text(encoding="utf-8") == "mine"
    assert not (folder / "mappings" / "erp.t_Stock.yaml").exists()  # all or nothing
    assert scaffold("erp", "ICMO", "--output", str(folder), "--force") == 0
    assert path.read_text(encoding="utf-8").startswith("# Drafted from the contract of erp.ICMO")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["erp", "ICM"], "did you mean `ICMO`"),
        (["epr"], "SRC-103"),
        (["erp", "--time-zone", "Shanghai"], "is no time zone"),
    ],
)
def test_a_name_that_is_none_is_refused(
    arguments: list[str], told: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scaffold(*arguments) == 2
    assert told in capsys.readouterr().err


def add_source(place: Path, contract: dict[str, object]) -> None:
    text = (place / "connector-configs" / "mes.yaml").read_text(encoding="utf-8")
    document = yaml.safe_load(text) | {"tables": [contract["source_table"]]}
    (place / "connector-configs" / "plm.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    folder = place / "connector-configs" / "contracts" / "plm"
    folder.mkdir()
    name = str(contract["mirror"]).partition(".")[2]
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(contract, allow_unicode=True), encoding="utf-8")


def test_a_source_that_the_dictionary_does_not_know_and_names_that_are_meant_to_hurt(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_source(place, HOSTILE)
    assert scaffold("plm") == 2
    assert "--time-zone" in capsys.readouterr().err
    folder = place / "dictionary"
    assert scaffold("plm", "--time-zone", "Europe/Berlin", "--output", str(folder)) == 0, capsys.readouterr().err
    dictionary, faults = read(folder)
    assert dictionary is not None
    assert [fault.code for fault in faults] == ["DIC-142"]
    assert dictionary.sources["plm"].time_zone == "Europe/Berlin"
    text = (folder / "mappings" / "plm.odd table.yaml").read_text(encoding="utf-8")
    assert "elapsed: interval; a mapping cannot read this type yet" in text


def test_a_table_whose_rows_a_mapping_cannot_name(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = [{"name": "id", "type": "bytea", "mirror_type": "bytea", "decoder": "bytes_hex", "nullable": False}]
    add_source(place, {**HOSTILE, "mirror": "plm.t", "source_table": "public.t", "key": ["id"], "columns": columns})
    assert scaffold("plm", "--time-zone", "Europe/Berlin", "--json") == 4
    shown = capsys.readouterr()
    assert json.loads(shown.out)["tables"][0]["told"] == "a mapping cannot name its rows: key column id is bytea"
    assert "plm.t: no draft" in shown.err


def test_without_a_target_nothing_is_asked_unless_a_sample_is_wanted(place: Path) -> None:
    assert scaffold("erp", "ICMO") == 0
    assert execute(["dictionary", "scaffold", "erp", "ICMO"]) == 1


def test_what_the_source_says_of_a_column_is_shown(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scaffold("erp", "ICMO") == 0
    shown = capsys.readouterr().out
    assert "    FBillNo: text  # varchar(255); 生产任务单号\n" in shown

"""`cdc connectors init --from`: what is written, what is printed, and how it ends; no server is asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cdc.cli.main import execute

CATALOGUE = """\
cdc-catalogue|1|sqlserver|ERP
table|dbo|Part|10|8192|
column|dbo|Part|id|int|0|0|0
primary|dbo|Part|PK|id
end|4
"""
SETTINGS = """\
target: {host: 127.0.0.1, port: 1, database: d, user: u, password: "${env:HOME}"}
kafka: {bootstrap: "127.0.0.1:1"}
connect: {url: "http://127.0.0.1:1"}
folders: {connector_configs: connector-configs}
"""
INIT = ("connectors", "init", "erp2", "--tls", "mode=require")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The connector files of a deployment; beside them a catalogue file."""
    (tmp_path / "connector-configs").mkdir()
    (tmp_path / "cdc.yaml").write_text(SETTINGS)
    (tmp_path / "erp.catalogue").write_text(CATALOGUE.replace("|", "\t"))
    monkeypatch.setenv("CDC_CONFIG", str(tmp_path / "cdc.yaml"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "connector-configs"


def test_a_product_that_nobody_lands_becomes_a_draft_that_nobody_reads(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute([*INIT, "--from", "erp.catalogue", "--json"]) == 4
    told = json.loads(capsys.readouterr().out)
    assert (told["files"], told["next"]) == (["erp2.yaml.draft", "contracts/erp2/ (1 files)"], [])
    assert "password: ${env:CDC_ERP2_PASSWORD}" in (folder / "erp2.yaml.draft").read_text()
    assert (folder / "contracts" / "erp2" / "Part.yaml").exists()
    assert list(folder.glob("*.yaml")) == []


def test_what_is_there_is_replaced_only_if_somebody_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "erp2.yaml.draft").write_text("by hand")
    assert execute([*INIT, "--from", "erp.catalogue"]) == 5
    assert "SRC-350" in capsys.readouterr().err
    assert (folder / "erp2.yaml.draft").read_text() == "by hand"
    assert execute([*INIT, "--from", "erp.catalogue", "--dry-run"]) == 4
    assert (folder / "erp2.yaml.draft").read_text() == "by hand"
    assert execute([*INIT, "--from", "erp.catalogue", "--force"]) == 4
    assert (folder / "erp2.yaml.draft").read_text() != "by hand"


@pytest.mark.parametrize("in_the_way", ["contracts", "contracts/erp2", "erp2.yaml.draft"])
def test_what_cannot_be_written_is_named_as_a_matter_of_usage(
    folder: Path, in_the_way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / in_the_way
    if path.suffix:
        path.mkdir()
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_text("a file where a folder has to be")
    assert execute([*INIT, "--from", "erp.catalogue", "--force"]) == 2
    shown = "".join(capsys.readouterr().err.replace("│", "").split())
    assert str(path) in shown
    assert "cannotbewritten" in shown


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--from", "erp.catalogue", "--password", "secret"], "password is written out"),
        (["--from", "erp.catalogue", "--tls", "mode"], "ENTRY=VALUE"),
        (["--kind", "db2", "--database", "d"], "--kind"),
        (["--kind", "postgresql"], "--database"),
    ],
)
def test_what_cannot_be_meant_is_a_matter_of_usage(
    folder: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute([*INIT, *options]) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert "secret" not in shown
    assert not (folder / "erp2.yaml.draft").exists()

"""A column is left out: the mirror loses it first, and the connector is not told before."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cdc.config import Target
from cdc.store.connection import connect
from compose.local.env import REPO
from tests.contract.cdc.cli.conftest import Cdc

CONTRACT = """\
- name: copies
  type: smallint
  mirror_type: smallint
  decoder: int
  nullable: false
"""


# A column that a mapping reads cannot be left out.
WITHOUT_LABELS = """\
dictionary: plant
version: "1"
status: draft
extends: med-device-core
without: [mappings/mes.mes_label]
"""


@pytest.fixture
def configs(config: Path) -> Path:
    """Connector files of the test's own, the repository's copied."""
    folder = config.parent / "connector-configs"
    shutil.copytree(REPO / "connector-configs", folder)
    text = config.read_text().replace(str(REPO / "connector-configs"), str(folder))
    dictionary = config.parent / "dictionary"
    dictionary.mkdir()
    (dictionary / "dictionary.yaml").write_text(WITHOUT_LABELS)
    config.write_text(text.replace("folders: {", f"folders: {{dictionary: {dictionary}, "))
    return folder


def leave_out(configs: Path) -> None:
    """Let the connector file and the contract of mes_label be without a column, as DBA and `source contract` would."""
    file = configs / "mes.yaml"
    file.write_text(
        file.read_text().replace("- public.mes_label\n", "- {table: public.mes_label, without: [copies]}\n")
    )
    contract = configs / "contracts" / "mes" / "mes_label.yaml"
    assert CONTRACT in contract.read_text()
    contract.write_text(contract.read_text().replace(CONTRACT, "") + "without:\n- copies\n")


def columns(target: Target) -> set[str]:
    with connect(target, "test") as connection:
        rows = connection.execute(
            "SELECT table_schema || '.' || column_name FROM information_schema.columns WHERE table_name = 'mes_label'"
        )
        return {name for (name,) in rows}


def test_the_mirror_loses_a_column_before_the_connector_stops_sending_it(
    cdc: Cdc, target: Target, configs: Path
) -> None:
    assert cdc("target", "apply").code == 0
    leave_out(configs)
    told = cdc("connectors", "apply", "mes")
    assert (told.code, told.err.splitlines()[0]) == (
        1,
        "TGT-116 a mirror still has a column that is left out: mes.mes_label.copies",
    )
    done = cdc("target", "apply", "--json")
    assert done.document["steps"] == [
        "put contract mes.mes_label in force",
        "drop column mes.mes_label.copies, which the connector file leaves out",
        "drop column mes_deleted.mes_label.copies, which the connector file leaves out",
    ]
    assert {"mes.copies", "mes_deleted.copies"}.isdisjoint(columns(target))
    assert cdc("target", "apply", "--json").document["steps"] == []
    # Now it is about the source, whether its table has come to have other columns.
    assert "SRC-110" in cdc("connectors", "apply", "mes").err


def test_a_contract_that_does_not_fit_its_connector_file_is_found(cdc: Cdc, configs: Path) -> None:
    text = (configs / "mes.yaml").read_text()
    leave_out(configs)
    (configs / "mes.yaml").write_text(text)
    assert "SRC-105" in cdc("connectors", "render", "mes").err
    assert "SRC-105" in cdc("check").err


def test_what_is_left_out_is_told(cdc: Cdc, configs: Path) -> None:
    leave_out(configs)
    findings = cdc("check", "--json").document["findings"]
    told = [finding["detail"] for finding in findings if (finding["area"], finding["object"]) == ("contracts", "mes")]
    assert told == ["left out of mes.mes_label: copies"]


def test_a_column_that_a_mapping_reads_stays(cdc: Cdc, target: Target, configs: Path) -> None:
    assert cdc("target", "apply").code == 0
    contract = configs / "contracts" / "mes" / "mes_wo.yaml"
    read, _, rest = contract.read_text().partition("- name: remark\n")
    contract.write_text(read + rest.partition("nullable: true\n")[2] + "without:\n- remark\n")
    told = cdc("target", "apply")
    assert "DRV-101" in told.err
    with connect(target, "test") as connection:
        assert connection.execute("SELECT remark FROM mes.mes_wo").fetchall() == []

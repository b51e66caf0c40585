from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from psycopg.rows import scalar_row

from cdc.config import Target
from cdc.store.connection import connect
from compose.local.env import REPO
from transforms.load import PACKAGED

Cdc = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("empty_target")


def names(target: Target, query: str) -> set[str]:
    with connect(target, "test") as connection, connection.cursor(row_factory=scalar_row) as cursor:
        return set(cursor.execute(query.encode()).fetchall())


def schemas(target: Target) -> set[str]:
    return names(target, "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$|^public$'")


def test_an_empty_target_is_made_ready_and_a_second_run_finds_nothing_to_do(cdc: Cdc, target: Target) -> None:
    first = cdc("target", "apply", "--json")
    assert first.code == 0
    assert {"apply migration 0001_base", "create table erp.t_ICItem", "put contract mes.mes_sn in force"} <= {
        *first.document["steps"]
    }
    beside = {"trace_contribution", "trace_held"}
    assert schemas(target) == {"cdc", "cdc_shadow", "erp", "erp_deleted", "mes", "mes_deleted", "trace", *beside}
    again = cdc("target", "apply")
    assert (again.code, again.out, again.err) == (0, "", "Nothing to do, the target is ready.\n")


def test_a_dry_run_shows_what_a_run_does_and_leaves_nothing(cdc: Cdc, target: Target) -> None:
    planned = cdc("target", "apply", "--dry-run", "--json")
    assert planned.code == 0
    assert schemas(target) == set()
    assert cdc("target", "apply", "--json").document["steps"] == planned.document["steps"]


def test_contracts_dictionary_and_the_action_itself_are_recorded(cdc: Cdc, target: Target) -> None:
    steps = cdc("target", "apply", "--json").document["steps"]
    assert {"erp.ICInventory", "mes.mes_wo"} <= names(target, "SELECT mirror FROM cdc.contract")
    assert len(names(target, "SELECT digest FROM cdc.dictionary")) == 1
    assert names(target, "SELECT name FROM cdc.watched_column WHERE mirror = 'erp.t_ICItem'") >= {"FItemID", "FNumber"}
    with connect(target, "test") as connection:
        row = connection.execute("SELECT action, object, effect FROM cdc.operator_action").fetchone()
    assert row == ("target apply", "target", steps)


def test_another_key_of_a_source_than_its_contract_is_a_fault(cdc: Cdc, config: Path, tmp_path: Path) -> None:
    """What an example shows of a changed key would not be so; what is derived is the same."""
    folder = Path(shutil.copytree(PACKAGED, tmp_path / "dictionary"))
    config.write_text(config.read_text().replace("folders: {", f"folders: {{dictionary: {folder}, "))
    mapping = folder / "mappings" / "mes.mes_lot.yaml"
    mapping.write_text(mapping.read_text(encoding="utf-8").replace("key: [lot_id]", "key: [lot]"), encoding="utf-8")
    told = cdc("target", "apply")
    assert (told.code, "DRV-101" in told.err) == (1, True)
    assert "mes.mes_lot: the key of mes.mes_lot is lot_id, not lot" in told.err
    assert any(finding["code"] == "DRV-101" for finding in cdc("check", "--json").document["findings"])


def test_what_is_missing_is_made_again_and_what_is_there_stays(cdc: Cdc, target: Target) -> None:
    cdc("target", "apply")
    with connect(target, "test") as connection:
        connection.execute('DROP TABLE mes."mes_label"')
        connection.execute(
            'INSERT INTO erp."t_MeasureUnit" ("FItemID", "FName", _offset) VALUES (1, \'个\', 0)'.encode()
        )
        connection.execute("DROP TABLE trace_held.party")
    steps = cdc("target", "apply", "--json").document["steps"]
    assert {"create table mes.mes_label", "create table trace_held.party"} <= {*steps}
    assert not any("t_MeasureUnit" in step for step in steps)
    assert names(target, 'SELECT "FName" FROM erp."t_MeasureUnit"') == {"个"}


def test_a_fault_on_the_way_leaves_nothing_behind(cdc: Cdc, target: Target) -> None:
    with connect(target, "test") as connection:
        connection.execute('CREATE SCHEMA mes; CREATE TABLE mes."mes_wo" (wo_no int PRIMARY KEY)')
    failed = cdc("target", "apply")
    assert failed.code == 1
    assert "TGT-111" in failed.err
    assert "next:" in failed.err
    assert schemas(target) == {"mes"}


@pytest.fixture
def contract(config: Path, tmp_path: Path) -> Path:
    """The contract file of mes.mes_wo, in a copy of the connector files that the settings name from now on."""
    configs = tmp_path / "configs"
    shutil.copytree(REPO / "connector-configs", configs)
    config.write_text(config.read_text().replace(str(REPO / "connector-configs"), str(configs)))
    return configs / "contracts" / "mes" / "mes_wo.yaml"


def test_a_column_that_was_added_to_a_contract_by_hand_stays_when_the_file_loses_it(
    cdc: Cdc, contract: Path, target: Target
) -> None:
    cdc("target", "apply")
    text = contract.read_text()
    runbook = (REPO / "runbooks" / "stream-stopped.md").read_text()
    by_hand = textwrap.dedent(runbook.partition("```yaml\n")[2].partition("   ```")[0])
    contract.write_text(text + by_hand.replace("COLUMN", "shift"))
    assert "add column mes.mes_wo.shift" in cdc("target", "apply", "--json").document["steps"]
    contract.write_text(text)
    assert cdc("target", "apply", "--json").document["steps"] == []
    assert "shift" in names(target, "SELECT attname FROM pg_attribute WHERE attrelid = 'mes.mes_wo'::regclass")


def test_a_wider_type_of_a_contract_widens_the_mirror(cdc: Cdc, contract: Path) -> None:
    cdc("target", "apply")
    text = contract.read_text()
    contract.write_text(text.replace("character varying(8)", "character varying(16)"))
    assert cdc("target", "apply", "--json").document["steps"] == [
        "put contract mes.mes_wo in force",
        "widen column mes.mes_wo.state to character varying(16)",
        "widen column mes_deleted.mes_wo.state to character varying(16)",
    ]
    contract.write_text(text)
    assert cdc("target", "apply", "--json").document["steps"] == []


def test_what_an_earlier_dictionary_left_behind_is_dropped_when_it_is_named(
    cdc: Cdc, config: Path, target: Target, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(PACKAGED, tmp_path / "dictionary"))
    config.write_text(config.read_text().replace("folders: {", f"folders: {{dictionary: {folder}, "))
    assert cdc("target", "apply").code == 0
    assert "Left behind" not in cdc("target", "plan").err
    with connect(target, "test") as connection:
        connection.execute("CREATE TABLE trace.notes (id int); CREATE INDEX own ON mes.mes_complaint (lot_no)")
        connection.execute("CREATE VIEW trace.reported AS SELECT * FROM trace.adverse_event")
        connection.execute("CREATE INDEX derive_0123456789abcdef ON mes.mes_complaint (lot_no)")  # of a look-up
    (folder / "mappings" / "mes.mes_complaint.yaml").unlink()
    index = "mes.derive_0123456789abcdef"
    left = [
        {"kind": "table", "name": "trace.adverse_event", "mib": 0, "of": ""},
        {"kind": "index", "name": index, "mib": 0, "of": "mes.mes_complaint"},
    ]
    assert cdc("target", "plan", "--json").document["left_behind"] == left
    told = cdc("target", "plan").err.splitlines()
    assert [line.split(",")[0] for line in told if "Left behind" in line] == [
        "Left behind: table trace.adverse_event",
        f"Left behind: index {index}",
    ]

    for name in ("trace.party", "trace.notes", "mes.own", "mes.mes_complaint"):
        refused = cdc("target", "apply", "--drop", name)
        assert (refused.code, "DRV-121" in refused.err) == (5, True)
    hanging = cdc("target", "apply", "--drop", "trace.adverse_event")
    assert (hanging.code, "trace.reported" in hanging.err) == (5, True)
    with connect(target, "test") as connection:
        connection.execute("DROP VIEW trace.reported")

    wish = ("--drop", "trace.adverse_event", "--drop", index)
    steps = [line["step"] for line in cdc("target", "plan", "--json", *wish).document["steps"]]
    assert [step.split(":")[0] for step in steps if step.startswith(("drop table", "drop index"))] == [
        "drop table trace.adverse_event",
        f"drop index {index} of mes.mes_complaint",
    ]
    there = "SELECT oid::regclass::text FROM pg_class WHERE relname IN ('adverse_event', 'notes', 'own')"
    assert names(target, there) == {"trace.adverse_event", "trace_held.adverse_event", "trace.notes", "mes.own"}
    done = cdc("target", "apply", "--json", *wish)
    assert done.document["steps"] == steps
    assert names(target, there) == {"trace.notes", "mes.own"}
    assert index not in names(target, "SELECT oid::regclass::text FROM pg_class")
    assert "Left behind: table" not in cdc("target", "plan").err

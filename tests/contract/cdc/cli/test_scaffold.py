"""`cdc dictionary scaffold` against mirrors with rows: what is guessed, what is shown, and what it loads as."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
import pytest
import yaml

from cdc.capture.contract import ColumnContract, Contract, read_contracts, to_yaml
from cdc.config import Target
from cdc.land.mirror.ddl import apply_mirrors
from cdc.store.connection import connect
from compose.local.env import REPO
from tests.contract.cdc.cli.conftest import Cdc
from transforms.load import read

ROWS = """
INSERT INTO erp."t_MeasureUnit" ("FItemID", "FUnitGroupID", "FNumber", "FName", "FCoefficient", "FStandard", "FDeleted",
                                 _offset)
 SELECT n, 0, n, name, 1, 0, 0, n FROM (VALUES (3, '个'), (4, '盒')) AS units (n, name);
INSERT INTO erp."t_ICItem" ("FItemID", "FNumber", "FUnitID", "FISKFPeriod", "FBatchManager", "FIsSnManage",
                            "FInspection", "FDeleted", _offset)
 SELECT n, '02.01.' || n, 3, 0, 1, 0, B'0', 0, n FROM generate_series(1, 50) AS n;
INSERT INTO erp."ICMO" ("FInterID", "FTranType", "FBillNo", "FStatus", "FItemID", "FUnitID", "FQty", "FAuxQty",
                        "FGMPBatchNo", "FPlanCommitDate", "FCheckerID", "FCancellation", "FNote", _offset)
 SELECT n, 85, 'WORK' || n, n % 4, n % 50 + 1, 3, 10, 10, CASE WHEN n % 10 = 0 THEN '26 A' ELSE '26A' || n END,
        '2026-04-12', 7, 0, CASE WHEN n % 3 = 0 THEN 'n.a.' WHEN n % 3 = 1 THEN '--' ELSE 'secret words ' || n END, n
 FROM generate_series(1, 400) AS n;
INSERT INTO mes.mes_label (label_id, sn, udi_raw, copies, void, printed_at, _offset)
 SELECT n, 'SN26' || n, '(01)06901234567892(10)A213B1(21)' || n, 1, false, '2026-04-12 08:00+08', n
 FROM generate_series(1, 100) AS n;
INSERT INTO mes.mes_lot (lot_id, item_no, lot_no, status, released_by, _offset)
 SELECT n, '02.01.001', '26A' || n, CASE WHEN n % 5 = 0 THEN 'LOST' ELSE 'OK' END, 'Zhang San', n
 FROM generate_series(1, 100) AS n;
INSERT INTO mes.mes_insp_h (insp_id, insp_no, insp_type, inspector, item_no, result, evaluated_at, _offset)
 SELECT n, 'I' || n, CASE WHEN n % 2 = 0 THEN 'FQC' ELSE '进料' END, CASE WHEN n % 2 = 0 THEN 'Li' ELSE 'Wu' END,
        '02.01.001', 'OK', '2026-04-12 08:00+08', n FROM generate_series(1, 100) AS n;
INSERT INTO mes.mes_genealogy (gen_id, parent_sn, child_item, child_lot, qty, consumed_at, _offset)
 SELECT n, 'SN' || n, '02.01.001', '26A1', 1, '2026-04-12', n FROM generate_series(1, 10) AS n;
"""


@pytest.fixture
def mirrors(cdc: Cdc, config: Path, target: Target) -> Cdc:
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("folders: {", f"folders: {{dictionary: {REPO / 'tests' / 'scaffold'}, "))
    with connect(target, "test") as connection:
        for source in ("erp", "mes"):
            apply_mirrors(connection, read_contracts(REPO / "connector-configs" / "contracts" / source))
        connection.execute(ROWS.encode())
    with psycopg.connect(_dsn(target), autocommit=True) as connection:
        connection.execute('ANALYZE erp."ICMO"')
    return cdc


def _dsn(target: Target) -> str:
    parts = {"host": target.host, "port": target.port, "dbname": target.database, "user": target.user}
    return psycopg.conninfo.make_conninfo(password=target.password.reveal(), **parts)  # type: ignore[arg-type]


def _columns(document: dict, table: str) -> dict[str, dict]:
    found = next(one for one in document["tables"] if one["table"] == table)
    return {column["name"]: column for column in found["columns"]}


def test_guesses_are_tried_on_rows_of_the_mirror(mirrors: Cdc) -> None:
    outcome = mirrors("dictionary", "scaffold", "erp", "ICMO", "--json")
    assert outcome.code == 0, outcome.err
    columns = _columns(outcome.document, "erp.ICMO")
    lot = columns["lot_number"]
    assert (lot["rule"], lot["source"]) == ("CLEAN(FGMPBatchNo)", "FGMPBatchNo")
    assert "360 of 400 sampled values pass, refused: LOT-101 40" in lot["reasons"]
    assert columns["material_id"]["rule"] == "CLEAN(item.FNumber)"
    assert columns["quantity_uom"]["rule"] == "unit.FName"
    lookups = {one["name"]: one for one in outcome.document["tables"][0]["lookups"]}
    assert "50 of 50 sampled values are there" in lookups["item"]["reasons"]
    text = outcome.document["files"]["mappings/erp.ICMO.yaml"]
    assert '"--" 134 times, "n.a." 133 times' in text
    assert "# where: FCancellation = 0  # guess:" in text


def test_a_label_is_read_as_one_and_an_unregistered_code_is_named(mirrors: Cdc) -> None:
    document = mirrors("dictionary", "scaffold", "mes", "mes_label", "mes_lot", "--json").document
    assert _columns(document, "mes.mes_label")["udi_di"]["rule"] == "UDI_DI(udi_raw)"
    lot = _columns(document, "mes.mes_lot")["lot_status"]
    assert lot["field"] == "lot_status"
    assert "80 of 100 sampled values pass, refused: COD-201 20" in lot["reasons"]
    assert '{system: mes, code: "LOST", to: ...}  # 20 times' in document["files"]["mappings/mes.mes_lot.yaml"]


def test_few_distinct_values_become_a_code_set_with_a_field(mirrors: Cdc, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(REPO / "tests" / "scaffold", tmp_path / "dictionary"))
    assert mirrors("dictionary", "scaffold", "mes", "mes_insp_h", "--output", str(folder)).code == 0
    dictionary, faults = read(folder)
    assert dictionary is not None
    assert [fault.code for fault in faults] == ["DIC-142"]
    code_set = dictionary.codesets["insp_h_insp_type"]
    assert {code: one.to for code, (one,) in code_set.synonyms["mes"].items()} == {"FQC": "FQC", "进料": "CODE_2"}
    assert dictionary.fields["insp_h_insp_type"].code_set == "insp_h_insp_type"
    text = (folder / "mappings" / "mes.mes_insp_h.yaml").read_text(encoding="utf-8")
    assert "insp_h_insp_type: insp_type" in text
    # Who inspects is no code, however few do.
    assert "#   inspector: character varying(40); 100 % filled, 2 distinct" in text
    assert not list((folder / "codesets").glob("*inspector*"))


def test_codes_of_a_field_that_the_source_has_not_registered_are_listed(mirrors: Cdc) -> None:
    document = mirrors("dictionary", "scaffold", "erp", "ICMO", "--json").document
    assert "job_order_state? " in document["files"]["mappings/erp.ICMO.yaml"]
    assert '{system: erp, code: "3", to: ...}  # 100 times' in document["files"]["mappings/erp.ICMO.yaml"]


def test_values_are_not_shown_unless_they_are_asked_for(mirrors: Cdc) -> None:
    hidden = mirrors("dictionary", "scaffold", "erp", "ICMO").out
    assert "secret words" not in hidden
    assert "WORK12" not in hidden
    assert "form AAAA999 (" in hidden
    shown = mirrors("dictionary", "scaffold", "erp", "ICMO", "--show-values").out
    assert 'seen "WORK' in shown
    people = mirrors("dictionary", "scaffold", "mes", "mes_lot", "--show-values").out
    assert "Zhang San" not in people


def test_the_draft_passes_check_but_for_its_example(mirrors: Cdc, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(REPO / "tests" / "scaffold", tmp_path / "dictionary"))
    outcome = mirrors("dictionary", "scaffold", "erp", "--output", str(folder))
    assert outcome.code == 0, outcome.err
    dictionary, faults = read(folder)
    assert dictionary is not None
    assert {fault.code for fault in faults} == {"DIC-142"}
    drafted = {fault.place.file for fault in faults}
    assert len(drafted) == len(faults)
    assert drafted >= {"mappings/erp.ICMO.yaml", "mappings/erp.t_Stock.yaml", "mappings/erp.ICInventory.yaml"}
    kept = read_contracts(REPO / "connector-configs" / "contracts" / "erp")
    assert len(drafted) == len(kept) - 1  # t_ICItem has a mapping


def test_without_a_mirror_and_within_its_limits(cdc: Cdc, mirrors: Cdc, target: Target) -> None:
    few = mirrors("dictionary", "scaffold", "erp", "ICMO", "--rows", "20", "--json").document
    assert few["tables"][0]["rows"] == 20
    with connect(target, "test") as connection:
        connection.execute('DROP TABLE erp."ICMO" CASCADE')
    gone = mirrors("dictionary", "scaffold", "erp", "ICMO", "--json")
    assert (gone.code, gone.document["tables"][0]["rows"]) == (0, 0)
    assert "no mirror yet" in gone.err


def test_a_statement_that_takes_too_long_is_given_up(mirrors: Cdc, target: Target) -> None:
    with psycopg.connect(_dsn(target)) as blocker:
        blocker.execute('LOCK TABLE erp."ICMO" IN ACCESS EXCLUSIVE MODE')
        outcome = mirrors("dictionary", "scaffold", "erp", "ICMO", "--timeout", "0.2", "--json")
    assert (outcome.code, outcome.document["tables"][0]["rows"]) == (0, 0)
    assert "were not enough" in outcome.err


def test_nothing_is_written_to_the_target(mirrors: Cdc, target: Target) -> None:
    with psycopg.connect(_dsn(target)) as connection:
        before = connection.execute("SELECT pg_current_xact_id_if_assigned(), count(*) FROM pg_class").fetchone()
    assert mirrors("dictionary", "scaffold", "erp").code == 0
    with psycopg.connect(_dsn(target)) as connection:
        assert (
            connection.execute("SELECT pg_current_xact_id_if_assigned(), count(*) FROM pg_class").fetchone() == before
        )


def test_names_that_are_meant_to_hurt_are_sampled_as_they_are(
    cdc: Cdc, config: Path, target: Target, tmp_path: Path
) -> None:
    names = {"no 1%s": "text", '批号"; DROP': "text", "$$": "integer", "{0}": "integer"}
    columns = tuple(ColumnContract(name, kind, kind, "text", nullable=True) for name, kind in names.items())
    odd = Contract("plm.odd table", "public.odd table", ("no 1%s",), "primary", columns)
    folder = Path(shutil.copytree(REPO / "connector-configs", tmp_path / "connector-configs"))
    (folder / "contracts" / "plm").mkdir()
    (folder / "contracts" / "plm" / "odd table.yaml").write_text(to_yaml(odd), encoding="utf-8")
    connector = yaml.safe_load((folder / "mes.yaml").read_text(encoding="utf-8")) | {"tables": ["public.odd table"]}
    (folder / "plm.yaml").write_text(yaml.safe_dump(connector), encoding="utf-8")
    text = config.read_text(encoding="utf-8").replace(str(REPO / "connector-configs"), str(folder))
    config.write_text(text.replace("folders: {", f"folders: {{dictionary: {REPO / 'tests' / 'scaffold'}, "))
    with connect(target, "test") as connection:
        apply_mirrors(connection, (odd,))
        rows = "SELECT n::text, '26A' || n, n, n, n FROM generate_series(1, 50) AS n"
        connection.execute(f'INSERT INTO plm."odd table" {rows}'.encode())
    outcome = cdc("dictionary", "scaffold", "plm", "--time-zone", "Europe/Berlin", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.document["tables"][0]["rows"] == 50
    lot = _columns(outcome.document, "plm.odd table")["lot_number"]
    assert "50 of 50 sampled values pass" in lot["reasons"]

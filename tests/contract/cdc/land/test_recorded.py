"""What the real connectors sent of a few statements (envelopes/*.sql), landed: the source's final state."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from cdc.land.journal import record_digest, unpack
from tests.contract.cdc.land.stage import DATABASES, Stage, contracts_of, recorded, with_column
from tests.contract.cdc.land.tables import column

NOTE = "".join(hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest() for number in range(1, 121))


@pytest.fixture
def erp(new_stage: Callable[..., Stage]) -> Stage:
    stage = new_stage("erp", contracts_of("erp"), DATABASES["erp"])
    stage.catalogue = with_column(stage.catalogue, "erp.t_Supplier", column("FEmail", "text", default="none"))
    stage.land(recorded("erp"))
    return stage


@pytest.fixture
def mes(new_stage: Callable[..., Stage]) -> Stage:
    stage = new_stage("mes", contracts_of("mes"), DATABASES["mes"])
    stage.catalogue = with_column(stage.catalogue, "mes.mes_wo", column("shift", "name", default="A"))
    stage.land(recorded("mes"))
    return stage


def rows(stage: Stage, text: str) -> list[tuple[Any, ...]]:
    return stage.query(text)


def test_gbk_texts_decimals_bits_and_zero_dates_arrive_exactly(erp: Stage) -> None:
    assert rows(
        erp,
        'SELECT "FNumber", "FName", "FInspection"::text, "FPlanPrice"::text, "FLastCheckDate"::text'
        ' FROM erp."t_ICItem" ORDER BY 1',
    ) == [
        ("M-100", "一次性使用导管", "1", "12.7500000000", None),
        ("M-101", "镍钛支架", "0", None, "2024-02-29 13:14:15"),
    ]
    assert rows(erp, 'SELECT "FName", "FCreditAmt"::text FROM erp_deleted."t_Organization" WHERE "FItemID" = 200') == [
        ("Klinikum Süd", "99999999999999999.1234567891")
    ]


def test_a_zero_date_where_null_is_not_allowed_is_refused_and_its_row_is_stale(erp: Stage) -> None:
    assert rows(erp, "SELECT mirror, key, code, detail FROM cdc.refused") == [
        ("erp.ICStockBill", ["1001"], "VAL-102", "erp.ICStockBill.FDate")
    ]
    assert rows(erp, "SELECT key FROM cdc.stale") == [(["1001"],)]
    assert rows(erp, 'SELECT "FInterID", "FCheckDate"::text FROM erp."ICStockBill"') == [(1000, "2024-03-05 17:30:59")]


def test_key_changes_leave_the_last_key_and_the_others_deleted(erp: Stage) -> None:
    assert rows(erp, 'SELECT "FItemID", "FName", "FDeleted" FROM erp."t_Stock"') == [(12, "待检仓", 1)]
    assert rows(erp, 'SELECT "FItemID", "FName" FROM erp_deleted."t_Stock" ORDER BY 1') == [
        (10, "成品仓"),
        (11, "成品仓"),
    ]


def test_a_table_without_a_key_lands_by_its_declared_key(erp: Stage) -> None:
    assert rows(erp, 'SELECT "FItemID", "FBatchNo", "FQty"::text, "FBal"::text FROM erp."ICInventory"') == [
        (100, "L2402", "39.5000000000", "-0.01")
    ]
    assert rows(erp, 'SELECT "FItemID", "FBatchNo" FROM erp_deleted."ICInventory" ORDER BY 1') == [
        (100, "L2401"),
        (101, ""),
    ]


def test_mass_delete_and_truncate_leave_the_last_images(erp: Stage) -> None:
    assert rows(erp, 'SELECT count(*) FROM erp."ICStockBillEntry"') == [(0,)]
    assert rows(erp, 'SELECT "FEntryID", "FPeriodDate"::text FROM erp_deleted."ICStockBillEntry" ORDER BY 1') == [
        (1, "2026-02-27 00:00:00"),
        (2, None),
    ]
    assert rows(erp, 'SELECT "FItemID" FROM erp."t_Organization"') == [(210,)]
    assert rows(erp, 'SELECT "FItemID", "FName" FROM erp_deleted."t_Organization" ORDER BY 1') == [
        (200, "Klinikum Süd"),
        (201, "第一医院"),
        (202, "Clínica Norte"),
    ]


def test_a_column_that_came_while_the_connector_ran_is_there_for_old_and_new_rows(erp: Stage) -> None:
    assert rows(erp, 'SELECT "FItemID", "FEmail", "FShortName" FROM erp."t_Supplier" ORDER BY 1') == [
        (301, "post@example.org", None),
        (303, "none", "V"),
    ]


def test_an_unchanged_long_value_survives_an_update_and_a_key_change(mes: Stage) -> None:
    assert rows(mes, "SELECT insp_id, result, inspector, note FROM mes.mes_insp_h") == [(2, "OK", "李", "short")]
    assert rows(mes, "SELECT insp_id, result, note FROM mes_deleted.mes_insp_h") == [(1, "OK", NOTE)]


def test_control_characters_padding_and_infinity_arrive_exactly(mes: Stage) -> None:
    assert rows(mes, "SELECT udi_raw, void FROM mes_deleted.mes_label WHERE label_id = 1") == [
        ("(01)06901234567892\x1d10L2401\x1d21SN0001", False)
    ]
    assert rows(mes, "SELECT printed_at::text FROM mes_deleted.mes_label WHERE label_id = 2") == [("infinity",)]
    assert rows(mes, "SELECT octet_length(item_no), qty::text FROM mes.mes_lot WHERE lot_id = 2") == [(20, "7.0000")]


def test_key_changes_of_a_table_with_a_unique_index_only(mes: Stage) -> None:
    assert rows(mes, "SELECT sn, status, station FROM mes.mes_sn") == [("SN0001A", "OK", "FQC")]
    assert rows(mes, "SELECT sn, rework_count FROM mes_deleted.mes_sn ORDER BY sn") == [
        ("SN0001", 0),
        ("SN0002", 0),
        ("SN0002A", 1),
    ]


def test_what_was_rolled_back_is_nowhere(mes: Stage) -> None:
    assert rows(mes, "SELECT wo_id, done_qty::text, shift FROM mes.mes_wo ORDER BY 1") == [
        (1, "2.000000", "A"),
        (9, "0.000000", "B"),
    ]


@pytest.mark.parametrize("source", ["erp", "mes"])
def test_every_record_is_in_the_journal_and_in_the_ledger(request: pytest.FixtureRequest, source: str) -> None:
    stage: Stage = request.getfixturevalue(source)
    records = recorded(source)
    chunks = stage.query("SELECT chunk FROM cdc.journal ORDER BY first_offset")
    assert [record for (chunk,) in chunks for record in unpack(chunk)] == records
    assert stage.query("SELECT sum(captured) FROM cdc.batch") == [(len(records),)]
    assert stage.query("SELECT chain FROM cdc.position") == [(head(records),)]


def head(records: list[Any]) -> bytes:
    chain = b""
    for record in records:
        chain = hashlib.sha256(chain + record_digest(record)).digest()
    return chain

"""Schema files as the simulator reads them, values as the databases print them, statements as the drivers take them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from compose.simulator.database import rendered
from compose.simulator.install import statements
from compose.simulator.schema import SCHEMA_FILES, read_tables
from compose.simulator.transaction import Transaction
from compose.simulator.value import ZERO_DATETIME, Value, printed

CHINA = timezone(timedelta(hours=8))


def test_all_tables_of_both_schema_files_are_read() -> None:
    scripts = "".join(path.read_text(encoding="utf-8") for path in SCHEMA_FILES.values())
    assert len(read_tables()) == scripts.count("CREATE TABLE")


def test_keys_are_primary_unique_or_declared() -> None:
    tables = read_tables()
    assert tables["erp.ICStockBillEntry"].key == ("FInterID", "FEntryID")
    assert tables["mes.mes_sn"].key == ("sn",)
    assert tables["erp.ICInventory"].key == ("FItemID", "FStockID", "FBatchNo")
    assert tables["mes.mes_wo"].key == ("wo_id",)


def test_a_row_is_completed_by_the_defaults_of_the_schema() -> None:
    row = read_tables()["erp.ICStockBill"].complete({"FInterID": 1})
    assert row["FROB"] == 1
    assert row["FCheckDate"] == ZERO_DATETIME
    assert row["FSupplyID"] is None


def test_two_columns_on_one_line_are_two_columns() -> None:
    assert list(read_tables()["mes.mes_insp_d"].columns)[3:5] == ["test1", "res1"]


@pytest.mark.parametrize(
    ("kind", "size", "value", "text"),
    [
        ("int", 0, 12, "12"),
        ("bit", 0, 1, "1"),
        ("boolean", 0, True, "t"),
        ("decimal", 10, Decimal("2.5"), "2.5000000000"),
        ("decimal", 6, 3, "3.000000"),
        ("varchar", 0, " 26C1 ", " 26C1 "),
        ("padded", 6, "A1", "A1    "),
        ("date", 0, date(2026, 3, 2), "2026-03-02"),
        ("datetime", 0, datetime(2026, 3, 2, 8, 5), "2026-03-02 08:05:00"),  # noqa: DTZ001
        ("datetime", 0, ZERO_DATETIME, None),
        ("timestamptz", 0, datetime(2026, 3, 2, 8, 5, tzinfo=CHINA), "2026-03-02 00:05:00+00"),
        ("timestamptz", 0, datetime(2026, 3, 2, 8, 5, 1, 250_000, tzinfo=UTC), "2026-03-02 08:05:01.25+00"),
        ("varchar", 0, None, None),
    ],
)
def test_values_are_printed_as_the_databases_print_them(kind: str, size: int, value: Value, text: str | None) -> None:
    assert printed(kind, size, value) == text


def test_neighbouring_rows_of_a_table_are_one_statement() -> None:
    table = read_tables()["mes.mes_label"]
    transaction = Transaction("mes", "labels")
    for number in (1, 2):
        transaction.insert(table, table.complete({"label_id": number, "sn": "A"}))
    (write,) = transaction.writes
    sql, parameters = rendered(write)
    assert sql == (
        "INSERT INTO mes_label (label_id, sn, udi_raw, copies, void, printed_at)"
        " VALUES (%s, %s, %s, %s, %s, %s), (%s, %s, %s, %s, %s, %s)"
    )
    assert parameters == [1, "A", None, 1, False, None, 2, "A", None, 1, False, None]


def test_a_changed_key_is_searched_by_the_old_one_and_leaves_an_image() -> None:
    table = read_tables()["mes.mes_sn"]
    transaction = Transaction("mes", "rename")
    transaction.update(table, table.complete({"sn": "A", "item_no": "03.01"}), {"sn": "B"})
    assert rendered(transaction.writes[0]) == ("UPDATE mes_sn SET sn = %s WHERE sn = %s", ["B", "A"])
    assert transaction.rows == [("mes.mes_sn", "d", ["A"]), ("mes.mes_sn", "c", ["B"])]
    ((mirror, image),) = transaction.deleted
    assert (mirror, image["sn"], image["item_no"]) == ("mes.mes_sn", "A", "03.01".ljust(20))


def test_comments_of_a_script_are_no_statements() -> None:
    assert statements("-- one; two\nSET a = 1;\n\n-- three\nSELECT 2;\n") == ["SET a = 1", "SELECT 2"]

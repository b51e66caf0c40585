"""What the snapshot is told to select: of which tables, and that nothing is missing from it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cdc.capture.contract import ColumnContract, Contract
from cdc.capture.keyless import as_keyless
from cdc.capture.snapshot_select import only_adds, snapshot_selects
from cdc.capture.source import Source, SourceTable
from cdc.errors import FatalError


def source(kind: str, *tables: SourceTable) -> Source:
    values = dict.fromkeys(("host", "port", "user", "password"), "x")
    return Source("s", kind, **values, database="db", state="running", tables=tables)


def contract(schema: str, *columns: ColumnContract, **changes: object) -> Contract:
    key = ColumnContract("id", "int", "integer", "int", nullable=False)
    return replace(Contract("s.t", f"{schema}.t", ("id",), "primary", (key, *columns)), **changes)  # type: ignore[arg-type]


def column(name: str, source_type: str, decoder: str, charset: str | None = None) -> ColumnContract:
    return ColumnContract(name, source_type, "x", decoder, nullable=True, charset=charset)


def test_a_table_that_arrives_as_it_is_needs_none() -> None:
    plain = contract("db", column("a", "text", "text", "utf8mb4"), column("b", "float(7,3)", "float"))
    assert snapshot_selects(source("mariadb", SourceTable("", "t")), [plain]) == {}


@pytest.mark.parametrize(
    ("kind", "made", "expression"),
    [
        ("postgresql", column("d", "date", "date"), "isfinite"),
        ("mariadb", column("d", "float", "float"), "AS DOUBLE"),
        ("mariadb", column("d", "float unsigned", "float"), "AS DOUBLE"),
        ("mariadb", column("d", "datetime(3)", "timestamp_us"), "1582"),
        ("mariadb", column("d", "varchar(9)", "text", "gbk"), "AS BINARY"),
        ("mysql", column("d", "datetime(3)", "timestamp_us"), "1582"),
        ("mysql", column("d", "year", "year"), "WHEN t.`d` = 0 THEN 1900"),
    ],
)
def test_everything_is_read_and_what_is_altered_again(kind: str, made: ColumnContract, expression: str) -> None:
    schema = "public" if kind == "postgresql" else "db"
    table = SourceTable("public" if kind == "postgresql" else "", "t")
    (select,) = snapshot_selects(source(kind, table), [contract(schema, made)]).values()
    assert select.startswith("SELECT t.*, ")
    assert expression in select
    assert "id" not in select


def test_columns_are_listed_where_some_are_left_out() -> None:
    made = contract("public", column('d"', "date", "date"), column("b", "text", "text"), omitted=("g",), without=("w",))
    (select,) = snapshot_selects(source("postgresql", SourceTable("public", "t", without=("w",))), [made]).values()
    assert select.startswith('SELECT t."id", CASE WHEN isfinite(t."d""") THEN')
    assert select.endswith('END AS "d""", t."b", t."g" FROM "public"."t" t')


def test_what_only_the_mirror_of_a_table_without_a_key_has_is_not_selected() -> None:
    columns, key, origin = as_keyless("s.t", [column("d", "date", "date")], ())
    made = Contract("s.t", "public.t", key, origin, columns, without=("w",))
    table = SourceTable("public", "t", without=("w",), is_keyless=True)
    (select,) = snapshot_selects(source("postgresql", table), [made]).values()
    assert select.startswith("SELECT CASE WHEN isfinite")
    assert "_row" not in select
    assert "_count" not in select


def test_what_is_invisible_is_named() -> None:
    made = contract("db", column("f", "float", "float"), column("h", "int(11) invisible", "int"))
    (select,) = snapshot_selects(source("mariadb", SourceTable("", "t")), [made]).values()
    assert select == "SELECT t.*, t.`h`, CAST(t.`f` AS DOUBLE) AS `f` FROM `db`.`t` t"


def test_a_table_without_contract_and_a_contract_of_another_file_are_refused() -> None:
    with pytest.raises(FatalError, match=r"LND-102.*public\.u"):
        snapshot_selects(source("postgresql", SourceTable("public", "u")), [contract("public")])
    with pytest.raises(FatalError, match=r"SRC-105.*s\.t"):
        snapshot_selects(source("postgresql", SourceTable("public", "t", without=("w",))), [contract("public")])


FLOAT = "SELECT t.*, CAST(t.`f` AS DOUBLE) AS `f` FROM `db`.`t` t"


@pytest.mark.parametrize(
    ("select", "to", "is_more"),
    [
        (FLOAT, None, True),
        (FLOAT, "SELECT t.* FROM `db`.`t` t", True),
        (FLOAT, FLOAT, True),
        ("SELECT t.* FROM `db`.`t` t", FLOAT, False),
        (FLOAT, FLOAT.replace("AS DOUBLE", "AS DECIMAL(9, 2)"), False),
        (FLOAT, FLOAT.replace("`t` t", "`u` t"), False),
        # Of some rows only, or of some columns: the connector's own has all.
        (f"{FLOAT} WHERE id = 1", None, False),
        (f"{FLOAT} WHERE id = 1", FLOAT, False),
        ("SELECT t.`id`, CAST(t.`f` AS DOUBLE) AS `f` FROM `db`.`t` t", None, False),
        ("SELECT id FROM `db`.`t` t", None, False),
        ("SELECT t.`id`, t.`a,b` FROM `db`.`t` t", "SELECT t.`a,b` FROM `db`.`t` t", True),
    ],
)
def test_a_select_has_all_that_another_one_has(select: str, to: str | None, *, is_more: bool) -> None:
    assert only_adds(select, to) is is_more

"""What PostgreSQL has a limit for: names, arguments, columns, entries of an index."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from cdc.capture.contract import Contract
from cdc.columns import MAX_SOURCE_COLUMNS, RESERVED_NAMES
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import ITEM, column, item
from tests.unit.cdc.stream.wire import PostgresWire

ITEM_COLUMNS = tuple(found.name for found in ITEM.columns)


def named(table: str) -> Contract:
    return dataclasses.replace(ITEM, mirror=f"src.{table}", source_table=f"public.{table}")


def test_two_tables_whose_long_names_begin_alike_land_apart(new_stage: Callable[..., Stage]) -> None:
    old, new = ("检验记录明细表归档数据分区年度" + "x" * 14 + year for year in ("2023", "2024"))
    assert len(old.encode()) == 63
    stage, wire = new_stage(contracts=(named(old), named(new))), PostgresWire()
    wire.begin()
    wire.insert(old, "id", item(1, name="old"))
    wire.insert(new, "id", item(2, name="new"))
    wire.end()
    stage.land(wire.records)
    assert stage.query(f'SELECT id, name FROM src."{old}"') == [(1, "old")]
    assert stage.query(f'SELECT id, name FROM src."{new}"') == [(2, "new")]


def test_every_name_that_the_tables_of_a_mirror_have_beside_the_source_is_reserved(stage: Stage) -> None:
    wire = PostgresWire()
    wire.begin()
    wire.insert("item", "id", item(1))
    wire.end()
    stage.land(wire.records)
    names = stage.query(
        "SELECT attname::text FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid WHERE NOT attisdropped"
        " AND (c.oid IN ('src.item'::regclass, 'src_deleted.item'::regclass) OR relname LIKE 'stage_%%')"
    )
    assert {name for (name,) in names} - set(ITEM_COLUMNS) == RESERVED_NAMES


def test_a_table_of_as_many_columns_as_can_be_lands(new_stage: Callable[..., Stage]) -> None:
    more = tuple(column(f"c{number}", "short") for number in range(MAX_SOURCE_COLUMNS - len(ITEM_COLUMNS)))
    stage, wire = new_stage(contracts=(dataclasses.replace(ITEM, columns=(*ITEM.columns, *more)),)), PostgresWire()
    wire.begin()
    wire.insert("item", "id", {**item(1), more[-1].name: 7})
    wire.insert("item", "id", item(2))
    wire.delete("item", "id", item(2))
    wire.end()
    stage.land(wire.records)
    assert stage.query(f"SELECT id, {more[-1].name} FROM src.item") == [(1, 7)]
    assert stage.query("SELECT id FROM src_deleted.item") == [(2,)]


def test_the_old_values_of_many_watched_columns_are_noted(new_stage: Callable[..., Stage]) -> None:
    more = tuple(column(f"c{number}", "short") for number in range(60))
    stage, wire = new_stage(contracts=(dataclasses.replace(ITEM, columns=(*ITEM.columns, *more)),)), PostgresWire()
    with stage.connection.transaction():
        for watched in more:
            stage.connection.execute("INSERT INTO cdc.watched_column VALUES ('src.item', %s)", (watched.name,))
    for change in (wire.insert, wire.update, wire.delete, wire.insert):
        wire.begin()
        change("item", "id", {**item(1), "c0": 5})
        wire.end()
        stage.land(wire.records)
    known = {watched.name: None for watched in more} | {"c0": "5"}
    assert stage.query("SELECT old FROM cdc.journal_key ORDER BY batch") == [
        (None,),
        (known,),
        (known,),
        ({**known, "_deleted": True},),
    ]

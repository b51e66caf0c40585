"""What PostgreSQL has a limit for: names, arguments, columns, entries of an index."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable

import pytest

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


def incompressible(length: int) -> str:
    return "".join(random.Random(7).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=length))


LONG = incompressible(6000)
UNCHANGED = "__cdc_unchanged_27a7e750f592ad6f9ec68dcf536b11c4"


@pytest.mark.parametrize("rows", [1, 150])
def test_a_value_that_an_index_does_not_take_is_refused_alone(stage: Stage, rows: int) -> None:
    with stage.connection.transaction():
        stage.connection.execute("CREATE INDEX ON src.item (note)")
    wire = PostgresWire()
    wire.begin()
    for number in range(rows):
        wire.insert("item", "id", item(number))
    refused = wire.insert("item", "id", item(1000, note=LONG))
    wire.update("item", "id", item(0, name="b", note=UNCHANGED))
    wire.end()
    stage.land(wire.records)
    assert stage.query("SELECT count(*) FROM src.item") == [(rows,)]
    assert stage.query("SELECT name FROM src.item WHERE id = 0") == [("b",)]
    assert stage.query('SELECT "offset", key, code FROM cdc.refused') == [(refused, ["1000"], "VAL-109")]
    assert stage.query("SELECT key, code FROM cdc.stale") == [(["1000"], "VAL-109")]
    wire.begin()
    wire.update("item", "id", item(1000, note="short"))
    wire.end()
    stage.land(wire.records)
    assert stage.query("SELECT note FROM src.item WHERE id = 1000") == [("short",)]
    assert stage.query("SELECT * FROM cdc.stale") == []


def test_a_row_whose_key_no_index_takes_is_refused_whatever_happens_to_it(new_stage: Callable[..., Stage]) -> None:
    contract = dataclasses.replace(ITEM, key=("note",), key_origin="unique")
    stage, wire = new_stage(contracts=(contract,)), PostgresWire()
    short, long = item(1, note="short"), item(2, note=LONG)
    wire.begin()
    wire.insert("item", "note", short)
    refused = [wire.insert("item", "note", long), wire.update("item", "note", {**long, "name": "b"})]
    wire.end()
    stage.land(wire.records)
    assert stage.query("SELECT id, note FROM src.item") == [(1, "short")]
    wire.begin()
    # Away from the long key, and from a short one to it: split by the connector or not.
    refused.append(wire.delete("item", "note", long))
    wire.insert("item", "note", {**long, "note": "moved"}, old_key={"note": LONG})
    wire.delete("item", "note", short)
    refused.append(wire.insert("item", "note", {**short, "note": LONG}, old_key={"note": "short"}))
    wire.end()
    wire.begin()
    refused.append(wire.update("item", "note", long, {**long, "note": "moved"}))
    wire.update("item", "note", {**long, "note": "moved again"}, long)
    wire.end()
    stage.land(wire.records)
    assert stage.query("SELECT id, note FROM src.item") == [(2, "moved again")]
    assert stage.query("SELECT id, note FROM src_deleted.item ORDER BY id") == [(1, "short"), (2, "moved")]
    assert stage.query('SELECT "offset", code FROM cdc.refused ORDER BY 1') == [
        (offset, "VAL-108") for offset in refused
    ]
    assert stage.query("SELECT * FROM cdc.stale") == []
    assert stage.query("SELECT count(*) FROM cdc.journal_key WHERE length(key[1]) > 2000") == [(0,)]


def test_a_key_as_long_as_can_be_lands(new_stage: Callable[..., Stage]) -> None:
    contract = dataclasses.replace(ITEM, key=("note", "id"), key_origin="unique")
    stage, wire = new_stage(contracts=(contract,)), PostgresWire()
    wire.begin()
    row = item(1, note=incompressible(1999))
    wire.insert("item", "note,id", row)
    wire.update("item", "note,id", {**row, "qty": "x"})
    wire.insert("item", "note,id", {**row, "id": 22})
    wire.end()
    stage.land(wire.records)
    assert stage.query("SELECT id FROM src.item") == [(1,)]
    assert stage.query("SELECT key[2], code FROM cdc.stale") == [("1", "VAL-101")]
    assert stage.query("SELECT key[2], code FROM cdc.refused ORDER BY code") == [("1", "VAL-101"), ("22", "VAL-108")]


SLOW = """
CREATE FUNCTION src.slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.05); RETURN OLD; END';
CREATE TRIGGER slow BEFORE DELETE ON src.item FOR EACH ROW EXECUTE FUNCTION src.slow()
"""


@pytest.mark.parametrize("how", ["truncate", "ghosts"])
def test_what_is_done_to_a_whole_mirror_may_take_longer_than_a_statement(stage: Stage, how: str) -> None:
    """It would be ended for being slow again and again, and the stream stand for ever."""
    wire = PostgresWire()
    for number in range(100):
        wire.snapshot("item", "id", item(number), "last" if number == 99 else "true")
    stage.land(wire.records)
    stage.query("SELECT set_config('statement_timeout', '3s', false)")  # as `cdc.store.connection`, but 5 s are more
    with stage.connection.transaction():
        stage.connection.execute(SLOW)
    if how == "truncate":
        wire.begin()
        wire.truncate("item")
        wire.end()
    else:
        wire.snapshot("item", "id", item(7), "last")
    stage.land(wire.records)
    assert stage.query("SELECT count(*) FROM src.item") == [(0 if how == "truncate" else 1,)]
    assert stage.query("SHOW statement_timeout") == [("3s",)]

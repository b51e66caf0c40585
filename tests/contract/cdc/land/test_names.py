"""Names that a source may have, however they look, are names in every statement of landing and nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from psycopg.sql import SQL, Identifier

from cdc.land.contract.in_force import put_in_force
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import ITEM, column
from tests.unit.cdc.stream.wire import PostgresWire

NAMES = [
    'quo"te',
    '"',
    "o'clock",
    "a; DROP SCHEMA src CASCADE; --",
    '"); DROP SCHEMA src CASCADE; --',
    "/* comment */",
    "税率%",
    "%s",
    "%(deleted_offset)s",
    "100%%",
    "{}",
    "{0} {name}",
    "back\\slash",
    "$1",
    "select",
    "user",
    "excluded",
    "m",
    "s",
    "k.n",
    " leading",
    "trailing ",
    "Upper",
    "UPPER",
    "sреcimen",
    "ﬁ",
    "é",
    "e\u0301",
    "名" * 21,
    "x" * 63,
    "_whole_",
    "0",
    "😀",
]
TEXT = "__cdc_unchanged_27a7e750f592ad6f9ec68dcf536b11c4"


def test_a_table_of_such_columns_lands(new_stage: Callable[..., Stage]) -> None:
    columns = tuple(column(name, "text") for name in NAMES)
    table = dataclasses.replace(ITEM, columns=(ITEM.columns[0], *columns))
    stage, wire = new_stage(contracts=(table,)), PostgresWire()
    with stage.connection.transaction():
        for name in NAMES:
            stage.connection.execute("INSERT INTO cdc.watched_column VALUES ('src.item', %s)", (name,))
    rows = [{"id": number, **{name: f"{number} {name}" for name in NAMES}} for number in range(3)]
    for row in rows:
        wire.begin()
        wire.insert("item", "id", row)
        wire.end()
    stage.land(wire.records)
    wire.begin()
    wire.update("item", "id", {**rows[0], NAMES[0]: "new", NAMES[1]: TEXT})
    wire.update("item", "id", {**rows[1], NAMES[-1]: "bad\x00"})
    wire.change_key("item", "id", rows[2], {**rows[2], "id": 9, NAMES[2]: TEXT})
    wire.end()
    stage.land(wire.records)
    listed = SQL(", ").join(map(Identifier, NAMES)).as_string(stage.connection).replace("%", "%%")
    found = {number: values for number, *values in stage.query(f"SELECT id, {listed} FROM src.item ORDER BY id")}
    assert found == {
        0: ["new", *list(rows[0].values())[2:]],
        1: list(rows[1].values())[1:],
        9: list(rows[2].values())[1:],
    }
    assert stage.query("SELECT key, code, detail FROM cdc.refused") == [(["1"], "VAL-103", f"src.item.{NAMES[-1]}")]
    old = stage.query("SELECT old FROM cdc.journal_key WHERE key = '{0}' ORDER BY batch")[1:]
    assert old == [({name: rows[0][name] for name in NAMES},)]


def test_such_tables_with_such_keys_land(new_stage: Callable[..., Stage]) -> None:
    names = [name for name in NAMES if "." not in name]
    tables = {
        name: dataclasses.replace(
            ITEM,
            mirror=f"src.{name}",
            source_table=f"public.{name}",
            key=(name,),
            columns=(column(name, "name"), column("note", "text")),
        )
        for name in names
    }
    stage, wire = new_stage(contracts=tuple(tables.values())), PostgresWire()

    def rows(schema: str, name: str) -> list[tuple[Any, ...]]:
        table = Identifier(schema, name).as_string(stage.connection).replace("%", "%%")
        return [row[:2] for row in stage.query(f"SELECT * FROM {table} ORDER BY 1")]

    for name in names:
        wire.begin()
        wire.insert(name, name, {name: "a", "note": "1"})
        wire.insert(name, name, {name: "b", "note": "2"})
        wire.end()
    stage.land(wire.records)
    for name in names:
        wire.begin()
        wire.change_key(name, name, {name: "a", "note": "1"}, {name: "c", "note": TEXT})
        wire.delete(name, name, {name: "b"})
        wire.end()
    stage.land(wire.records)
    for name in names:
        assert rows("src", name) == [("c", "1")]
        assert rows("src_deleted", name) == [("a", "1"), ("b", "2")]
        wire.begin()
        wire.truncate(name)
        wire.insert(name, name, {name: "d", "note": "3"})
        wire.end()
    stage.land(wire.records)
    assert stage.query("SELECT * FROM cdc.stale") == []
    grown = {
        name: dataclasses.replace(table, columns=(*table.columns, column("later", "text", default="it's %s")))
        for name, table in tables.items()
    }
    with stage.connection.transaction():
        put_in_force(stage.connection, "src", grown.values())
    for name in names:
        assert rows("src", name) == [("d", "3")]
        table = Identifier("src", name).as_string(stage.connection).replace("%", "%%")
        assert stage.query(f"SELECT later FROM {table}") == [("it's %s",)]

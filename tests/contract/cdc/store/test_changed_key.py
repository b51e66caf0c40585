"""The index of changed rows: what goes in by its view comes out by it, and is found by an index."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.sql import SQL, Literal

from cdc.config import Target
from cdc.land.mirror.changed_keys import note
from cdc.store.connection import connect
from cdc.store.migrate import migrate, migrations

pytestmark = pytest.mark.usefixtures("empty_target")
ROWS = [
    ("cdc.a", 1, "a.item", ["1"], "u", None),
    ("cdc.a", 1, "a.item", ["1", "x", ""], "d", {"name": "before"}),
    ("cdc.a", 2, "a.pair", ["é", "{,}"], "u", None),
    ("cdc.a", 2, "a.pair", None, "t", None),
    ("cdc.b", 1, "b.item", [""], "d", {}),
]
PUT = "INSERT INTO cdc.journal_key (stream, batch, mirror, key, op, old) VALUES (%s, %s, %s, %s, %s, %s)"
GET = "SELECT stream, batch, mirror, key, op, old FROM cdc.journal_key"


@pytest.fixture
def connection(target: Target) -> Iterator[psycopg.Connection]:
    with connect(target, "test") as connection:
        yield connection


def put(connection: psycopg.Connection) -> None:
    for *names, old in ROWS:
        connection.execute(PUT, (*names, None if old is None else psycopg.types.json.Jsonb(old)))


def rows(connection: psycopg.Connection, where: str = "") -> list[tuple]:
    return sorted(connection.execute(f"{GET} {where}".encode()).fetchall(), key=str)


def test_what_a_target_of_before_has_noted_is_there_still(connection: psycopg.Connection) -> None:
    known = migrations()
    (place,) = [place for place, one in enumerate(known) if one.name.endswith("_changed_key")]
    migrate(connection, known[:place])
    put(connection)
    before = rows(connection)
    assert migrate(connection) == [one.name for one in known[place:]]
    assert rows(connection) == before == sorted(ROWS, key=str)


def test_keys_go_in_one_by_one_and_in_portions(connection: psycopg.Connection) -> None:
    migrate(connection)
    put(connection)
    assert rows(connection) == sorted(ROWS, key=str)
    keys = SQL(
        "SELECT ARRAY[n::text, 'é'], CASE mod(n, 2) WHEN 0 THEN 'u' ELSE 'd' END, {} FROM generate_series(1, 300) n"
    )
    for batch, old in ((3, SQL("NULL")), (4, SQL("CASE WHEN mod(n, 3) = 0 THEN jsonb_build_object('n', n) END"))):
        connection.execute(note(Literal("c.item"), keys.format(old)), ("cdc.c", batch))
    noted = rows(connection, "WHERE mirror = 'c.item'")
    assert noted == sorted(
        (
            (
                "cdc.c",
                batch,
                "c.item",
                [str(n), "é"],
                "d" if n % 2 else "u",
                {"n": n} if batch == 4 and not n % 3 else None,
            )
            for batch in (3, 4)
            for n in range(1, 301)
        ),
        key=str,
    )
    ((portions,),) = connection.execute("SELECT count(*) FROM cdc.changed_key WHERE cardinality(keys) > 1").fetchall()
    assert portions == 8  # of 128 and 22 keys, for each batch and operation


@pytest.mark.parametrize(
    ("where", "index"),
    [
        ("hashes @> ARRAY[hash_array('{7}'::text[])] AND key = '{7}'", "changed_key_row"),
        ("stream = 'cdc.a' AND batch > 10 AND batch <= 20 AND mirror = 'a.item'", "changed_key_batch"),
        ("mirror = 'a.item' AND op = 't'", "changed_key_whole"),
    ],
)
def test_rows_are_found_by_an_index(connection: psycopg.Connection, where: str, index: str) -> None:
    migrate(connection)
    connection.execute(
        "INSERT INTO cdc.journal_key (stream, batch, mirror, key, op)"
        " SELECT 'cdc.a', n / 100, 'a.item', ARRAY[n::text], 'u' FROM generate_series(1, 20000) n"
    )
    connection.execute("ANALYZE cdc.changed_key")
    plan = connection.execute(f"EXPLAIN {GET} WHERE {where}".encode()).fetchall()
    assert index in " ".join(line for (line,) in plan)

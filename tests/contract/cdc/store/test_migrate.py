from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import psycopg
import pytest

from cdc.config import Target
from cdc.errors import FatalError
from cdc.store.connection import connect
from cdc.store.migrate import Migration, migrate, migrations, pending

pytestmark = pytest.mark.usefixtures("empty_target")


@pytest.fixture
def connection(target: Target) -> Iterator[psycopg.Connection]:
    with connect(target, "test") as connection:
        yield connection


def tables(connection: psycopg.Connection) -> set[str]:
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'cdc'").fetchall()
    return {name for (name,) in rows}


def test_an_empty_target_gets_every_migration_once(connection: psycopg.Connection) -> None:
    names = [migration.name for migration in migrations()]
    assert names
    assert names[0] == "0001_base"
    assert migrate(connection) == names
    assert migrate(connection) == []
    assert pending(connection) == []
    assert {"position", "batch", "held", "migration"} <= tables(connection)


def test_what_was_applied_is_committed(connection: psycopg.Connection, target: Target) -> None:
    migrate(connection)
    with connect(target, "other") as other:
        assert pending(other) == []


def test_a_later_migration_is_applied_alone(connection: psycopg.Connection) -> None:
    first = Migration("0001_one", b"CREATE TABLE cdc.one (id int)")
    second = Migration("0002_two", b"CREATE TABLE cdc.two (id int)")
    migrate(connection, [first])
    assert [migration.name for migration in pending(connection, [first, second])] == ["0002_two"]
    assert migrate(connection, [first, second]) == ["0002_two"]


def test_a_migration_that_fails_leaves_nothing_behind(connection: psycopg.Connection) -> None:
    known = [Migration("0001_one", b"CREATE TABLE cdc.one (id int)"), Migration("0002_bad", b"DROP TABLE cdc.nothing")]
    with pytest.raises(FatalError, match=r"TGT-105 .*0002_bad: SQLSTATE 42P01"):
        migrate(connection, known)
    assert tables(connection) == set()


def test_an_edited_migration_is_noticed_before_anything_is_written(connection: psycopg.Connection) -> None:
    first = Migration("0001_one", b"CREATE TABLE cdc.one (id int)")
    migrate(connection, [first])
    edited = dataclasses.replace(first, sql=first.sql + b" ")
    with pytest.raises(FatalError, match=r"TGT-103 .*0001_one"):
        migrate(connection, [edited, Migration("0002_two", b"CREATE TABLE cdc.two (id int)")])
    assert "two" not in tables(connection)


def test_a_target_that_is_newer_than_the_program_is_noticed(connection: psycopg.Connection) -> None:
    first = Migration("0001_one", b"CREATE TABLE cdc.one (id int)")
    migrate(connection, [first, Migration("0002_two", b"CREATE TABLE cdc.two (id int)")])
    with pytest.raises(FatalError, match=r"TGT-104 .*0002_two"):
        migrate(connection, [first])


def test_a_ledger_of_before_abuts_and_has_its_sums(connection: psycopg.Connection) -> None:
    """Between two batches Kafka's markers left holes, and sums were added up for each status."""
    known = migrations()
    migrate(connection, [one for one in known if one.name < "0011"])
    connection.execute("INSERT INTO cdc.position (stream, source, next_offset, batch) VALUES ('cdc.a', 'a', 20, 3)")
    connection.execute(
        "INSERT INTO cdc.batch (stream, batch, first_offset, next_offset, units, captured, landed, superseded,"
        " filtered, replayed, refused, control, seconds) VALUES"
        " ('cdc.a', 1, 0, 5, 1, 5, 3, 0, 0, 0, 0, 2, 0.1),"
        " ('cdc.a', 2, 6, 12, 1, 6, 2, 1, 0, 0, 1, 2, 0.1), ('cdc.a', 3, 14, 20, 1, 6, 4, 0, 0, 0, 0, 2, 0.1)"
    )
    connection.commit()
    assert migrate(connection) == [one.name for one in known if one.name >= "0011"]
    spans = connection.execute("SELECT first_offset, next_offset FROM cdc.batch ORDER BY batch").fetchall()
    assert spans == [(0, 5), (5, 12), (12, 20)]
    sums = connection.execute("SELECT captured, landed, superseded, refused, control FROM cdc.position").fetchall()
    assert sums == [(17, 9, 1, 1, 6)]


HELD_OF_BEFORE = """
CREATE SCHEMA trace; CREATE SCHEMA trace_shadow;
CREATE TABLE trace.thing (id int, _mapping text, _source_key text[], _derivation bigint);
CREATE TABLE trace_shadow.thing (LIKE trace.thing);
CREATE TABLE cdc_shadow.stage_1 (_source_key text[], _candidate boolean, id int);
CREATE TABLE trace.of_somebody_else (_source_key text[]);
INSERT INTO cdc.held (mapping, source_key, code, detail, dictionary)
SELECT 'm', ARRAY[n::text], CASE n WHEN 1 THEN 'A' ELSE 'B' END, '', '' FROM generate_series(1, 3) n
"""


def test_tables_of_before_have_room_for_warnings_and_their_held_rows_are_counted(
    connection: psycopg.Connection,
) -> None:
    known = migrations()
    place = next(number for number, one in enumerate(known) if one.name.endswith("_waiver"))
    migrate(connection, known[:place])
    connection.execute(HELD_OF_BEFORE)
    migrate(connection)
    query = "SELECT attrelid::regclass::text FROM pg_attribute WHERE attname = '_warnings' ORDER BY 1"
    found = [name for (name,) in connection.execute(query).fetchall()]
    assert found == ["cdc_shadow.stage_1", "trace.thing", "trace_shadow.thing"]
    counts = connection.execute("SELECT mapping, code, rows FROM cdc.held_count ORDER BY 2").fetchall()
    assert counts == [("m", "A", 1), ("m", "B", 2)]

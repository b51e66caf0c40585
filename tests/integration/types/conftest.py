"""Both sources played once, all types side by side; the tests look at what came of it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from compose.local.env import process_environment
from compose.local.stack import Stack
from tests.integration.service import Deployment, connect
from tests.integration.types import mariadb, postgresql
from tests.integration.types.deployment import make
from tests.integration.types.world import (
    LATER,
    Column,
    Database,
    MariaDb,
    PostgreSql,
    change,
    change_keyed,
    columns_of,
    create,
    create_keyed,
    keys_of,
    tables_of,
)

# Left out of its table: a type that does not arrive, and one that would stop the snapshot.
LEFT_OUT = {"pgtypes": ("odd",), "mytypes": ("odd", "y")}
# Columns that the source computes, between others and of both kinds that there are. The last comes while it streams.
GENERATED = {
    "pgtypes": {
        "doubled": "int GENERATED ALWAYS AS (n * 2) STORED",
        "loud": "text GENERATED ALWAYS AS (upper(label)) STORED",
        "late": "int GENERATED ALWAYS AS (n * 3) STORED",
    },
    "mytypes": {
        "doubled": "int AS (n * 2) VIRTUAL",
        "loud": "varchar(20) AS (upper(label)) PERSISTENT",
        "late": "int AS (n * 3) PERSISTENT",
    },
}
COLUMNS = {"pgtypes": columns_of(postgresql.CASES), "mytypes": columns_of(mariadb.CASES)}
KEYS = {"pgtypes": keys_of(postgresql.CASES), "mytypes": keys_of(mariadb.CASES)}
# Tables of long values, without and with REPLICA IDENTITY FULL.
LONG = {"long": postgresql.LONG_VALUES, "long_full": postgresql.LONG_VALUES_IN_FULL}
SECRET = "not to be seen by anybody"


@dataclass(frozen=True, slots=True)
class World:
    """What was played: the sources, what the mirrors hold, and the command line."""

    deployment: Deployment
    sources: Mapping[str, Database]
    target: PostgreSql

    def held(self, source: str, column: Column, key: str) -> dict[str, str | None]:
        """Return what the source holds of a column, by the text of another one."""
        return self.sources[source].rows(column.table, key, column.case.read.format(column.name))

    def found(self, source: str, column: Column, key: str) -> dict[str, str | None]:
        """Return what the mirror holds of it."""
        return self.target.rows(f"{source}.{column.table}", key, column.case.kept.format(column.name))


@pytest.fixture(scope="package")
def world(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The two sources, snapshot and stream landed."""
    folder = tmp_path_factory.mktemp("types")
    own = {"CDC_CONFIG": str(folder / "cdc.yaml"), "CDC_TARGET_DATABASE": "types"}
    env = process_environment(stack.env | own)
    administer(env, "TARGET", "DROP DATABASE IF EXISTS types", "CREATE DATABASE types OWNER cdc")
    administer(env, "MES", "DROP DATABASE IF EXISTS pgtypes WITH (FORCE)", "CREATE DATABASE pgtypes")
    with connect({**env, "CDC_MES_DATABASE": "pgtypes"}, "MES", "DBA_") as source:
        databases: dict[str, Database] = {"pgtypes": PostgreSql(source), "mytypes": MariaDb(env, "mytypes")}
        _make_postgresql(databases["pgtypes"])
        _make_mariadb(databases["mytypes"])
        deployment = _deploy(folder, env)
        with deployment.target() as target:
            with deployment.running() as service:
                _await_end(target, databases, 1, service)
                _change_postgresql(databases["pgtypes"])
                _change_mariadb(databases["mytypes"])
                _await_end(target, databases, 2, service)
            yield World(deployment, databases, PostgreSql(target))


def _await_end(target: psycopg.Connection, sources: Iterable[str], rows: int, service: subprocess.Popen[bytes]) -> None:
    """Wait until the last table of each source has so many rows: all that came before has landed, too."""
    deadline = time.monotonic() + 120
    for source in sources:
        while target.execute(f"SELECT count(*) FROM {source}.zz_end".encode()).fetchall() != [(rows,)]:
            assert service.poll() is None, "the service has stopped"
            assert time.monotonic() < deadline, f"{source} has not landed"
            time.sleep(0.1)


def _deploy(folder: Path, env: Mapping[str, str]) -> Deployment:
    entries = {name: [_entry(name, table) for table in _captured(name)] for name in ("pgtypes", "mytypes")}
    deployment = make(folder, env, entries)
    deployment.cdc("connectors", "apply")
    deployment.cdc("target", "apply")
    return deployment


def _captured(name: str) -> Iterator[str]:
    yield from tables_of(COLUMNS[name])
    yield from tables_of(KEYS[name])
    if name == "pgtypes":
        yield from LONG
    yield from ("without", "computed", "zz_end")


def _entry(name: str, table: str) -> str:
    named = f"public.{table}" if name == "pgtypes" else table
    if table == "without":
        return f"{{table: {named}, without: [{', '.join(LEFT_OUT[name])}]}}"
    return named


def _make(name: str, source: Database) -> None:
    for table, columns in tables_of(COLUMNS[name]).items():
        source.run(*create(table, columns))
    for table, columns in tables_of(KEYS[name]).items():
        source.run(*create_keyed(table, columns))


def _change(name: str, source: Database) -> None:
    for table, columns in tables_of(COLUMNS[name]).items():
        source.run(*change(table, columns))
    for table, columns in tables_of(KEYS[name]).items():
        source.run(*change_keyed(table, columns))


def _make_computed(name: str, source: Database) -> None:
    kinds = GENERATED[name]
    source.run(
        f"CREATE TABLE computed (id int PRIMARY KEY, doubled {kinds['doubled']}, n int, loud {kinds['loud']},"
        " label varchar(20), tail int)",
        "INSERT INTO computed (id, n, label, tail) VALUES (1, 10, 'a', 1), (2, NULL, 'b', 2), (3, 30, NULL, 3)",
    )


def _change_computed(name: str, source: Database) -> None:
    insert = "INSERT INTO computed (id, n, label, tail) VALUES"
    source.run(
        f"{insert} (4, 40, 'd', 4), (5, 50, 'e', 5)",
        "UPDATE computed SET n = 11, label = 'aa' WHERE id = 1",
        "UPDATE computed SET id = 6 WHERE id = 2",
        "DELETE FROM computed WHERE id = 4",
    )
    source.run(f"ALTER TABLE computed ADD late {GENERATED[name]['late']}")
    source.run(f"{insert} (7, 70, 'g', 7)", "UPDATE computed SET n = 33 WHERE id = 3")


def _make_postgresql(source: Database) -> None:
    source.run(postgresql.MAKE_TYPES)
    _make("pgtypes", source)
    _make_computed("pgtypes", source)
    for table in tables_of(column for column in COLUMNS["pgtypes"] if column.case.needs_full):
        source.run(f"ALTER TABLE {table} REPLICA IDENTITY FULL")
    for table, values in LONG.items():
        columns = ", ".join(f"v{number:02} {name}" for number, name in enumerate(values))
        source.run(
            f"CREATE TABLE {table} (id int PRIMARY KEY, {columns}, note int)",
            f"INSERT INTO {table} VALUES (1, {', '.join(values.values())}, 0)",
        )
    source.run("ALTER TABLE long_full REPLICA IDENTITY FULL")
    source.run(
        "CREATE TABLE without (id int PRIMARY KEY, day date, odd varbit, made int GENERATED ALWAYS AS (id) STORED,"
        " tail text)",
        "INSERT INTO without VALUES (1, '0044-03-15 BC', B'101', DEFAULT, 'a')",
        "CREATE TABLE zz_end (id int PRIMARY KEY)",
        "INSERT INTO zz_end VALUES (1)",
        "CREATE PUBLICATION cdc FOR ALL TABLES",
    )


def _make_mariadb(source: Database) -> None:
    _make("mytypes", source)
    _make_computed("mytypes", source)
    source.run(
        "CREATE TABLE without (id int PRIMARY KEY, moment datetime(6), odd varchar(40), y year,"
        " made int AS (id + 1) PERSISTENT, unseen int INVISIBLE DEFAULT 7, tail text)",
        f"INSERT INTO without (id, moment, odd, y, tail) VALUES (1, '2024-03-31 02:30:00.5', '{SECRET}', 0, 'a')",
        # Read by `t.*` and an expression, which pass over columns that are invisible.
        "CREATE TABLE zz_end (id int PRIMARY KEY, f float, unseen int INVISIBLE DEFAULT 7)",
        "INSERT INTO zz_end VALUES (1, 16777217)",
    )


def _change_postgresql(source: Database) -> None:
    _change("pgtypes", source)
    _change_computed("pgtypes", source)
    for table, values in LONG.items():
        source.run(f"INSERT INTO {table} VALUES ({LATER}, {', '.join(values.values())}, 0)")
        source.run(f"UPDATE {table} SET note = 1")
        source.run(f"UPDATE {table} SET id = id + 1")
    source.run("INSERT INTO without (id, day, odd, tail) VALUES (2, 'infinity', B'00101', 'b')")
    source.run("UPDATE without SET tail = 'c' WHERE id = 1", "INSERT INTO zz_end VALUES (2)")


def _change_mariadb(source: Database) -> None:
    _change("mytypes", source)
    _change_computed("mytypes", source)
    source.run(f"INSERT INTO without (id, moment, odd, y, tail) VALUES (2, '0000-00-00', '{SECRET}', 0, 'b')")
    source.run("UPDATE without SET tail = 'c' WHERE id = 1", "INSERT INTO zz_end VALUES (2, 16777217)")


def administer(env: Mapping[str, str], server: str, *statements: str) -> None:
    """Run statements of an administrator of the MES or the target, outside of any database of the test."""
    role = "ADMIN_" if server == "TARGET" else "DBA_"
    with connect({**env, f"CDC_{server}_DATABASE": "postgres"}, server, role) as connection:
        for statement in statements:
            connection.execute(statement)


def refusals(target: psycopg.Connection, mirror: str) -> dict[int, str]:
    """Return the code of each refused row of a mirror by its integer key; each row has one only."""
    rows = target.execute("SELECT DISTINCT key[1]::int, code FROM cdc.refused WHERE mirror = %s", (mirror,)).fetchall()
    assert len(dict(rows)) == len(rows)
    return dict(rows)

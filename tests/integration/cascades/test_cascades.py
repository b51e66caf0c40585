"""What InnoDB does by itself is in the mirrors: random histories on the real MariaDB, through the real connector."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from compose.local.env import process_environment
from compose.local.stack import Stack
from tests.integration.service import Deployment, connect, eventually, settings

SCHEMA = """
CREATE TABLE maker (id int PRIMARY KEY, code varchar(9) COLLATE utf8mb4_bin UNIQUE, name varchar(20));
CREATE TABLE orders (id int PRIMARY KEY, maker int, name varchar(20),
    CONSTRAINT of_maker FOREIGN KEY (maker) REFERENCES maker (id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE line (orders int, no int, maker_code varchar(9) COLLATE utf8mb4_bin, qty int, PRIMARY KEY (orders, no),
    CONSTRAINT of_order FOREIGN KEY (orders) REFERENCES orders (id) ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT of_code FOREIGN KEY (maker_code) REFERENCES maker (code) ON DELETE SET NULL ON UPDATE CASCADE);
CREATE TABLE serial (id int PRIMARY KEY, orders int, no int, note varchar(20),
    CONSTRAINT of_line FOREIGN KEY (orders, no) REFERENCES line (orders, no) ON DELETE SET NULL ON UPDATE CASCADE);
CREATE TABLE part (id int PRIMARY KEY, of_part int, name varchar(20),
    CONSTRAINT within FOREIGN KEY (of_part) REFERENCES part (id) ON DELETE CASCADE);
"""
TABLES = {
    "maker": "id",
    "orders": "id",
    "line": "orders, no",
    "serial": "id",
    "part": "id",
}
SETTINGS = settings("land: {group: cascades, batch_rows: 400}\n")
SOURCE = """\
kind: mariadb
host: 127.0.0.1
port: ${env:CDC_ERP_PORT}
database: casc
user: ${env:CDC_ERP_DBA_USER}
password: ${env:CDC_ERP_DBA_PASSWORD}
state: running
tables: [maker, orders, line, serial, part]
"""
KEYS = 8


@pytest.fixture
def mariadb(stack: Stack) -> Iterator[pymysql.Connection]:
    """The source, with its tables and some rows."""
    env = stack.env
    with pymysql.connect(
        host="127.0.0.1",
        port=int(env["CDC_ERP_PORT"]),
        user=env["CDC_ERP_DBA_USER"],
        password=env["CDC_ERP_DBA_PASSWORD"],
        charset="utf8mb4",
    ) as connection:
        with connection.cursor() as cursor:
            for statement in ("DROP DATABASE IF EXISTS casc", "CREATE DATABASE casc", "USE casc", *SCHEMA.split(";")):
                if statement.strip():
                    cursor.execute(statement)
        yield connection
        with connection.cursor() as cursor:
            cursor.execute("DROP DATABASE casc")


@pytest.fixture
def deployment(stack: Stack, tmp_path: Path) -> Iterator[Deployment]:
    """A deployment of that source alone, with a target database of its own."""
    (tmp_path / "connector-configs").mkdir()
    (tmp_path / "connector-configs" / "casc.yaml").write_text(SOURCE)
    (tmp_path / "dictionary").mkdir()
    (tmp_path / "dictionary" / "dictionary.yaml").write_text("dictionary: cascades\nversion: '1'\nstatus: draft\n")
    (tmp_path / "cdc.yaml").write_text(SETTINGS)
    own = {"CDC_CONFIG": str(tmp_path / "cdc.yaml"), "CDC_TARGET_DATABASE": "cascades"}
    env = process_environment(stack.env | own)
    with connect({**env, "CDC_TARGET_DATABASE": "postgres"}, "TARGET", "ADMIN_") as admin:
        admin.execute("CREATE DATABASE cascades OWNER cdc")
    yield Deployment(tmp_path, env)
    with connect({**env, "CDC_TARGET_DATABASE": "postgres"}, "TARGET", "ADMIN_") as admin:
        admin.execute("DROP DATABASE cascades WITH (FORCE)")


class Application:
    """Does what comes to its mind to the tables; what the database refuses, it leaves."""

    def __init__(self, connection: pymysql.Connection, seed: int) -> None:
        self.connection = connection
        self.chance = random.Random(seed)

    def play(self, transactions: int) -> None:
        for _ in range(transactions):
            for _ in range(self.chance.randint(1, 6)):
                self._try(self._statement())
            self.connection.commit()

    def _try(self, statement: str) -> None:
        with self.connection.cursor() as cursor, suppress(pymysql.err.IntegrityError, pymysql.err.OperationalError):
            cursor.execute(statement)

    def _statement(self) -> str:
        one, two, three = (self.chance.randrange(KEYS) for _ in range(3))
        word = self.chance.choice("abcdefgh")
        code = self.chance.choice(["'a'", "'A'", "'b'", "'b '", "NULL"])
        inserts = [
            f"INSERT INTO maker VALUES ({one}, {code}, '{word}')",
            f"INSERT INTO orders VALUES ({one}, {two}, '{word}')",
            f"INSERT INTO line VALUES ({one}, {two}, {code}, {three})",
            f"INSERT INTO serial VALUES ({one}, {two}, {three}, '{word}')",
            f"INSERT INTO part VALUES ({one}, {self.chance.choice([two, 'NULL'])}, '{word}')",
        ]
        updates = [
            f"UPDATE maker SET id = {one} WHERE id = {two}",
            f"UPDATE maker SET code = {code}, name = '{word}' WHERE id = {one}",
            f"UPDATE maker SET id = id + {KEYS} WHERE id < {one}",
            f"UPDATE orders SET id = {one} WHERE id = {two}",
            f"UPDATE orders SET maker = {one}, name = '{word}' WHERE id = {two}",
            f"UPDATE line SET no = {one} WHERE orders = {two} AND no = {three}",
            f"UPDATE line SET qty = {one} WHERE orders = {two}",
            f"UPDATE serial SET note = '{word}' WHERE id = {one}",
            f"UPDATE part SET name = '{word}', of_part = {one} WHERE id = {two}",
        ]
        table = self.chance.choice(["maker", "orders", "part"])
        deletes = [f"DELETE FROM {table} WHERE id IN ({one}, {two})", f"DELETE FROM line WHERE orders = {one}"]
        kind = self.chance.choices([inserts, updates, deletes], [6, 4, 2])[0]
        return self.chance.choice(kind)


def rows(mariadb: pymysql.Connection, table: str) -> list[tuple[Any, ...]]:
    """Read a source table."""
    with mariadb.cursor() as cursor:
        cursor.execute(f"SELECT * FROM casc.{table} ORDER BY {TABLES[table]}")
        return list(cursor.fetchall())


def test_mirrors_of_a_random_history_with_cascades_equal_their_tables(
    deployment: Deployment, mariadb: pymysql.Connection
) -> None:
    application = Application(mariadb, 1)
    application.play(20)
    deployment.cdc("source", "contract", "casc")
    deployment.cdc("connectors", "apply")
    deployment.cdc("target", "apply")
    with deployment.running(), deployment.target() as target:
        eventually(target, "SELECT generations FROM cdc.position", [(1,)])
        for _ in range(3):
            application.play(150)
            for table, key in TABLES.items():
                eventually(target, f"SELECT * FROM {mirror(table)} ORDER BY {key}", rows(mariadb, table))
        check_what_the_journal_says(target)


def mirror(table: str) -> str:
    """Return a query for the columns that the source has."""
    columns = {
        "maker": "id, code, name",
        "orders": "id, maker, name",
        "line": "orders, no, maker_code, qty",
        "serial": "id, orders, no, note",
        "part": "id, of_part, name",
    }[table]
    return f"(SELECT {columns} FROM casc.{table}) m"


def check_what_the_journal_says(target: psycopg.Connection) -> None:
    """Every mirror had rows changed by a cascade, and the last that the journal says of a key is what is there."""
    cascaded = target.execute("SELECT mirror, sum(cascaded) FROM cdc.batch_table GROUP BY 1 HAVING sum(cascaded) > 0")
    assert {name for name, _ in cascaded.fetchall()} == {"casc.orders", "casc.line", "casc.serial", "casc.part"}
    for table, key in TABLES.items():
        text = ", ".join(f"{name}::text" for name in key.split(", "))
        there = target.execute(f"SELECT ARRAY[{text}] FROM casc.{table} ORDER BY 1").fetchall()
        said = target.execute(
            "SELECT key FROM (SELECT DISTINCT ON (key) key::text[], op FROM cdc.changed_key c"
            " JOIN cdc.changed_mirror m ON m.id = c.mirror, unnest(c.keys) key WHERE m.name = %s"
            " ORDER BY key, batch DESC, c.ctid DESC) k WHERE op = 'u' ORDER BY key",
            (f"casc.{table}",),
        ).fetchall()
        assert said == there
        gone = target.execute(f"SELECT count(*) FROM casc_deleted.{table} d JOIN casc.{table} m USING ({key})")
        assert gone.fetchone() == (0,)

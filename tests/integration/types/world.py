"""Both sources with a table for every type, played from the snapshot on, and what the service made of it.

Of each case there is a table `t…` with a key of its own, and, where the case says so, a table `k…` whose key the type
is. Rows are there before the snapshot; others come, change and go while the connector streams. All that is compared is
text as the servers print it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import psycopg
import pymysql
import pymysql.converters

from tests.integration.types.case import Case

# Rows by their ids: i is in the snapshot, 100 + i is inserted later.
LATER = 100
NULL_ROW, LATE_NULL_ROW = 900, 901
_FRACTION = re.compile(r"\.(\d*?)0+(?!\d)")

Rows = dict[int, str | None]


class Database(Protocol):
    """A source: statements in, text out."""

    def run(self, *statements: str) -> None:
        """Run statements in one transaction."""

    def rows(self, table: str, key: str, column: str) -> dict[str, str | None]:
        """Return a column as text by the text of another one."""


@dataclass(frozen=True, slots=True)
class Table:
    """A case and the table that holds it."""

    case: Case
    number: int

    @property
    def name(self) -> str:
        """The table with a key of its own."""
        return f"t{self.number:03}"

    @property
    def keyed(self) -> str:
        """The table whose key is of the type."""
        return f"k{self.number:03}"


def tables(cases: Sequence[Case]) -> list[Table]:
    """Return the tables of a source's cases."""
    return [Table(case, number) for number, case in enumerate(cases)]


def names(of: Iterable[Table]) -> Iterator[str]:
    """Yield the names of all tables."""
    for table in of:
        yield table.name
        if table.case.as_key:
            yield table.keyed


def create(table: Table, ignore: str) -> Iterator[str]:
    """Yield the statements that make a case's tables and fill them before the snapshot."""
    case = table.case
    yield f"CREATE TABLE {table.name} (id int PRIMARY KEY, v {case.type}, note int)"
    for number, literal in enumerate(case.values, start=1):
        yield f"INSERT INTO {table.name} VALUES ({number}, {literal}, 0)"
    if case.may_be_null:
        yield f"INSERT INTO {table.name} VALUES ({NULL_ROW}, NULL, 0)"
    if case.as_key:
        yield f"CREATE TABLE {table.keyed} (v {case.type} PRIMARY KEY, note int)"
        for literal in case.exact[::2]:
            yield _keyed(table, literal, ignore)


def change(table: Table, ignore: str) -> Iterator[str]:
    """Yield the statements that change them while the connector streams."""
    case = table.case
    for number, literal in enumerate(case.values, start=1):
        yield f"INSERT INTO {table.name} VALUES ({LATER + number}, {literal}, 0)"
    yield f"UPDATE {table.name} SET note = 1 WHERE id < {LATER}"
    yield f"UPDATE {table.name} SET v = {case.exact[-1]} WHERE id = {LATER + 1}"
    if len(case.exact) > 1:
        yield f"DELETE FROM {table.name} WHERE id = {LATER + 2}"
    if case.may_be_null:
        yield f"INSERT INTO {table.name} VALUES ({LATE_NULL_ROW}, {case.exact[0]}, 0)"
        yield f"UPDATE {table.name} SET v = NULL WHERE id = {LATE_NULL_ROW}"
        yield f"UPDATE {table.name} SET v = {case.exact[0]} WHERE id = {NULL_ROW}"
    if case.as_key:
        for literal in case.exact[1::2]:
            yield _keyed(table, literal, ignore)
        yield f"UPDATE {table.keyed} SET note = note + 1"
        if len(case.exact) > 2:
            yield f"DELETE FROM {table.keyed} WHERE v = {case.exact[0]}"


def _keyed(table: Table, literal: str, ignore: str) -> str:
    return ignore.format(f"INTO {table.keyed} VALUES ({literal}, 0)")


def expected(case: Case, source: Mapping[int, str | None]) -> tuple[Rows, dict[int, str]]:
    """Return what the mirror has to hold by id, and which rows have to be refused with which code.

    `source` is what the source holds.
    """
    kept, refused = dict(source), {}
    for number, literal in enumerate(case.values, start=1):
        for row in (number, LATER + number):
            if row in source and literal in case.refused:
                refused[row] = case.refused[literal]
                del kept[row]
            if row in source and literal in case.altered and row != LATER + 1:
                kept[row] = case.altered[literal]
    return kept, refused


def normal(mirror: str, text: str | None) -> str | None:
    """Return a value without what servers print in different ways: exponents, and zeros behind a fraction."""
    if text is None:
        return None
    if mirror in ("real", "double precision"):
        return repr(float(text))
    return _FRACTION.sub(lambda match: f".{match[1]}" if match[1] else "", text) if ":" in text else text


class PostgreSql:
    """A PostgreSQL database. COPY prints values by their types' own output functions."""

    ignore = "INSERT {} ON CONFLICT DO NOTHING"

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        connection.execute("SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'")
        connection.execute("SET extra_float_digits = 1; SET client_min_messages = error")

    def run(self, *statements: str) -> None:
        """Run statements in one transaction."""
        with self.connection.transaction():
            for statement in statements:
                self.connection.execute(statement.encode())

    def rows(self, table: str, key: str, column: str) -> dict[str, str | None]:
        """Return a column as text by the text of another one."""
        statement = f"COPY (SELECT {key}, {column} FROM {table}) TO STDOUT"
        with self.connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            return {str(name): value for name, value in copy.rows()}


class MariaDb:
    """A MariaDB database; the driver decodes nothing and hands over what the server prints."""

    ignore = "INSERT IGNORE {}"

    def __init__(self, env: Mapping[str, str], database: str) -> None:
        self.connection = pymysql.connect(
            host="127.0.0.1",
            port=int(env["CDC_ERP_PORT"]),
            user=env["CDC_ERP_DBA_USER"],
            password=env["CDC_ERP_DBA_PASSWORD"],
            charset="utf8mb4",
            conv=dict(pymysql.converters.encoders),
            init_command="SET time_zone = '+00:00', sql_mode = ''",
        )
        self.run(f"DROP DATABASE IF EXISTS {database}", f"CREATE DATABASE {database} CHARACTER SET utf8mb4")
        self.run(f"USE {database}")

    def run(self, *statements: str) -> None:
        """Run statements in one transaction."""
        with self.connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        self.connection.commit()

    def rows(self, table: str, key: str, column: str) -> dict[str, str | None]:
        """Return a column as text by the text of another one."""
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT {key}, {column} FROM {table}")
            found = {_text(name): _text(value) for name, value in cursor.fetchall()}
        self.connection.commit()
        return {str(name): value for name, value in found.items()}


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode()
    return None if value is None else str(value)

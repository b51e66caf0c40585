"""Both sources with a column for every type, played from the snapshot on, and what the service made of it.

Types of which every value arrives share a table, `plain`; the others have one of their own, `t…`. Tables `k…` have some
types in their primary keys. Rows are there before the snapshot; others come, change and go while the connector streams.
All that is compared is text as the servers print it.
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
# A key of MariaDB has 3,072 bytes at most.
_KEY_COLUMNS = 5
_FRACTION = re.compile(r"\.(\d*?)0+(?!\d)")

Rows = dict[int, str | None]


class Database(Protocol):
    """A source: statements in, text out."""

    def run(self, *statements: str) -> None:
        """Run statements in one transaction."""

    def rows(self, table: str, key: str, column: str) -> dict[str, str | None]:
        """Return a column as text by the text of another one."""


@dataclass(frozen=True, slots=True)
class Column:
    """A case and where it is."""

    case: Case
    table: str
    name: str

    @property
    def is_plain(self) -> bool:
        """Tell whether the column shares its table with others."""
        return self.table.startswith("plain")


def columns_of(cases: Iterable[Case]) -> list[Column]:
    """Return where each case is, in the order of the cases."""
    return [Column(case, _table(case, number), f"v{number:03}") for number, case in enumerate(cases)]


def _table(case: Case, number: int) -> str:
    if case.refused or case.altered:
        return f"t{number:03}"
    return "plain_full" if case.needs_full else "plain"


def keys_of(cases: Iterable[Case]) -> list[Column]:
    """Return where each case is that is part of a key."""
    groups = _groups([case for case in cases if case.as_key])
    return [Column(case, f"k{group:02}", f"v{place}") for group, own in groups for place, case in enumerate(own)]


def _groups(cases: Sequence[Case]) -> Iterator[tuple[int, Sequence[Case]]]:
    for first in range(0, len(cases), _KEY_COLUMNS):
        yield first // _KEY_COLUMNS, cases[first : first + _KEY_COLUMNS]


def tables_of(columns: Iterable[Column]) -> dict[str, list[Column]]:
    """Return the columns by their tables."""
    found: dict[str, list[Column]] = {}
    for column in columns:
        found.setdefault(column.table, []).append(column)
    return found


def create(table: str, columns: Sequence[Column]) -> Iterator[str]:
    """Yield the statements that make a table and fill it before the snapshot."""
    listed = ", ".join(f"{column.name} {column.case.type}" for column in columns)
    yield f"CREATE TABLE {table} (id int PRIMARY KEY, {listed}, note int)"
    yield from _rows(table, columns, 0)


def _rows(table: str, columns: Sequence[Column], first: int) -> Iterator[str]:
    """Yield inserts: of each column's values one after the other, then of NULL, or of its last one."""
    for number in range(1, max(len(column.case.values) for column in columns) + 2):
        literals = (_literal(column.case, number) for column in columns)
        if columns[0].is_plain or number <= len(columns[0].case.values):
            yield f"INSERT INTO {table} VALUES ({first + number}, {', '.join(literals)}, 0)"


def _literal(case: Case, number: int) -> str:
    return case.values[number - 1] if number <= len(case.values) else _null_or_last(case)


def _null_or_last(case: Case) -> str:
    return "NULL" if case.may_be_null else case.exact[-1]


def change(table: str, columns: Sequence[Column]) -> Iterator[str]:
    """Yield the statements that change the table while the connector streams."""
    yield from _rows(table, columns, LATER)
    yield f"UPDATE {table} SET note = 1 WHERE id < {LATER}"
    last = ", ".join(f"{column.name} = {column.case.exact[-1]}" for column in columns)
    yield f"UPDATE {table} SET {last} WHERE id = {LATER + 1}"
    if all(len(column.case.exact) > 1 for column in columns) or columns[0].is_plain:
        yield f"DELETE FROM {table} WHERE id = {LATER + 2}"
    null = ", ".join(f"{column.name} = NULL" for column in columns if column.case.may_be_null)
    if null:
        firsts = ", ".join(column.case.exact[0] for column in columns)
        yield f"INSERT INTO {table} VALUES ({LATE_NULL_ROW}, {firsts}, 0)"
        yield f"UPDATE {table} SET {null} WHERE id = {LATE_NULL_ROW}"
        nulls = ", ".join(_null_or_last(column.case) for column in columns)
        yield f"INSERT INTO {table} VALUES ({NULL_ROW}, {nulls}, 0)"
        firsts = ", ".join(f"{column.name} = {column.case.exact[0]}" for column in columns)
        yield f"UPDATE {table} SET {firsts} WHERE id = {NULL_ROW}"


def create_keyed(table: str, columns: Sequence[Column]) -> Iterator[str]:
    """Yield the statements that make a table with the columns in its key, every other row there before the snapshot."""
    listed = ", ".join(f"{column.name} {column.case.type}" for column in columns)
    key = ", ".join(column.name for column in columns)
    yield f"CREATE TABLE {table} (n int, {listed}, note int, PRIMARY KEY (n, {key}))"
    yield from _keyed(table, columns, 2)


def change_keyed(table: str, columns: Sequence[Column]) -> Iterator[str]:
    """Yield the statements that change it while the connector streams."""
    yield from _keyed(table, columns, 1)
    yield f"UPDATE {table} SET note = note + 1"
    given = " AND ".join(f"{column.name} = {column.case.exact[0]}" for column in columns)
    yield f"DELETE FROM {table} WHERE n = 1 AND {given}"
    others = ", ".join(f"{column.name} = {column.case.exact[0]}" for column in columns)
    yield f"UPDATE {table} SET {others} WHERE n = 2"


def _keyed(table: str, columns: Sequence[Column], first: int) -> Iterator[str]:
    for number in range(first, max(len(column.case.exact) for column in columns) + 1, 2):
        literals = (column.case.exact[min(number, len(column.case.exact)) - 1] for column in columns)
        yield f"INSERT INTO {table} VALUES ({number}, {', '.join(literals)}, 0)"


def expected(case: Case, source: Mapping[int, str | None]) -> tuple[Rows, dict[int, str]]:
    """Return what the mirror has to hold by id, and which rows have to be refused with which code.

    `source` is what the source holds.
    """
    kept: Rows = dict(source)
    refused: dict[int, str] = {}
    for number, literal in enumerate(case.values, start=1):
        for row in (number, LATER + number):
            if row not in source or row == LATER + 1:
                continue
            if literal in case.refused:
                refused[row] = case.refused[literal]
                del kept[row]
            elif literal in case.altered:
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
    """A MariaDB or MySQL database; the driver decodes nothing and hands over what the server prints."""

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

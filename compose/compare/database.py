"""Reads tables as text, sorted by key, one row at a time: MariaDB over pymysql, PostgreSQL over COPY.

Both print a value in the same way, PostgreSQL's with TimeZone UTC and DateStyle ISO, so that equal text is an equal
value and nothing is rounded on the way. Both sort keys as text by code point, which is the order of their UTF-8 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
import pymysql
import pymysql.converters
import pymysql.cursors
from psycopg import sql

from compose.compare.value import Text

# Tables without any unique index: what identifies a row is declared, here as in the connector's file.
_DECLARED_KEYS = {"erp.ICInventory": ("FItemID", "FStockID", "FBatchNo")}

# Encoders only: a driver that decodes nothing hands over every value as the server prints it.
_ENCODERS: dict[Any, Any] = dict(pymysql.converters.encoders)

_PLAIN = frozenset(
    {
        *("tinyint", "smallint", "mediumint", "int", "bigint", "year", "decimal"),
        *("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "uuid"),
    }
)
_BINARY = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})


class ComparisonError(Exception):
    """The comparison cannot be made; the message says why."""


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A source table: how its mirror is called, its columns in order, what identifies a row."""

    mirror: str
    columns: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def name(self) -> str:
        """The table's own name."""
        return self.mirror.partition(".")[2]


@dataclass(frozen=True, slots=True)
class KeyedRow:
    """A row as text; `key` is what rows are sorted by."""

    key: tuple[str, ...]
    values: tuple[Text, ...]


class SourceDatabase(Protocol):
    """One source."""

    def tables(self) -> list[SourceTable]:
        """Return all tables of the source, by name."""
        ...

    def rows(self, table: SourceTable) -> Iterator[KeyedRow]:
        """Yield the rows of a table, sorted by key."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class MariaDb:
    """The ERP's database."""

    def __init__(self, env: Mapping[str, str], source: str) -> None:
        self._source = source
        self._connection = pymysql.connect(
            host=env["CDC_ERP_HOST"],
            port=int(env["CDC_ERP_PORT"]),
            user=env["CDC_ERP_ADMIN_USER"],
            password=env["CDC_ERP_ADMIN_PASSWORD"],
            database=env["CDC_ERP_DATABASE"],
            charset="utf8mb4",
            init_command="SET time_zone = '+00:00'",
            conv=_ENCODERS,
            cursorclass=pymysql.cursors.SSCursor,
        )

    def tables(self) -> list[SourceTable]:
        """Return all tables of the database, by name."""
        columns: dict[str, list[str]] = {}
        keys: dict[str, list[str]] = {}
        for table, column in self._query(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()"
            " AND is_generated = 'NEVER' ORDER BY table_name, ordinal_position"
        ):
            columns.setdefault(table, []).append(column)
        for table, column in self._query(
            "SELECT table_name, column_name FROM information_schema.statistics WHERE table_schema = DATABASE()"
            " AND index_name = 'PRIMARY' ORDER BY table_name, seq_in_index"
        ):
            keys.setdefault(table, []).append(column)
        return [_source_table(self._source, table, columns[table], keys.get(table)) for table in columns]

    def rows(self, table: SourceTable) -> Iterator[KeyedRow]:
        """Yield the rows of a table, sorted by key."""
        types = {
            column: (kind, declared)
            for column, kind, declared in self._query(
                "SELECT column_name, data_type, column_type FROM information_schema.columns"
                f" WHERE table_schema = DATABASE() AND table_name = '{table.name}'"
            )
        }
        keys = [f"CONVERT({_quoted(column)} USING utf8mb4) COLLATE utf8mb4_nopad_bin" for column in table.key]
        values = [_as_postgresql_prints(column, *types[column]) for column in table.columns]
        select = f"SELECT {', '.join([*keys, *values])} FROM {_quoted(table.name)} ORDER BY {', '.join(keys)}"
        for row in self._query(select):
            yield KeyedRow(row[: len(keys)], row[len(keys) :])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _query(self, statement: str) -> Iterator[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            yield from cursor


class PostgreSql:
    """A PostgreSQL database; as a source (the MES) or as the target."""

    def __init__(self, env: Mapping[str, str], prefix: str, account: str, source: str) -> None:
        self._source = source
        self.connection = psycopg.connect(
            host=env[f"{prefix}_HOST"],
            port=int(env[f"{prefix}_PORT"]),
            user=env[f"{account}_USER"],
            password=env[f"{account}_PASSWORD"],
            dbname=env[f"{prefix}_DATABASE"],
            application_name="compare",
            options="-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=postgres -c extra_float_digits=1",
            autocommit=True,
        )

    def tables(self) -> list[SourceTable]:
        """Return all tables of schema public, by name."""
        rows = self.connection.execute(
            """
            SELECT c.relname,
                   array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attgenerated = ''),
                   (SELECT array_agg(k.attname::text ORDER BY k.attnum)
                      FROM pg_attribute k
                     WHERE k.attrelid = (SELECT i.indexrelid FROM pg_index i
                                          WHERE i.indrelid = c.oid AND i.indisunique
                                          ORDER BY i.indisprimary DESC, i.indexrelid LIMIT 1))
              FROM pg_class c
              JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
             GROUP BY c.oid, c.relname
             ORDER BY c.relname
            """
        )
        return [_source_table(self._source, table, columns, key) for table, columns, key in rows]

    def rows(self, table: SourceTable) -> Iterator[KeyedRow]:
        """Yield the rows of a table, sorted by key."""
        return self.read("public", table.name, table.key, table.columns)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def columns(self, schema: str, table: str) -> set[str]:
        """Return the columns of a table; none if it is not there."""
        rows = self.connection.execute(
            "SELECT column_name::text FROM information_schema.columns WHERE table_schema = %s AND table_name = %s",
            (schema, table),
        )
        return {column for (column,) in rows}

    def read(self, schema: str, table: str, key: tuple[str, ...], columns: tuple[str, ...]) -> Iterator[KeyedRow]:
        """Yield some columns of a table, sorted by key."""
        key_text = [sql.SQL('{}::text COLLATE "C"').format(sql.Identifier(column)) for column in key]
        values = [sql.Identifier(column) for column in columns]
        statement = sql.SQL("COPY (SELECT {} FROM {} ORDER BY {}) TO STDOUT").format(
            sql.SQL(", ").join([*key_text, *values]), sql.Identifier(schema, table), sql.SQL(", ").join(key_text)
        )
        with self.connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in copy.rows():
                yield KeyedRow(row[: len(key)], row[len(key) :])


def _source_table(source: str, table: str, columns: list[str], key: list[str] | None) -> SourceTable:
    mirror = f"{source}.{table}"
    if key is None and mirror not in _DECLARED_KEYS:
        raise ComparisonError(f"{mirror} has no unique index, and no key is declared for it.")
    return SourceTable(mirror, tuple(columns), tuple(key or _DECLARED_KEYS[mirror]))


def _as_postgresql_prints(column: str, kind: str, declared: str) -> str:
    """Return the expression whose text is what the mirror's column prints."""
    name = _quoted(column)
    fraction = "(" in declared
    if kind in _PLAIN:
        return name
    if kind == "bit":
        width = declared.removeprefix("bit(").removesuffix(")")
        return f"LPAD(BIN({name} + 0), {width}, '0')"
    if kind in {"date", "datetime", "timestamp"}:
        text = f"CAST({name} AS CHAR)"
        if fraction:
            text = f"TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {text}))"
        if kind == "timestamp":
            text = f"CONCAT({text}, '+00')"
        return f"IF({name} = 0, NULL, {text})"  # a zero date means none
    if kind in _BINARY:
        return f"CONCAT('\\\\x', LOWER(HEX({name})))"
    raise ComparisonError(f"{column} is {declared}: how PostgreSQL prints it is not written down here.")


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"

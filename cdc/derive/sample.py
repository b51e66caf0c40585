"""A bounded look at a mirror: some rows of it, spread over the table, for who drafts a mapping of it.

Everything is read in a transaction that can only read, and every statement has a time limit: the target is at work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from transforms.draft.table import Sample, SourceColumn, SourceTable

_CUT: Final = 2001
"""Characters of a text that are read, more than fields have room for; its length is read, too."""
_MORE: Final = 1.2
"""How many times the wanted rows are aimed at: whole pages are read, and some have fewer rows."""
_TEXTS = ("text", "char")
_CONDITION = SQL("SELECT c.reltuples::bigint, pg_catalog.pg_relation_size(c.oid) FROM pg_catalog.pg_class c"
                 " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                 " WHERE n.nspname = {} AND c.relname = {} AND c.relkind = 'r'")  # fmt: skip
_PAGE = 8192
_ROWS_PER_PAGE = 20  # of a table that was never analysed
_PAGES = 20  # each page is in it or not: of fewer there might be none


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a mirror is read, and how long a statement may take."""

    rows: int
    seconds: float


@contextmanager
def reading(connection: psycopg.Connection, limits: Limits) -> Iterator[None]:
    """Let nothing be written, and no statement take longer."""
    connection.rollback()
    connection.read_only = True
    try:
        timeout = SQL("SET LOCAL statement_timeout = {}").format(Literal(f"{round(limits.seconds * 1000)}ms"))
        connection.execute(timeout)
        yield
    finally:
        connection.rollback()
        connection.read_only = None


def read_sample(connection: psycopg.Connection, table: SourceTable, limits: Limits) -> Sample | None:
    """Return some rows of the table's mirror; None if there is no such mirror, or the time was not enough."""
    try:
        with reading(connection, limits):
            found = connection.execute(_CONDITION.format(Literal(table.source), Literal(table.name))).fetchone()
            if found is None:
                return None
            estimate, _ = found
            columns = _there(connection, table)
            rows = connection.execute(_query(table, columns, limits.rows, _percent(limits.rows, *found))).fetchall()
    except psycopg.errors.QueryCanceled:
        return None
    return _sample(columns, rows, max(estimate, len(rows)) if estimate >= 0 else None)


def present_in(
    connection: psycopg.Connection, values: Sequence[object], other: SourceTable, limits: Limits
) -> tuple[int, int] | None:
    """Return how many of the values are keys of the other mirror, and how many there are; None if nobody knows."""
    key = other.column(other.key[0])
    query = SQL("SELECT count(*) FROM unnest({}::{}[]) AS wanted (value) WHERE EXISTS"
                " (SELECT FROM {} AS mirror WHERE mirror.{} = wanted.value)").format(
        Literal(list(values)), SQL(key.mirror_type), Identifier(other.source, other.name), Identifier(key.name)
    )  # fmt: skip
    try:
        with reading(connection, limits):
            row = connection.execute(query).fetchone()
    except (psycopg.errors.QueryCanceled, psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        return None
    return (int(row[0]), len(values)) if row else None


def _there(connection: psycopg.Connection, table: SourceTable) -> tuple[SourceColumn, ...]:
    """Return the columns that a mapping can read, as far as the mirror has them: the contract may be ahead of it."""
    rows = connection.execute(
        "SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        (Identifier(table.source, table.name).as_string(connection),),
    ).fetchall()
    names = {name for (name,) in rows}
    return tuple(column for column in table.columns if column.declared and column.name in names)


def _percent(rows: int, estimate: int, size: int) -> float:
    """Return the part of a table's pages in which so many rows are likely to be."""
    pages = max(size // _PAGE, 1)
    about = estimate if estimate > 0 else pages * _ROWS_PER_PAGE
    return min(100.0, 100 * max(_MORE * rows / about, _PAGES / pages))


def _query(table: SourceTable, columns: Sequence[SourceColumn], rows: int, percent: float) -> Composed:
    parts = [part for column in columns for part in _parts(column)]
    return SQL("SELECT {} FROM {} TABLESAMPLE SYSTEM ({}) REPEATABLE (0) LIMIT {}").format(
        SQL(", ").join(parts) if parts else SQL("NULL"),
        Identifier(table.source, table.name),
        Literal(percent),
        Literal(rows),
    )


def _parts(column: SourceColumn) -> Iterator[Composable]:
    name = Identifier(column.name)
    if column.declared in _TEXTS:
        yield SQL("left({}::text, {})").format(name, Literal(_CUT))
        yield SQL("length({}::text)").format(name)
    else:
        yield name


def _sample(columns: Sequence[SourceColumn], rows: Sequence[tuple[Any, ...]], about: int | None) -> Sample:
    values: dict[str, tuple[Any, ...]] = {}
    longest: dict[str, int] = {}
    read = iter(zip(*rows, strict=True)) if rows else iter(())
    for column in columns if rows else ():
        values[column.name] = next(read)
        if column.declared in _TEXTS:
            longest[column.name] = max((length for length in next(read) if length is not None), default=0)
    return Sample(len(rows), about, values, longest)

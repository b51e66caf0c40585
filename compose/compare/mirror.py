"""Every mirror equals its source table, row by row: two streams sorted by key, merged."""

from __future__ import annotations

from collections.abc import Iterator

from compose.compare.database import ComparisonError, KeyedRow, PostgreSql, SourceDatabase, SourceTable
from compose.compare.result import Result


def compare_source(source: SourceDatabase, target: PostgreSql, result: Result) -> None:
    """Compare all tables of a source with their mirrors."""
    for table in source.tables():
        schema, _, name = table.mirror.partition(".")
        missing = sorted(set(table.columns) - target.columns(schema, name))
        if missing:
            result.differ("mirror column missing", f"{table.mirror}: {', '.join(missing)}")
            continue
        mirror_rows = target.read(schema, name, table.key, table.columns)
        for row in merge(source.rows(table), mirror_rows, table, result):
            result.mirror_rows += row


def merge(source: Iterator[KeyedRow], mirror: Iterator[KeyedRow], table: SourceTable, result: Result) -> Iterator[int]:
    """Yield 1 for each row of the mirror, 0 for each that it lacks, and note where the sides differ."""
    left, right = _sorted(source, table, result), _sorted(mirror, table, result)
    mine, theirs = next(left, None), next(right, None)
    while mine is not None or theirs is not None:
        result.compared_rows += 1
        if theirs is None or (mine is not None and _order(mine) < _order(theirs)):
            result.differ("row missing", place(table.mirror, mine.key if mine else ()))
            yield 0
            mine = next(left, None)
        elif mine is None or _order(theirs) < _order(mine):
            result.differ("row too many", place(table.mirror, theirs.key))
            yield 1
            theirs = next(right, None)
        else:
            for column, value, copy in zip(table.columns, mine.values, theirs.values, strict=True):
                if value != copy:
                    result.differ("value", f"{place(table.mirror, mine.key)} {column}")
            yield 1
            mine, theirs = next(left, None), next(right, None)


def place(table: str, key: tuple[str | None, ...]) -> str:
    """Name a row."""
    return f"{table}[{', '.join(part or 'NULL' for part in key)}]"


def _order(row: KeyedRow) -> tuple[bytes, ...]:
    return tuple(part.encode() for part in row.key)


def _sorted(rows: Iterator[KeyedRow], table: SourceTable, result: Result) -> Iterator[KeyedRow]:
    """Pass rows on; the same key twice is a mismatch, a wrong order (a collation that is not binary) an error."""
    last: tuple[bytes, ...] | None = None
    for row in rows:
        order = _order(row)
        if last is not None and order < last:
            raise ComparisonError(f"{place(table.mirror, row.key)} is out of order: keys are not sorted by code point.")
        if order == last:
            result.differ("key twice", place(table.mirror, row.key))
        last = order
        yield row

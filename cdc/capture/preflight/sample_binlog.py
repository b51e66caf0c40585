"""Which values of MariaDB and MySQL do not arrive (connector-configs/types.md), as conditions, and the rows
that are asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cdc.capture.charset import UNICODE
from cdc.capture.connector import max_record_bytes
from cdc.capture.preflight.finding import Finding
from cdc.capture.preflight.query import Query
from cdc.capture.preflight.sample import Check, Column, Sampled, by_table, counted, found
from cdc.capture.quoting import backquoted
from cdc.capture.source import Source

_COLUMNS = """
SELECT TABLE_NAME AS `table`, COLUMN_NAME AS name, DATA_TYPE AS type, IS_NULLABLE = 'YES' AS is_nullable,
       CHARACTER_SET_NAME AS charset
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s ORDER BY TABLE_NAME, ORDINAL_POSITION"""
_KEYS = """
SELECT TABLE_NAME AS `table`, COLUMN_NAME AS name FROM information_schema.STATISTICS
WHERE TABLE_SCHEMA = %s AND INDEX_NAME = 'PRIMARY' ORDER BY TABLE_NAME, SEQ_IN_INDEX"""

_ZERO = (
    "YEAR({0}) = 0 OR MONTH({0}) = 0 OR DAYOFMONTH({0}) = 0",
    "zero dates in a column that may not be NULL (VAL-102)",
)
_EPOCH = ("{0} = '1970-01-01'", "1970-01-01, as which zero dates arrive (VAL-102)")
_YEAR_ZERO = (
    "YEAR({0}) = 0 AND MONTH({0}) <> 0 AND DAYOFMONTH({0}) <> 0",
    "of the year 0, refused in the snapshot (VAL-102)",
)
_GAP = (
    "{0} >= '1582-10-05' AND {0} < '1582-10-15'",
    "of the ten days that the calendar left out, refused in the snapshot (VAL-102)",
)
_NO_YEAR = ("{0} = 0", "year 0000, which fails in the snapshot")
# As MariaDB itself has no character for them, a conversion has a question mark. Of gbk they arrive all the same.
_NO_CHARACTER = (
    "CHAR_LENGTH(REPLACE(CONVERT({0} USING utf8mb4), '?', '')) < CHAR_LENGTH(REPLACE({0}, '?', ''))",
    "bytes that are no character of {charset} (VAL-111)",
)
# No regular expression: of a long text MySQL's fails, and MariaDB's finds nothing.
_LATIN1 = (
    " OR ".join(f"LOCATE(x'{byte}', CAST({{0}} AS BINARY)) > 0" for byte in ("81", "8D", "8F", "90", "9D")),
    "bytes that are refused out of the log (VAL-111)",
)
_EXACT = UNICODE | {None, "gbk", "latin1"}
_DATES = {
    ("date", True): (_YEAR_ZERO,),
    ("date", False): (_ZERO, _EPOCH),
    ("datetime", True): (_GAP,),
    ("datetime", False): (_ZERO, _EPOCH, _GAP),
    ("timestamp", False): (("YEAR({0}) = 0", "zero dates in a column that may not be NULL (VAL-102)"),),
}
_LONG = frozenset({"mediumtext", "longtext", "mediumblob", "longblob"})


def columns_of(source: Source, query: Query, database: str) -> list[Column]:
    """Return the captured columns that the account may read, of tables and of whatever else has such a name."""
    without = {table.name: table.without for table in source.tables}
    columns = (Column("", *_values(row)) for row in query(_COLUMNS, (database,)))
    return [column for column in columns if column.table in without and column.name not in without[column.table]]


def _values(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["table"], row["name"], row["type"], bool(row["is_nullable"]), row["charset"]


def sample(source: Source, columns: Sequence[Column], query: Query, database: str, limit: int) -> Sampled:
    """Look at up to `limit` rows of each table: all of a smaller one, else as many from either end of its key."""
    findings: list[Finding] = []
    rows: dict[str, int] = {}
    keys = by_table([Column("", row["table"], row["name"], "") for row in query(_KEYS, (database,))])
    for (_, table), own in by_table(columns).items():
        checks = [check for column in own for check in checks_of(source.kind, column, max_record_bytes(source))]
        quoted = backquoted(database, table)
        (counts,) = query(_asked(quoted, checks, [key.name for key in keys.get(("", table), ())], limit, query), ())
        rows[f"{database}.{table}"] = int(counts["n"])
        findings += found(checks, counts, quoted)
    return Sampled(findings, rows)


def checks_of(kind: str, column: Column, max_bytes: int) -> Iterator[Check]:
    """Yield what is asked of a column of a product. `max_bytes` is the size of the largest record."""
    value = f"t.{backquoted(column.name)}"
    conditions: Sequence[tuple[str, str]] = _DATES.get((column.type, column.is_nullable), ())
    if column.type == "year" and kind == "mariadb":
        conditions = (_NO_YEAR,)
    elif column.charset == "latin1":
        conditions = (_LATIN1,)
    elif column.charset not in _EXACT and column.type not in ("enum", "set"):
        conditions = (_NO_CHARACTER,)
    for condition, outcome in conditions:
        yield Check(column, condition.format(value), outcome.format(charset=column.charset))
    if column.type in _LONG:
        size = f"LENGTH({value}){' * 2' if column.type.endswith('blob') else ''}"
        yield Check(column, f"{size} > {max_bytes}", "longer than a record may be; the connector stops (CON-103)")


def _asked(quoted: str, checks: Sequence[Check], key: Sequence[str], limit: int, query: Query) -> str:
    """Return the query. The ends of the key do not overlap: as many rows are asked of the second as are left."""
    order = ", ".join(backquoted(name) for name in key)
    # By their names: `*` passes over those that are invisible.
    columns = ", ".join(dict.fromkeys(backquoted(check.column.name) for check in checks)) or "1"
    (row,) = query(f"SELECT COUNT(*) AS n FROM (SELECT 1 FROM {quoted} LIMIT {limit + 1}) t", ())
    rows = f"SELECT {columns} FROM {quoted} LIMIT {limit}"
    if order and int(row["n"]) > limit:
        last = ", ".join(f"{backquoted(name)} DESC" for name in key)
        rows = (
            f"(SELECT {columns} FROM {quoted} ORDER BY {order} LIMIT {limit - limit // 2})"
            f" UNION ALL (SELECT {columns} FROM {quoted} ORDER BY {last} LIMIT {limit // 2})"
        )
    return f"SELECT {counted(checks)} FROM ({rows}) t"

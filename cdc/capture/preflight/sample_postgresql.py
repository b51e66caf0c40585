"""Which values of PostgreSQL do not arrive (connector-configs/types.md), as conditions, and the rows that are asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg
from psycopg.rows import DictRow

from cdc.capture.connector import max_record_bytes
from cdc.capture.preflight.finding import Finding
from cdc.capture.preflight.sample import Check, Column, Sampled, by_table, counted, found
from cdc.capture.quoting import double_quoted
from cdc.capture.source import Source

# A domain is what it rests on.
_COLUMNS = """
WITH RECURSIVE base AS (
    SELECT a.attrelid, a.attnum, a.attname, a.atttypid AS oid FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE (n.nspname, c.relname) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
      AND c.relkind IN ('r', 'p') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
      AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
      AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
    SELECT b.attrelid, b.attnum, b.attname, t.typbasetype FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.oid
    WHERE t.typtype = 'd'
)
SELECT n.nspname AS schema, c.relname AS table, b.attname AS name, pg_catalog.format_type(b.oid, NULL) AS type
FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.oid AND t.typtype <> 'd'
JOIN pg_catalog.pg_class c ON c.oid = b.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
ORDER BY b.attrelid, b.attnum"""
_ESTIMATE = "SELECT reltuples FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass(%s)"

_YEAR = "{0} >= '10000-01-01' AND pg_catalog.isfinite({0})"
_BEYOND = (_YEAR, "of the year 10000 or later (VAL-102)")
_NEAR_1970 = (
    "{0} > '1969-12-31 23:59:57' AND {0} < '1970-01-01 00:00:03' AND {0} <> pg_catalog.date_trunc('second', {0})",
    "less than 3 s from 1970-01-01 00:00 with a fraction of a second (VAL-102)",
)
_OLD = ("EXISTS (SELECT FROM pg_catalog.unnest({0}) e WHERE e < '1582-10-25')", "elements before 1582-10-25 (VAL-102)")
_DIMENSIONS = ("pg_catalog.array_ndims({0}) > 1", "arrays of several dimensions (VAL-101)")
_BY_TYPE = {
    "date": (_BEYOND,),
    "timestamp without time zone": (_BEYOND, _NEAR_1970),
    "timestamp with time zone": (_BEYOND,),
    "interval": (
        ("abs(extract(hour FROM {0})) > 2147483647", "of more hours than the connector reads; it stops (CON-103)"),
    ),
    "date[]": (_OLD,),
    "timestamp without time zone[]": (_OLD,),
    "timestamp with time zone[]": (_OLD,),
    "numeric[]": (("'NaN' = ANY ({0})", "with NaN, at which the connector stops (CON-103)"),),
}
_LONG = frozenset({"text", "character varying", "json", "jsonb", "xml", "bytea"})
_SPARE = 1.5  # blocks are not equally full


def columns_of(source: Source, connection: psycopg.Connection[DictRow]) -> list[Column]:
    """Return the captured columns that the account may read."""
    without = {(table.schema, table.name): table.without for table in source.tables}
    schemas, names = [table.schema for table in source.tables], [table.name for table in source.tables]
    rows = connection.execute(_COLUMNS, (schemas, names)).fetchall()
    columns = (Column(row["schema"], row["table"], row["name"], row["type"]) for row in rows)
    return [column for column in columns if column.name not in without[column.schema, column.table]]


def sample(source: Source, columns: Sequence[Column], connection: psycopg.Connection[DictRow], limit: int) -> Sampled:
    """Look at up to `limit` rows of each table: all of a smaller one, else of blocks taken at random."""
    findings: list[Finding] = []
    rows: dict[str, int] = {}
    for (schema, table), own in by_table(columns).items():
        checks = [check for column in own for check in checks_of(column, max_record_bytes(source))]
        quoted = double_quoted(schema, table)
        taken = _taken(connection, quoted, limit)
        query = f"SELECT {counted(checks)} FROM (SELECT * FROM {quoted}{taken} LIMIT {limit}) t"
        counts = connection.execute(query.encode()).fetchone() or {}
        rows[f"{schema}.{table}"] = counts["n"]
        findings += found(checks, counts, quoted)
    return Sampled(findings, rows)


def checks_of(column: Column, max_bytes: int) -> Iterator[Check]:
    """Yield what is asked of a column. `max_bytes` is the size of the largest record."""
    value = f"t.{double_quoted(column.name)}"
    conditions: Sequence[tuple[str, str]] = _BY_TYPE.get(column.type, ())
    if column.type.endswith("[]"):
        conditions = (*conditions, _DIMENSIONS)
    if column.type in _LONG:
        size = f"pg_catalog.pg_column_size({value})" if column.type in ("json", "jsonb", "xml") else ""
        size = size or f"pg_catalog.octet_length({value}){' * 2' if column.type == 'bytea' else ''}"
        yield Check(column, f"{size} > {max_bytes}", "longer than a record may be; the connector stops (CON-103)")
    yield from (Check(column, condition.format(value), outcome) for condition, outcome in conditions)


def _taken(connection: psycopg.Connection[DictRow], quoted: str, limit: int) -> str:
    """Return how the rows are chosen: by blocks at random if the table is known to have more."""
    row = connection.execute(_ESTIMATE, (quoted,)).fetchone()
    estimate = row["reltuples"] if row else -1
    if estimate <= limit * _SPARE:
        return ""
    return f" TABLESAMPLE SYSTEM ({100 * _SPARE * limit / estimate:.6f})"

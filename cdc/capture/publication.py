"""The publication of a PostgreSQL source: what it carries, and what it has to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import DictRow

from cdc.capture.connector import publication
from cdc.capture.finding import Fault, raise_all
from cdc.capture.quoting import double_quoted
from cdc.capture.source import Source

# Column lists and row filters came with version 15, generated columns with 18: as JSON they are not there before.
_PUBLICATION = """
SELECT p.puballtables, p.pubviaroot, p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate AS whole,
       coalesce(to_jsonb(p) ->> 'pubgencols', 'n') <> 'n' AS generated,
       ARRAY(SELECT format('%%s.%%s', t.schemaname, t.tablename) FROM pg_catalog.pg_publication_tables t
             WHERE t.pubname = p.pubname) AS tables,
       ARRAY(SELECT r.prrelid FROM pg_catalog.pg_publication_rel r WHERE r.prpubid = p.oid
             AND coalesce(to_jsonb(r) ->> 'prattrs', to_jsonb(r) ->> 'prqual') IS NOT NULL) AS partial,
       (SELECT jsonb_object_agg(r.prrelid, r.oid::bigint) FROM pg_catalog.pg_publication_rel r
        WHERE r.prpubid = p.oid) AS entries
FROM pg_catalog.pg_publication p WHERE p.pubname = %s"""

_PARTITIONED = """
SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'p' AND (n.nspname, c.relname) IN (SELECT * FROM unnest(%s::text[], %s::text[])) LIMIT 1"""
_BY_ROOT = "publish_via_partition_root = true"

Tables = Mapping[tuple[str, str], Mapping[str, Any]]
"""What the catalogue says of tables, by schema and name."""


def published_by(name: str, connection: psycopg.Connection[DictRow]) -> Mapping[str, Any] | None:
    """Return what the catalogue says of a publication; None if there is none."""
    return connection.execute(_PUBLICATION, (name,)).fetchone()


def publish(source: Source, *, by_root: bool) -> str:
    """Return the statement that makes a source's publication; `by_root`: one of its tables is partitioned."""
    tables = ", ".join(double_quoted(table.schema, table.name) for table in source.tables)
    options = f" WITH ({_BY_ROOT})" if by_root else ""
    return f"CREATE PUBLICATION {double_quoted(publication(source))} FOR TABLE {tables}{options}"


def has_partitioned(source: Source, connection: psycopg.Connection[DictRow]) -> bool:
    """Tell whether a captured table is partitioned: its publication is to name it, not its partitions."""
    schemas, names = [table.schema for table in source.tables], [table.name for table in source.tables]
    return connection.execute(_PARTITIONED, (schemas, names)).fetchone() is not None


def check_publication(source: Source, published: Mapping[str, Any] | None, tables: Tables) -> None:
    """Raise SRC-123 with all that keeps the publication from carrying what is captured, each with its statement."""
    name = publication(source)
    if published is None:
        by_root = any(row["kind"] == "p" for row in tables.values())
        raise Fault("SRC-123", f"{name} is not there", publish(source, by_root=by_root))
    change = f"ALTER PUBLICATION {double_quoted(name)}"
    faults = []
    if not published["whole"]:
        operations = "insert, update, delete, truncate"
        what = f"{name} does not publish insert, update, delete and truncate"
        faults.append(Fault("SRC-123", what, f"{change} SET (publish = '{operations}')"))
    if published["generated"]:
        what = f"{name} publishes generated columns, which mirrors do not have"
        faults.append(Fault("SRC-123", what, f"{change} SET (publish_generated_columns = none)"))
    for (schema, table), row in tables.items():
        place, quoted = f"{schema}.{table}", double_quoted(schema, table)
        if row["kind"] == "p" and not published["pubviaroot"]:
            what = f"{name} publishes the partitions of {place}, not the table"
            faults.append(Fault("SRC-123", what, f"{change} SET ({_BY_ROOT})"))
        elif place not in published["tables"]:
            faults.append(Fault("SRC-123", f"{name} lacks {place}", f"{change} ADD TABLE {quoted}"))
        elif row["oid"] in published["partial"]:
            what = f"{name} publishes {place} without some of its rows or columns"
            faults.append(Fault("SRC-123", what, f"{change} DROP TABLE {quoted}; {change} ADD TABLE {quoted}"))
    raise_all(faults)

"""What the target shows at one moment: a single statement, hence one snapshot of everything that is promised."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import psycopg

from tests.faults.tables import TABLES

Document = dict[str, Any]
CANONICAL: Final = ("lot", "serial", "claim")

# Notes every move of a position, inside the transaction that moves it: who, and under which epoch.
WITNESS: Final = """
CREATE SCHEMA witness;
CREATE TABLE witness.move (
    id bigint GENERATED ALWAYS AS IDENTITY, stream text, epoch bigint, batch bigint, next_offset bigint,
    old_epoch bigint, old_batch bigint, old_next_offset bigint, pid int, owner_pid int, transaction bigint);
CREATE FUNCTION witness.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO witness.move (stream, epoch, batch, next_offset, old_epoch, old_batch, old_next_offset, pid, owner_pid,
                              transaction)
    VALUES (NEW.stream, NEW.epoch, NEW.batch, NEW.next_offset, OLD.epoch, OLD.batch, OLD.next_offset, pg_backend_pid(),
            NEW.backend_pid, txid_current());
    RETURN NULL;
END $$;
CREATE TRIGGER note AFTER UPDATE ON cdc.position FOR EACH ROW EXECUTE FUNCTION witness.note();
"""


@dataclass(frozen=True)
class Picture:
    """Rows as JSON objects: mirrors and deleted twins by mirror, canonical tables by name."""

    positions: dict[str, Document]
    mirrors: dict[str, list[Document]]
    deleted: dict[str, list[Document]]
    stale: list[Document]
    canonical: dict[str, list[Document]]
    held: list[Document]
    watermarks: dict[str, int]
    """Stream to the offset up to which it is derived."""


def look(connection: psycopg.Connection[Any], sources: Iterable[str]) -> Picture:
    """Take a picture."""
    return read(take(connection, sources), sources)


def take(connection: psycopg.Connection[Any], sources: Iterable[str]) -> str:
    """Take a picture and return it as text: two that are equal need not be read twice."""
    parts = {
        "positions": _rows("cdc.position"),
        "stale": _rows("cdc.stale"),
        "held": _rows("cdc.held"),
        "watermarks": _rows(
            "(SELECT w.stream, b.next_offset FROM cdc.watermark w JOIN cdc.batch b USING (stream, batch))"
        ),
    }
    for mirror in _mirrors(sources):
        parts[f"mirror {mirror}"] = _rows(mirror)
        parts[f"deleted {mirror}"] = _rows(mirror.replace(".", "_deleted."))
    for table in CANONICAL:
        parts[f"canonical {table}"] = _rows(f"trace.{table}")
    query = ", ".join(f"'{name}', {rows}" for name, rows in parts.items())
    row = connection.execute(f"SELECT json_build_object({query})::text".encode()).fetchone()
    assert row is not None
    return str(row[0])


def read(text: str, sources: Iterable[str]) -> Picture:
    """Return the picture."""
    found = json.loads(text, parse_float=Decimal)
    return Picture(
        {row["stream"]: row for row in found["positions"]},
        {mirror: found[f"mirror {mirror}"] for mirror in _mirrors(sources)},
        {mirror: found[f"deleted {mirror}"] for mirror in _mirrors(sources)},
        found["stale"],
        {table: found[f"canonical {table}"] for table in CANONICAL},
        found["held"],
        {row["stream"]: row["next_offset"] for row in found["watermarks"]},
    )


def _mirrors(sources: Iterable[str]) -> list[str]:
    return [f"{source}.{table}" for source in sources for table in TABLES[source]]


def _rows(table: str) -> str:
    return f"(SELECT coalesce(json_agg(to_jsonb(t)), '[]') FROM {table} t)"

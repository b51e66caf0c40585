"""The state of streams and domains as the target knows it: ledger, positions and watermarks are the truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from transforms.domain import Domain
from transforms.mapping import Target


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """How far one stream has landed. The counts are sums of the ledger; `stale` are rows behind a refused change."""

    stream: str
    position: int
    batch: int
    generations: int
    captured: int
    landed: int
    superseded: int
    filtered: int
    replayed: int
    refused: int
    control: int
    stale: int
    lag: int | None
    freshness_s: float | None
    has_worker: bool


@dataclass(frozen=True, slots=True)
class IgnoredColumn:
    """A column that came to the source (`mirror` is `schema.table`) and is not mirrored; `since` is ISO 8601, UTC."""

    mirror: str
    column: str
    since: str


COUNTED_BYTES = 8 * 1024 * 1024
"""A status that is asked for every second must not read a table of millions."""


@dataclass(frozen=True, slots=True)
class DomainStatus:
    """How far one domain is derived. `behind_*` is None until its first derivation.

    `tables` has the rows of each table; of one larger than COUNTED_BYTES about how many, as of its last ANALYZE.
    """

    domain: str
    tables: dict[str, int | None]
    held: dict[str, int]
    behind_batches: int | None
    behind_s: float | None
    derivation: int
    has_worker: bool


_STREAMS = """
SELECT p.stream, p.next_offset AS position, p.batch, p.generations,
       greatest(p.next_offset, p.read_from) - p.shift AS in_topic,
       p.captured, p.landed, p.superseded, p.filtered, p.replayed, p.refused, p.control,
       (SELECT count(*) FROM cdc.stale s WHERE s.stream = p.stream) AS stale,
       extract(epoch FROM clock_timestamp() - p.source_ts)::float8 AS freshness_s,
       EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = p.backend_pid AND a.backend_start = p.backend_start)
           AS has_worker
FROM cdc.position p
ORDER BY p.stream
"""

_BEHIND = """
SELECT sum(p.batch - w.batch)::bigint AS behind_batches,
       coalesce(extract(epoch FROM clock_timestamp() - min(b.landed_at)), 0)::float8 AS behind_s
FROM cdc.watermark w
JOIN cdc.position p USING (stream)
LEFT JOIN cdc.batch b ON b.stream = w.stream AND b.batch = w.batch + 1
WHERE w.domain = %s
HAVING count(*) > 0
"""


# The lease of a domain is a session advisory lock of this key (`cdc.derive.lease`).
_LEASED = """
SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database d ON d.oid = database
               WHERE d.datname = current_database() AND locktype = 'advisory' AND objsubid = 1 AND granted
                 AND (classid::bigint << 32 | objid::bigint) = hashtextextended('cdc derive ' || %s, 0))
"""


def read_streams(connection: psycopg.Connection, ends: Mapping[str, int]) -> list[StreamStatus]:
    """Return every stream that a worker has ever owned; `ends` are the streams' end offsets, where they are known."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_STREAMS).fetchall()
    return [_stream(row, ends.get(row["stream"])) for row in rows]


def read_domains(connection: psycopg.Connection, domains: Iterable[Domain]) -> list[DomainStatus]:
    """Return every domain of the dictionary; a table that is not there yet has None rows."""
    return [_domain(connection, domain) for domain in domains]


def read_ignored(connection: psycopg.Connection) -> list[IgnoredColumn]:
    """Return the columns that landing ignores because a connector file says so, in order of their names."""
    rows = connection.execute(
        "SELECT mirror, one->>'name', one->>'since' FROM cdc.contract, jsonb_array_elements(content->'ignored') one"
        " ORDER BY mirror, one->>'name'"
    )
    return [IgnoredColumn(*row) for row in rows]


def _stream(row: dict[str, Any], end: int | None) -> StreamStatus:
    in_topic = row.pop("in_topic")
    return StreamStatus(**row, lag=None if end is None else max(0, end - in_topic))


def _domain(connection: psycopg.Connection, domain: Domain) -> DomainStatus:
    targets = {str(target): target for mapping in domain.mappings for target in mapping.targets}
    held = connection.execute(
        "SELECT code, sum(rows)::bigint FROM cdc.held_count WHERE mapping = ANY(%s) AND rows > 0 GROUP BY code"
        " ORDER BY code",
        (list(domain.made_of),),
    ).fetchall()
    behind = connection.execute(_BEHIND, (domain.name,)).fetchone()
    leased = connection.execute(_LEASED, (domain.name,)).fetchone()
    derivation = connection.execute("SELECT derivation FROM cdc.domain WHERE name = %s", (domain.name,)).fetchone()
    return DomainStatus(
        domain=domain.name,
        tables={name: _count(connection, target) for name, target in sorted(targets.items())},
        held=dict(held),
        behind_batches=behind[0] if behind else None,
        behind_s=behind[1] if behind else None,
        derivation=derivation[0] if derivation else 0,
        has_worker=bool(leased and leased[0]),
    )


def _count(connection: psycopg.Connection, target: Target) -> int | None:
    """Return how many rows a table has, None if it is not there; of one that takes long to count, about how many."""
    found = connection.execute(_ABOUT, {"schema": target.schema, "table": target.table}).fetchone()
    if found is None:
        return None
    size, about = found
    if size > COUNTED_BYTES and about >= 0:
        return int(about)
    table = Identifier(target.schema, target.table)
    counted = connection.execute(SQL("SELECT count(*) FROM {}").format(table)).fetchone()
    return int(counted[0]) if counted else None


_ABOUT = """
SELECT pg_relation_size(c.oid), c.reltuples FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE (n.nspname, c.relname) = (%(schema)s, %(table)s) AND c.relkind = 'r'
"""

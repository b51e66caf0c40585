"""What the target knows of each mirror of a source: changes that were refused, rows behind them, rows that are held."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import psycopg
from psycopg.rows import class_row

from transforms.mapping import MirrorRef


@dataclass(frozen=True, slots=True)
class TableStatus:
    """One mirror: `refused` changes ever, `stale` rows now, `held` rows of mappings that read it first.

    With the rows of folds that it contributes to: one that several mirrors contribute to is held at each of them.
    `changed_at` is when the batch with its last change landed, `committed_at` the last commit in that batch, by the
    source's clock, of whatever table; None if none has, or where the batch has rows of a snapshot alone.
    """

    mirror: str
    refused: int
    stale: int
    held: int
    committed_at: datetime | None
    changed_at: datetime | None


# The last change by the index of changed rows, which a batch is found in without reading the ledger.
_TABLES: Final = """
WITH refused AS (SELECT mirror, count(*) AS rows FROM cdc.refused WHERE stream = %(stream)s GROUP BY mirror),
stale AS (SELECT mirror, count(*) AS rows FROM cdc.stale WHERE stream = %(stream)s GROUP BY mirror),
held AS (SELECT mapping, sum(rows)::bigint AS rows FROM cdc.held_count WHERE mapping = ANY (%(mappings)s)
         GROUP BY mapping)
SELECT c.mirror, coalesce(r.rows, 0) AS refused, coalesce(s.rows, 0) AS stale,
       coalesce((SELECT sum(h.rows)::bigint FROM held h
                 JOIN unnest(%(mappings)s::text[], %(mirrors)s::text[]) m (mapping, mirror) USING (mapping)
                 WHERE m.mirror = c.mirror), 0) AS held,
       l.committed_at, l.changed_at
FROM cdc.contract c LEFT JOIN refused r USING (mirror) LEFT JOIN stale s USING (mirror)
LEFT JOIN LATERAL (SELECT b.source_ts_last AS committed_at, b.landed_at AS changed_at FROM cdc.changed_mirror k
                   CROSS JOIN LATERAL (SELECT max(batch) AS batch FROM cdc.changed_key WHERE mirror = k.id) n
                   JOIN cdc.batch b ON b.stream = k.stream AND b.batch = n.batch
                   WHERE k.stream = %(stream)s AND k.name = c.mirror) l ON true
WHERE c.source = %(source)s ORDER BY c.mirror
"""


def read_tables(
    connection: psycopg.Connection, source: str, stream: str, made_of: Mapping[str, Collection[MirrorRef]]
) -> list[TableStatus]:
    """Return the mirrors of a source; `made_of` is the dictionary's (`Domain.made_of`)."""
    pairs = [(name, str(mirror)) for name, mirrors in made_of.items() for mirror in mirrors]
    parameters = {
        "stream": stream,
        "source": source,
        "mappings": [name for name, _ in pairs],
        "mirrors": [mirror for _, mirror in pairs],
    }
    with connection.cursor(row_factory=class_row(TableStatus)) as cursor:
        return cursor.execute(_TABLES, parameters).fetchall()


def count_held(connection: psycopg.Connection, source: str, made_of: Mapping[str, Collection[MirrorRef]]) -> int:
    """Return how many rows are held that rows of a source have a part in, each once."""
    names = [name for name, mirrors in made_of.items() if any(mirror.schema == source for mirror in mirrors)]
    row = connection.execute(
        "SELECT coalesce(sum(rows), 0)::bigint FROM cdc.held_count WHERE mapping = ANY (%s)", (names,)
    ).fetchone()
    return int(row[0]) if row else 0

"""How complete each source was at a moment: what a list of devices that is made then can be missing.

Landed up to when (by the source's clock), how far behind the topic's end, derived up to where, and what is not in
canonical tables although it has landed: refused changes, stale rows, held rows, gaps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from cdc.derive.bind import mirror_refs
from cdc.land.gap import Gap, read_gaps
from transforms.model import Dictionary

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Completeness:
    """One source. `lag`: records of the topic that have not landed, None if Kafka did not say.

    `landed_to` and `position` are those of the last commit that landed; `underived`: batches that have landed and are
    not derived; `held` counts held rows that its rows have a part in, by code. `in_snapshot`: its first rows are still
    being read.
    """

    source: str
    stream: str
    landed_to: datetime | None
    position: str | None
    offset: int
    batch: int
    lag: int | None
    underived: int
    in_snapshot: bool
    refused: int
    stale: int
    held: dict[str, int]
    gaps: list[Gap]

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing, as far as anybody knows, but what was committed since `landed_to`."""
        return self.lag == 0 and not (self.underived or self.in_snapshot or self.stale or self.held or self.gaps)


_SOURCES = """
SELECT p.source, p.stream, p.source_ts AS landed_to, p.source_position AS position, p.next_offset AS "offset", p.batch,
       -- Behind the last record Kafka keeps its own commit marker.
       CASE WHEN %(ends)s::jsonb ? p.stream THEN greatest(
           0, (%(ends)s::jsonb ->> p.stream)::bigint - 1 - (greatest(p.next_offset, p.read_from) - p.shift)) END AS lag,
       coalesce((SELECT max(p.batch - coalesce(w.batch, 0)) FROM jsonb_each(%(reads)s) d (name, sources)
                 LEFT JOIN cdc.watermark w ON w.domain = d.name AND w.stream = p.stream
                 WHERE d.sources ? p.source), p.batch) AS underived,
       p.snapshot_position IS NOT NULL OR p.generations = 0 AS in_snapshot, p.refused,
       (SELECT count(*) FROM cdc.stale s WHERE s.stream = p.stream) AS stale,
       coalesce((SELECT jsonb_object_agg(code, n) FROM (
           SELECT h.code, sum(h.rows)::bigint AS n FROM cdc.held_count h
           WHERE h.rows > 0 AND %(made_of)s::jsonb -> h.mapping ? p.source GROUP BY h.code) h), '{}') AS held,
       '{}'::text[] AS gaps
FROM cdc.position p ORDER BY p.source
"""


def read_completeness(
    connection: Connection,
    ends: Mapping[str, int],
    streams: Mapping[str, str],
    dictionary: Dictionary,
) -> list[Completeness]:
    """Return each source as the transaction shows it; `ends` has the end offsets of topics, where they are known.

    `streams` are those of all sources that there are, by name: one of which nothing has landed is not complete.
    `dictionary`, the one in force, knows whose rows are in a fold: one that is held is missing from each of them.
    """
    parts = {name: sorted({mirror.schema for mirror in mirrors}) for name, mirrors in dictionary.made_of().items()}
    reads = {domain.name: sorted({mirror.schema for mirror in mirror_refs(domain)}) for domain in dictionary.domains()}
    with connection.cursor(row_factory=class_row(Completeness)) as cursor:
        known = {"ends": Jsonb(dict(ends)), "made_of": Jsonb(parts), "reads": Jsonb(reads)}
        found = cursor.execute(_SOURCES, known).fetchall()
    there = {one.source for one in found}
    unseen = [_unseen(name, stream, ends.get(stream)) for name, stream in streams.items() if name not in there]
    return [replace(one, gaps=read_gaps(connection, one.stream)) for one in found] + unseen


def _unseen(source: str, stream: str, end: int | None) -> Completeness:
    """Return a source of which nothing is in the target: its first rows have yet to be read."""
    return Completeness(source, stream, None, None, 0, 0, end, 0, True, 0, 0, {}, [])

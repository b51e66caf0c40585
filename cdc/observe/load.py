"""How far an initial load is: rows that the open snapshot has brought, of how many, how fast, and when it ends.

So is the reading of single tables beside the stream.

What has landed is read from the ledger, so a load that was interrupted goes on where it was. How many rows there are is
what the source's own statistics estimate; where they say nothing, or have turned out to be too low, the end is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

LOADED: Final = "loaded"
LOADING: Final = "loading"
WAITING: Final = "waiting"
# Long enough for a batch of wide rows, short enough to notice that it has stopped.
_RATE_OVER_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class TableLoad:
    """One table: `rows` have landed of about `estimated_rows` (None: unknown); `percent` is None where that is."""

    mirror: str
    state: str
    rows: int
    estimated_rows: int | None
    percent: float | None


@dataclass(frozen=True, slots=True)
class Load:
    """A source whose snapshot is open. `rows_per_s` is that of the last minute, `eta_s` None if nobody can know."""

    stream: str
    rows: int
    estimated_rows: int | None
    percent: float | None
    rows_per_s: float
    eta_s: float | None
    seconds: float
    tables: list[TableLoad] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Landed:
    """What the ledger has of one table since its snapshot began."""

    rows: int
    recent: int
    last_batch: int


_LANDED: Final = """
SELECT p.stream, t.mirror, max(t.batch) AS last_batch,
       sum(t.landed + t.superseded + t.filtered + t.replayed + t.refused)::bigint AS rows,
       coalesce(sum(t.landed + t.superseded + t.filtered + t.replayed + t.refused)
                FILTER (WHERE b.landed_at > clock_timestamp() - make_interval(secs => %s)), 0)::bigint AS recent
FROM cdc.position p
JOIN cdc.batch b ON b.stream = p.stream AND b.next_offset > p.generation_from
JOIN cdc.batch_table t ON t.stream = b.stream AND t.batch = b.batch
WHERE p.snapshot_position IS NOT NULL
GROUP BY p.stream, t.mirror ORDER BY p.stream, min(t.batch), t.mirror
"""
# The batches of a stream land in order: from the last one before a moment on, all are behind it.
_LANDED_SINCE: Final = """
SELECT t.mirror, max(t.batch) AS last_batch,
       sum(t.landed + t.superseded + t.filtered + t.replayed + t.refused)::bigint AS rows,
       coalesce(sum(t.landed + t.superseded + t.filtered + t.replayed + t.refused)
                FILTER (WHERE b.landed_at > clock_timestamp() - make_interval(secs => %(recent)s)), 0)::bigint AS recent
FROM unnest(%(mirrors)s::text[], %(since)s::timestamptz[]) r (mirror, since)
CROSS JOIN LATERAL (SELECT coalesce((SELECT batch FROM cdc.batch WHERE stream = %(stream)s AND landed_at < r.since
                                     ORDER BY batch DESC LIMIT 1), 0) AS batch) l
JOIN cdc.batch b ON b.stream = %(stream)s AND b.batch > l.batch
JOIN cdc.batch_table t ON t.stream = b.stream AND t.batch = b.batch AND t.mirror = r.mirror
GROUP BY t.mirror
"""
_BEGAN: Final = """
SELECT p.stream,
       extract(epoch FROM clock_timestamp() - min(b.landed_at - make_interval(secs => b.seconds)))::float8 AS seconds
FROM cdc.position p JOIN cdc.batch b ON b.stream = p.stream AND b.next_offset > p.generation_from
WHERE p.snapshot_position IS NOT NULL GROUP BY p.stream
"""


def open_snapshots(connection: psycopg.Connection) -> list[str]:
    """Return the streams that are in a snapshot."""
    rows = connection.execute("SELECT stream FROM cdc.position WHERE snapshot_position IS NOT NULL ORDER BY stream")
    return [stream for (stream,) in rows.fetchall()]


def read_loads(
    connection: psycopg.Connection, orders: Mapping[str, Sequence[str]], estimates: Mapping[str, int]
) -> list[Load]:
    """Return every load. `orders` has the mirrors of a stream in the order in which they are read, as far as is known;
    `estimates` the rows of a mirror's table, where the source says.
    """
    landed: dict[str, dict[str, Landed]] = {}
    with connection.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(_LANDED, (_RATE_OVER_S,)).fetchall():
            landed.setdefault(row["stream"], {})[row["mirror"]] = _landed(row)
    began = connection.execute(_BEGAN).fetchall()
    return [
        estimate_load(stream, seconds, orders.get(stream, ()), landed.get(stream, {}), estimates)
        for stream, seconds in sorted(began)
    ]


def read_reading(
    connection: psycopg.Connection,
    stream: str,
    order: Sequence[str],
    begun: Mapping[str, datetime],
    estimates: Mapping[str, int],
) -> Load:
    """Return how far the reading of some mirrors' tables is; `begun` has those of which rows were selected already."""
    parameters = {"stream": stream, "mirrors": list(begun), "since": list(begun.values()), "recent": _RATE_OVER_S}
    with connection.cursor(row_factory=dict_row) as cursor:
        found = {row["mirror"]: _landed(row) for row in cursor.execute(_LANDED_SINCE, parameters).fetchall()}
    first = min(begun.values(), default=None)
    seconds = 0.0 if first is None else max(0.0, (datetime.now(UTC) - first).total_seconds())
    return estimate_load(stream, seconds, order, found, estimates)


def estimate_load(
    stream: str, seconds: float, order: Iterable[str], landed: Mapping[str, Landed], estimates: Mapping[str, int]
) -> Load:
    """Return how far a load is that began `seconds` ago."""
    mirrors = list(dict.fromkeys([*order, *landed]))
    # Tables are read one after the other: the one that came last is being read, and those before it are whole.
    last = max(range(len(mirrors)), key=lambda n: (_last_batch(landed, mirrors[n]), n), default=-1)
    begun = any(landed.values())
    tables = []
    for number, mirror in enumerate(mirrors):
        rows = landed[mirror].rows if mirror in landed else 0
        is_before = begun and (number < last or (number > last and mirror in landed))
        state = LOADED if is_before else LOADING if begun and number == last else WAITING
        tables.append(_table(mirror, state, rows, estimates.get(mirror)))
    done = sum(table.rows for table in tables)
    total = _sum(table.estimated_rows for table in tables)
    rate = sum(table.recent for table in landed.values()) / max(1.0, min(_RATE_OVER_S, seconds))
    eta = (total - done) / rate if total is not None and rate else None
    return Load(stream, done, total, _percent(done, total), rate, eta, seconds, tables)


def _landed(row: Mapping[str, Any]) -> Landed:
    return Landed(row["rows"], row["recent"], row["last_batch"])


def _last_batch(landed: Mapping[str, Landed], mirror: str) -> int:
    return landed[mirror].last_batch if mirror in landed else -1


def _table(mirror: str, state: str, rows: int, estimated: int | None) -> TableLoad:
    if state == LOADED:
        return TableLoad(mirror, state, rows, rows, 100.0)
    known = None if estimated is None or estimated < rows else estimated
    return TableLoad(mirror, state, rows, known, _percent(rows, known))


def _percent(rows: int, total: int | None) -> float | None:
    return None if total is None else 100.0 * rows / total if total else 100.0


def _sum(values: Iterable[int | None]) -> int | None:
    listed = list(values)
    known = [value for value in listed if value is not None]
    return sum(known) if len(known) == len(listed) else None

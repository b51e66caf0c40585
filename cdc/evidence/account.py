"""The ledger of a stream, read and held against itself: each record that was read has one fate, in one batch.

The target's own constraints hold most of it; what is asked here would also show a ledger that its owner has changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row

from cdc.evidence.chain import Fault
from cdc.land.position import COUNTED

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Account:
    """The sums of one stream up to its position: `captured` is the sum of all that follow it."""

    stream: str
    batches: int
    next_offset: int
    captured: int
    landed: int
    superseded: int
    filtered: int
    replayed: int
    refused: int
    control: int


@dataclass(frozen=True, slots=True)
class TableAccount:
    """The sums of one mirror; `cascaded` rows changed without an event, and are none of the captured ones."""

    stream: str
    mirror: str
    landed: int
    superseded: int
    filtered: int
    replayed: int
    refused: int
    cascaded: int


def read_accounts(connection: Connection, stream: str | None = None) -> list[Account]:
    """Return the sums of a stream, or of all that have landed anything, by name."""
    with connection.cursor(row_factory=class_row(Account)) as cursor:
        query = (
            f"SELECT stream, batch AS batches, next_offset, captured, {', '.join(COUNTED)} FROM cdc.position"
            " WHERE batch > 0 AND stream = coalesce(%s, stream) ORDER BY stream"
        )
        return cursor.execute(query.encode(), (stream,)).fetchall()


def read_table_accounts(connection: Connection, stream: str | None = None) -> list[TableAccount]:
    """Return the sums of each mirror, by stream and name. Reads the whole ledger."""
    names = ("landed", "superseded", "filtered", "replayed", "refused", "cascaded")
    sums = ", ".join(f"sum({name})::bigint AS {name}" for name in names)
    with connection.cursor(row_factory=class_row(TableAccount)) as cursor:
        query = (
            f"SELECT stream, mirror, {sums} FROM cdc.batch_table WHERE stream = coalesce(%s, stream)"
            " GROUP BY stream, mirror ORDER BY stream, mirror"
        )
        return cursor.execute(query.encode(), (stream,)).fetchall()


def check_account(connection: Connection, stream: str) -> Fault | None:
    """Hold each batch of a stream against the one before, its tables, its journal, its refused changes; then the sums.

    Return the first batch that does not agree, and its offset. What has left the journal for an archive is not asked
    for here (`cdc journal verify`).
    """
    found = connection.execute(_BATCHES, {"stream": stream}).fetchone()
    if found is not None:
        return Fault(*found)
    found = connection.execute(_END, {"stream": stream}).fetchone()
    return None if found is None else Fault(*found)


_FATES = "landed, superseded, filtered, replayed, refused"
_SUMS = ", ".join(f"sum({name}) AS {name}" for name in _FATES.split(", "))
_BATCHES = f"""
SELECT batch, first_offset, what FROM (
    SELECT b.batch, b.first_offset, CASE
        WHEN b.batch <> coalesce(lag(b.batch) OVER w, 0) + 1 THEN 'the batch before it is not there'
        WHEN b.first_offset <> coalesce(lag(b.next_offset) OVER w, 0)
            THEN format('the batch before ends at %%s', coalesce(lag(b.next_offset) OVER w, 0))
        WHEN b.captured <> b.landed + b.superseded + b.filtered + b.replayed + b.refused + b.control
            THEN format('of %%s captured records %%s have a fate', b.captured,
                        b.landed + b.superseded + b.filtered + b.replayed + b.refused + b.control)
        WHEN (b.landed, b.superseded, b.filtered, b.replayed, b.refused) IS DISTINCT FROM
             (coalesce(t.landed, 0), coalesce(t.superseded, 0), coalesce(t.filtered, 0), coalesce(t.replayed, 0),
              coalesce(t.refused, 0)) THEN 'its tables have other counts'
        WHEN b.refused <> coalesce(r.kept, 0)
            THEN format('%%s changes are refused, %%s are kept', b.refused, coalesce(r.kept, 0))
        WHEN j.records <> b.captured
            THEN format('%%s records are captured, the journal has %%s', b.captured, j.records)
    END AS what
    FROM cdc.batch b
    LEFT JOIN (SELECT batch, {_SUMS} FROM cdc.batch_table WHERE stream = %(stream)s GROUP BY batch) t USING (batch)
    LEFT JOIN (SELECT batch, count(*) AS kept FROM cdc.refused WHERE stream = %(stream)s GROUP BY batch) r USING (batch)
    LEFT JOIN (SELECT batch, sum(records) AS records FROM cdc.journal WHERE stream = %(stream)s GROUP BY batch) j
        USING (batch)
    WHERE b.stream = %(stream)s WINDOW w AS (ORDER BY b.batch)
) checked WHERE what IS NOT NULL ORDER BY batch LIMIT 1
""".encode()
_TOTALS = ", ".join(f"coalesce(sum({name}), 0)" for name in ("captured", *COUNTED))
_END = f"""
SELECT p.batch, p.next_offset, CASE
    WHEN (p.batch, p.next_offset) <> (coalesce(l.batch, 0), coalesce(l.next_offset, 0))
        THEN format('the last batch is %%s and ends at %%s', coalesce(l.batch, 0), coalesce(l.next_offset, 0))
    ELSE 'the sums beside the position are not those of its batches' END
FROM cdc.position p
LEFT JOIN LATERAL (SELECT batch, next_offset FROM cdc.batch b WHERE b.stream = p.stream ORDER BY batch DESC LIMIT 1) l
    ON true
WHERE p.stream = %(stream)s AND (
    (p.batch, p.next_offset) <> (coalesce(l.batch, 0), coalesce(l.next_offset, 0))
    OR (p.captured, {", ".join(f"p.{name}" for name in COUNTED)})
        <> (SELECT {_TOTALS} FROM cdc.batch b WHERE b.stream = p.stream))
""".encode()

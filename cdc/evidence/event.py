"""One event of the journal, found by its offset, with the proof that it stands in the chain of its stream."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any

import psycopg

from cdc.evidence.chain import GENESIS
from cdc.land.journal import chained, opened, record_digest, unpack
from cdc.protect.seal import Opener
from cdc.stream.envelope import position_text, read_event

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Proof:
    """The chunk in which an event stands: the head of the chain before and behind it, in hex.

    `holds`: the chunk's records, folded into the head before, give the head behind.
    """

    first_offset: int
    next_offset: int
    before: str
    head: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What an event says of itself. `committed_at` is by the source's clock, `digest` SHA-256 of the record, in hex."""

    stream: str
    offset: int
    batch: int
    operation: str | None
    transaction: str | None
    position: str | None
    committed_at: datetime | None
    landed_at: datetime
    digest: str
    proof: Proof


_CHUNK = """
SELECT j.batch, j.first_offset, j.next_offset, j.chunk, j.data_key, j.chain, b.landed_at,
       coalesce((SELECT o.chain FROM cdc.journal o WHERE o.stream = j.stream AND (o.batch, o.first_offset)
                 < (j.batch, j.first_offset) ORDER BY o.batch DESC, o.first_offset DESC LIMIT 1),
                (SELECT a.head FROM cdc.archive a WHERE a.stream = j.stream ORDER BY a.last_batch DESC LIMIT 1))
FROM (SELECT stream, batch, landed_at FROM cdc.batch WHERE stream = %(stream)s AND first_offset <= %(offset)s
      ORDER BY first_offset DESC LIMIT 1) b
JOIN cdc.journal j ON j.stream = b.stream AND j.batch = b.batch
WHERE j.first_offset <= %(offset)s AND j.next_offset > %(offset)s
"""


def find_archived(connection: Connection, stream: str, offset: int) -> str | None:
    """Return the file of the archive that has the event at an offset; None if it has not been archived."""
    row = connection.execute(
        "SELECT file FROM cdc.archive WHERE stream = %s AND first_offset <= %s AND next_offset > %s",
        (stream, offset, offset),
    ).fetchone()
    return None if row is None else str(row[0])


def find_event(opener: Opener, stream: str, offset: int, database: str) -> Found | None:
    """Return the event at an offset; None if the journal does not have it (any more).

    Raises ShreddedError if the key of its chunk was shredded, FatalError PRT-103, PRT-104.
    """
    row = opener.connection.execute(_CHUNK, {"stream": stream, "offset": offset}).fetchone()
    if row is None:
        return None
    batch, first_offset, next_offset, chunk, data_key, chain, landed_at, before = row
    records = unpack(opened(opener, stream, first_offset, chunk, data_key))
    record = next((one for one in records if one.offset == offset), None)
    if record is None:
        return None
    head = reduce(chained, records, before or GENESIS)
    event = read_event(record, database)
    return Found(
        stream,
        offset,
        batch,
        event.op,
        event.transaction,
        position_text(event.position) or None,
        event.source_ts,
        landed_at,
        record_digest(record).hex(),
        Proof(first_offset, next_offset, (before or GENESIS).hex(), bytes(chain).hex(), head == bytes(chain)),
    )

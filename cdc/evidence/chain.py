"""The chain of a stream, walked again: from the first record that landed to the position.

Each chunk of the journal says what the head of the chain is behind its last record. Whoever changes, drops, inserts or
reorders a record breaks the head of its chunk; whoever writes the heads anew as well has another head at the end, which
an anchor that is kept elsewhere contradicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import psycopg
import zstandard

from cdc.evidence.snapshot import snapshot
from cdc.land.journal import chained, unpack

Connection = psycopg.Connection[Any]
GENESIS = b""
"""The head of a chain before its first record."""


class Fault(NamedTuple):
    """The first thing that is wrong with a stream, at which batch and from which offset on."""

    batch: int
    offset: int
    what: str


class Head(NamedTuple):
    """The head of a stream's chain behind the record before `offset`."""

    stream: str
    offset: int
    chain: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a walk has found: how much holds, and the first fault. `head` is where the walk ended.

    `anchors`: how many of them it has met.
    """

    stream: str
    batches: int
    records: int
    head: Head
    fault: Fault | None
    anchors: int = 0


class _Stored(NamedTuple):
    """A chunk as it is stored, with what the ledger says of its batch."""

    batch: int
    first_offset: int
    next_offset: int
    records: int
    chain: bytes
    chunk: bytes
    batch_first: int | None
    batch_next: int | None


def current_heads(connection: Connection) -> list[Head]:
    """Return where the streams that have landed anything are, by name."""
    rows = connection.execute(
        "SELECT stream, next_offset, chain FROM cdc.position WHERE batch > 0 ORDER BY stream"
    ).fetchall()
    return [Head(stream, offset, bytes(chain)) for stream, offset, chain in rows]


def walk(
    connection: Connection,
    stream: str,
    anchors: dict[int, bytes] | None = None,
    report: Callable[[int], None] = lambda _: None,
) -> Verdict:
    """Walk the chain of a stream in one snapshot; `report` gets the offset that it has come to.

    `anchors`: heads by offset, from where nobody could have changed them; one behind the end of the stream is a fault,
    and so is one at which the walk does not pass.
    """
    walked = _Walk(stream, dict(sorted((anchors or {}).items())))
    with snapshot(connection):
        for stored in _stored(connection, stream):
            walked.fault = walked.chunk(stored)
            if walked.fault:
                break
            report(walked.offset)
        else:
            walked.fault = walked.end(connection)
    head = Head(stream, walked.offset, walked.chain)
    return Verdict(stream, walked.batches, walked.records, head, walked.fault, len(walked.met))


class _Walk:
    """Where a walk stands: the head of the chain, and the offset behind it."""

    def __init__(self, stream: str, anchors: dict[int, bytes]) -> None:
        self.stream, self.anchors = stream, anchors
        self.chain, self.offset, self.batch = GENESIS, 0, 0
        self.batches = self.records = 0
        self.met: set[int] = set()
        self.ends: int | None = None  # where the batch of the last chunk ends, by the ledger
        self.fault: Fault | None = None

    def chunk(self, stored: _Stored) -> Fault | None:
        """Go over one chunk; return what is wrong with it."""
        wrong = self._place(stored) or self._records(stored)
        if wrong is None and self.chain != stored.chain:
            wrong = "its records are not those that landed: another head than it says"
        if wrong:
            return Fault(stored.batch, stored.first_offset, wrong)
        self.offset = stored.next_offset
        return None

    def end(self, connection: Connection) -> Fault | None:
        """Hold the end of the walk against the position and against anchors that it has not met."""
        row = connection.execute(
            "SELECT batch, next_offset, chain FROM cdc.position WHERE stream = %s", (self.stream,)
        ).fetchone()
        if row is None:
            return Fault(self.batch, self.offset, "the stream has no position")
        batch, next_offset, chain = row
        if self.ends is not None and self.offset > self.ends:
            return Fault(self.batch, self.offset, "the ledger ends before the journal")
        if batch != self.batch:
            return Fault(self.batch + 1, self.offset, f"batches up to {batch} have landed, and are not there")
        if bytes(chain) != self.chain:
            return Fault(self.batch, self.offset, "the position has another head")
        left = [offset for offset in self.anchors if offset not in self.met and offset > 0]
        if left:
            where = "behind the end of the stream" if left[0] > next_offset else "where no record ends"
            return Fault(self.batch, self.offset, f"an anchor stands at offset {left[0]}, {where}")
        return None

    def _place(self, stored: _Stored) -> str | None:
        """Return what is wrong with where a chunk stands."""
        if stored.batch_first is None or stored.batch_next is None:
            return "the ledger does not have its batch"
        if stored.batch == self.batch:
            return None if stored.first_offset >= self.offset else "it overlaps the chunk before"
        if stored.batch != self.batch + 1:
            return f"batch {self.batch + 1} is not there"
        if self.ends is not None and stored.batch_first != self.ends:
            return f"its batch begins at {stored.batch_first}, the one before ends at {self.ends}"
        self.batch, self.ends = stored.batch, stored.batch_next
        self.batches += 1
        return None if stored.first_offset >= stored.batch_first else "it begins before its batch"

    def _records(self, stored: _Stored) -> str | None:
        """Fold the records of a chunk into the chain; return what is wrong with them."""
        try:
            records = unpack(stored.chunk)
        except (zstandard.ZstdError, msgspec.MsgspecError) as error:
            return f"it cannot be read: {error}"
        offset = stored.first_offset - 1
        for record in records:
            if record.offset <= offset:
                return f"offset {record.offset} stands behind {offset}"
            offset = record.offset
            self.chain = chained(self.chain, record)
            known = self.anchors.get(offset + 1)
            if known is not None and known != self.chain:
                return f"an anchor has another head behind offset {offset}"
            self.met |= {offset + 1} if known is not None else set()
        self.records += len(records)
        if len(records) != stored.records or offset + 1 != stored.next_offset:
            return (
                f"it has {len(records)} records up to {offset}, and says {stored.records} before {stored.next_offset}"
            )
        return None


def _stored(connection: Connection, stream: str) -> Iterator[_Stored]:
    with connection.cursor("journal") as cursor:
        cursor.itersize = 4
        cursor.execute(
            "SELECT j.batch, j.first_offset, j.next_offset, j.records, j.chain, j.chunk, b.first_offset, b.next_offset"
            " FROM cdc.journal j LEFT JOIN cdc.batch b USING (stream, batch)"
            " WHERE stream = %s ORDER BY j.batch, j.first_offset",
            (stream,),
        )
        for row in cursor:
            yield _Stored(*row)

"""The chain of a stream, walked again: from the first record in the journal to the position.

A walk begins at the first record that ever landed, or where the archive ends: at the head that is on record there.
Each chunk of the journal says what the head of the chain is behind its last record. Whoever changes, drops, inserts or
reorders a record breaks the head of its chunk; whoever writes the heads anew as well has another head at the end, which
an anchor that is kept elsewhere contradicts.

Of a chunk whose key was shredded the head that it says stands as given: nobody can fold its records any more. What
follows is folded from there, so that whoever writes another head there contradicts the chunk behind it, the position or
an anchor; what the records were, and anchors between them, is not shown any more.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import psycopg
import zstandard
from psycopg.sql import SQL, Identifier

from cdc.change import Record
from cdc.errors import FatalError
from cdc.evidence.snapshot import snapshot
from cdc.land.journal import Lost, chained, opened, unpack
from cdc.protect.seal import Opener, ShreddedError

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

    `anchors`: how many of them it has met. `archived`: the offset at which it began, 0 if nothing has been archived.
    `lost`: what cannot be read any more, which `records` counts as it says.
    """

    stream: str
    batches: int
    records: int
    head: Head
    fault: Fault | None
    anchors: int = 0
    archived: int = 0
    lost: tuple[Lost, ...] = ()


class Part(NamedTuple):
    """A part of a stream that has left the journal for a file; `digest` is SHA-256 of that, `manifest` of its page."""

    month: str
    first_batch: int
    last_batch: int
    first_offset: int
    next_offset: int
    records: int
    head_before: bytes
    head: bytes
    file: str
    digest: bytes
    manifest: bytes


class Stored(NamedTuple):
    """A chunk as it is stored, with what the ledger says of its batch."""

    batch: int
    first_offset: int
    next_offset: int
    records: int
    chain: bytes
    chunk: bytes
    data_key: int | None
    batch_first: int | None
    batch_next: int | None


def current_heads(connection: Connection) -> list[Head]:
    """Return where the streams that have landed anything are, by name."""
    rows = connection.execute(
        "SELECT stream, next_offset, chain FROM cdc.position WHERE batch > 0 ORDER BY stream"
    ).fetchall()
    return [Head(stream, offset, bytes(chain)) for stream, offset, chain in rows]


def read_parts(connection: Connection, stream: str) -> list[Part]:
    """Return what has left the journal of a stream, in its order."""
    rows = connection.execute(
        f"SELECT {', '.join(Part._fields)} FROM cdc.archive WHERE stream = %s ORDER BY last_batch".encode(), (stream,)
    )
    return [Part(*row) for row in rows.fetchall()]


def walk(
    opener: Opener,
    stream: str,
    anchors: dict[int, bytes] | None = None,
    report: Callable[[int], None] = lambda _: None,
) -> Verdict:
    """Walk the chain of a stream in one snapshot; `report` gets the offset that it has come to.

    `anchors`: heads by offset, from where nobody could have changed them; one behind the end of the stream is a fault,
    and so is one at which the walk does not pass. Raises FatalError PRT-103 without the key of a sealed chunk.
    """
    connection = opener.connection
    walked = Walk(stream, opener, dict(sorted((anchors or {}).items())))
    with snapshot(connection):
        walked.fault = walked.archive(read_parts(connection, stream))
        for stored in () if walked.fault else read_stored(connection, stream):
            walked.fault = walked.chunk(stored)
            if walked.fault:
                break
            report(walked.offset)
        else:
            walked.fault = walked.fault or walked.end(connection)
    head = Head(stream, walked.offset, walked.chain)
    counts = (walked.batches, walked.records)
    return Verdict(stream, *counts, head, walked.fault, len(walked.met), walked.archived, tuple(walked.lost))


class Walk:
    """Where a walk stands: the head of the chain, and the offset behind it. `take` gets each record that it passes."""

    def __init__(
        self,
        stream: str,
        opener: Opener,
        anchors: dict[int, bytes] | None = None,
        take: Callable[[Record], object] = lambda _: None,
    ) -> None:
        self.stream, self.opener, self.anchors, self.take = stream, opener, anchors or {}, take
        self.chain, self.offset, self.batch = GENESIS, 0, 0
        self.batches = self.records = self.archived = 0
        self.began = 0  # the first record's offset
        self.met: set[int] = set()
        self.lost: list[Lost] = []
        self.passed: set[int] = set()  # anchors between records that cannot be read any more
        self._offsets = sorted(self.anchors)
        self.ends: int | None = None  # where the batch of the last chunk ends, by the ledger
        self.fault: Fault | None = None

    def archive(self, parts: list[Part]) -> Fault | None:
        """Begin behind the archive; return what is wrong with what is on record of it."""
        for part in parts:
            if (part.first_batch, part.head_before) != (self.batch + 1, self.chain) or part.first_offset < self.offset:
                return Fault(
                    part.first_batch, part.first_offset, f"its archive {part.file} does not follow the one before"
                )
            before, first = (bisect_right(self._offsets, offset) for offset in (self.offset, part.first_offset))
            if before < first:
                return Fault(part.first_batch, part.first_offset, _nowhere(self._offsets[before]))
            self.batch, self.offset, self.chain = part.last_batch, part.next_offset, part.head
            known = self.anchors.get(self.offset)
            if known is not None and known != self.chain:
                return Fault(self.batch, self.offset, f"an anchor has another head where its archive {part.file} ends")
            self.met |= {self.offset} if known is not None else set()
        self.archived = self.offset
        return None

    def chunk(self, stored: Stored) -> Fault | None:
        """Go over one chunk; return what is wrong with it."""
        if stored.data_key is not None:
            self._require_key(stored.data_key)
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
        settled = self.met | self.passed
        left = [offset for offset in self.anchors if offset not in settled and offset > self.archived]
        if left:
            behind = f"an anchor stands at offset {left[0]}, behind the end of the stream"
            return Fault(self.batch, self.offset, behind if left[0] > next_offset else _nowhere(left[0]))
        return None

    def _place(self, stored: Stored) -> str | None:
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

    def _records(self, stored: Stored) -> str | None:
        """Fold the records of a chunk into the chain; return what is wrong with them."""
        try:
            records = self._opened(stored)
        except ShreddedError as gone:
            return self._lost(stored, str(gone))
        except FatalError as error:
            return str(error)
        except (zstandard.ZstdError, msgspec.MsgspecError, ValueError) as error:
            return f"it cannot be read: {error}"
        return self._fold(stored, records)

    def _fold(self, stored: Stored, records: list[Record]) -> str | None:
        self.began = self.began if self.records else stored.first_offset
        offset = stored.first_offset - 1
        for record in records:
            if record.offset <= offset:
                return f"offset {record.offset} stands behind {offset}"
            offset = record.offset
            self.take(record)
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

    def _require_key(self, number: int) -> None:
        """Hold that the settings have what opens a chunk: without it nobody can say whether its bytes are right."""
        with suppress(ShreddedError):
            self.opener.key(number)

    def _opened(self, stored: Stored) -> list[Record]:
        """Return the records of a chunk."""
        return unpack(opened(self.opener, self.stream, stored.first_offset, stored.chunk, stored.data_key))

    def _lost(self, stored: Stored, why: str) -> str | None:
        """Take the head of a chunk that nobody can read any more as given; return what is wrong with it."""
        if not 0 < stored.records <= stored.next_offset - stored.first_offset:
            return f"it cannot have {stored.records} records before {stored.next_offset}"
        known = self.anchors.get(stored.next_offset)
        if known is not None and known != stored.chain:
            return f"an anchor has another head behind offset {stored.next_offset - 1}"
        self.met |= {stored.next_offset} if known is not None else set()
        self.began = self.began if self.records else stored.first_offset
        self.records += stored.records
        self.chain = stored.chain
        first, end = bisect_right(self._offsets, stored.first_offset), bisect_left(self._offsets, stored.next_offset)
        self.passed.update(self._offsets[first:end])
        before = self.lost[-1] if self.lost else None
        if before is not None and (before.next_offset, before.why) == (self.offset, why):
            self.lost.pop()
            self.lost.append(Lost(before.first_offset, stored.next_offset, before.records + stored.records, why))
        else:
            self.lost.append(Lost(stored.first_offset, stored.next_offset, stored.records, why))
        return None


def _nowhere(offset: int) -> str:
    return f"an anchor stands at offset {offset}, where no record ends"


def read_stored(connection: Connection, stream: str, table: str = "journal") -> Iterator[Stored]:
    """Yield the chunks of a stream; `table` is the journal, or one of its months."""
    with connection.cursor("journal") as cursor:
        cursor.itersize = 4
        query = SQL(
            "SELECT j.batch, j.first_offset, j.next_offset, j.records, j.chain, j.chunk, j.data_key,"
            " b.first_offset, b.next_offset"
            " FROM {} j LEFT JOIN cdc.batch b USING (stream, batch)"
            " WHERE stream = %s ORDER BY j.batch, j.first_offset"
        )
        for row in cursor.execute(query.format(Identifier("cdc", table)), (stream,)):
            yield Stored(*row)

"""The journal: every record of a stream as it was read, compressed, and chained by hash.

The chain folds the digests of single records in offset order, so that its head at an offset does not depend on how the
stream was cut into batches and chunks: head' = SHA-256(head + digest(record)). A chunk is what
the digests are of, one record after the other, compressed. A month that is over may leave the target for an archive
(`cdc.evidence.archive`); the chain goes on from its end.

With `protection` in the settings a chunk is sealed by a data key, if it has records of a mirror of which more is made
than what is public or internal. Digests are those of the plain records: the chain holds whatever is sealed by whom.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import msgspec
import psycopg
import zstandard

from cdc.change import Record
from cdc.errors import FatalError
from cdc.protect.seal import Opener, Sealer, ShreddedError, encrypt, place_of

SHREDDED: Final = "PRT-107"
"""The code of records of which the key was shredded."""
# Compresses nearly as well as a larger one, and an explanation of one row has to read a whole chunk.
CHUNK_BYTES = 4 * 1024 * 1024
# Level 3 makes 3 per cent less of them, and takes half as long again.
_LEVEL = 1

_HEAD = struct.Struct(">4q")
_pack_head = _HEAD.pack
# Chunks of before are a list in MessagePack. One begins with a byte from here on, an offset with a lower one.
_LIST_FROM = 0x90
_decode_list = msgspec.msgpack.Decoder(list[Record]).decode


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive records of one batch; `chain` is the head after the last of them.

    `data_key` is the number of the key that has sealed `data`, None if it is clear.
    """

    first_offset: int
    next_offset: int
    records: int
    data: bytes
    chain: bytes
    data_key: int | None = None


class Lost(NamedTuple):
    """Chunks, one behind the other, that nobody can read any more: when, by whom and why their key was shredded."""

    first_offset: int
    next_offset: int
    records: int
    why: str

    def __str__(self) -> str:
        return f"{self.records} records of chunk {self.first_offset} cannot be read any more: {self.why}"


class Archived(NamedTuple):
    """The end of what has left the journal of a stream: its last batch, the offset behind it, and the head there."""

    batch: int
    next_offset: int
    chain: bytes
    file: str


def chunks(records: Iterable[Record], chain: bytes) -> Iterator[Chunk]:
    """Cut records into chunks; `chain` is the head before the first."""
    held: list[bytes] = []
    first = last = size = 0
    sha256 = hashlib.sha256
    for record in records:
        raw = record_bytes(record)
        chain = sha256(chain + sha256(raw).digest()).digest()
        last = record.offset
        if not held:
            first = last
        held.append(raw)
        size += len(raw)
        if size >= CHUNK_BYTES:
            yield Chunk(first, last + 1, len(held), _packed(held), chain)
            held, size = [], 0
    if held:
        yield Chunk(first, last + 1, len(held), _packed(held), chain)


def pack(records: Iterable[Record]) -> bytes:
    """Return records as a chunk has them."""
    return _packed(map(record_bytes, records))


def unpack(data: bytes) -> list[Record]:
    """Return the records of a chunk. Raises ZstdError, MsgspecError or ValueError for what is none."""
    raw = zstandard.ZstdDecompressor().decompress(data)
    return _decode_list(raw) if raw and raw[0] >= _LIST_FROM else list(_records(raw))


def sealed(sealer: Sealer, stream: str, chunk: Chunk, mirrors: Collection[str]) -> Chunk:
    """Return a chunk as it is kept; `mirrors` are those of its records."""
    data, key = sealer.seal_together(mirrors, _place(stream, chunk.first_offset), chunk.data)
    return replace(chunk, data=data, data_key=key)


def opened(opener: Opener, stream: str, first_offset: int, data: bytes, data_key: int | None) -> bytes:
    """Return the data of a chunk that begins at an offset. Raises ShreddedError, FatalError PRT-103, PRT-104."""
    return data if data_key is None else opener.open(data_key, _place(stream, first_offset), data)


def seal_last(opener: Opener, stream: str, record: Record, data_key: int | None) -> bytes:
    """Return one record as a chunk of its own, sealed by the key of the chunk that it stood in. Raises as `opened`."""
    data = pack([record])
    return data if data_key is None else encrypt(opener.key(data_key), data, _place(stream, record.offset))


def read_batch(opener: Opener, stream: str, batch: int) -> Iterator[Record]:
    """Yield the records of a batch, in the order of the stream, chunk by chunk.

    Raises FatalError EVD-107 if they are archived, PRT-107 if the key of a chunk was shredded, PRT-103, PRT-104.
    """
    for chunk in read_chunks(opener, stream, batch):
        if isinstance(chunk, Lost):
            raise FatalError(SHREDDED, f"batch {batch} of {stream}: {chunk}")
        yield from chunk


def read_chunks(opener: Opener, stream: str, batch: int) -> Iterator[list[Record] | Lost]:
    """Yield the records of a batch, chunk by chunk. Raises FatalError EVD-107, PRT-103, PRT-104."""
    connection = opener.connection
    rows = connection.execute(
        "SELECT first_offset, next_offset, records, chunk, data_key FROM cdc.journal"
        " WHERE stream = %s AND batch = %s ORDER BY first_offset",
        (stream, batch),
    ).fetchall()
    if not rows and (archived := read_archived(connection, stream)) is not None and batch <= archived.batch:
        raise FatalError("EVD-107", f"batch {batch} of {stream}")
    for first, following, records, data, data_key in rows:
        try:
            plain = opened(opener, stream, first, data, data_key)
        except ShreddedError as gone:
            yield Lost(first, following, records, str(gone))
        else:
            yield unpack(plain)


def read_lost(connection: psycopg.Connection[Any], stream: str) -> dict[int, tuple[int, int]]:
    """Return the batches of a stream of which chunks cannot be read any more: from where to where they are."""
    rows = connection.execute(
        "SELECT j.batch, min(j.first_offset), max(j.next_offset) FROM cdc.journal j JOIN cdc.data_key k"
        " ON k.id = j.data_key WHERE j.stream = %s AND k.shredded_at IS NOT NULL GROUP BY j.batch",
        (stream,),
    )
    return {batch: (first, following) for batch, first, following in rows.fetchall()}


def read_last_record(opener: Opener, stream: str, batch: int, next_offset: int) -> Record | None:
    """Return the record before `next_offset`, the last one of a batch; None if the journal does not have it.

    Raises FatalError PRT-107 if its key was shredded, PRT-103, PRT-104.
    """
    connection = opener.connection
    with connection.transaction():
        row = (
            connection.execute(
                "SELECT first_offset, chunk, data_key FROM cdc.journal"
                " WHERE stream = %s AND batch = %s AND next_offset = %s",
                (stream, batch, next_offset),
            ).fetchone()
            or connection.execute(
                "SELECT next_offset - 1, last_record, data_key FROM cdc.archive"
                " WHERE stream = %s AND last_batch = %s AND next_offset = %s",
                (stream, batch, next_offset),
            ).fetchone()
        )
        if row is None:
            return None
        try:
            return unpack(opened(opener, stream, *row))[-1]
        except ShreddedError as gone:
            raise FatalError(SHREDDED, f"{stream}, the record before {next_offset}: {gone}") from gone


def chained(chain: bytes, record: Record) -> bytes:
    """Return the head of a chain behind a record; `chain` is the one before it."""
    return hashlib.sha256(chain + record_digest(record)).digest()


def read_archived(connection: psycopg.Connection, stream: str) -> Archived | None:
    """Return up to where a stream has left the journal; None if all of it is there."""
    row = connection.execute(
        "SELECT last_batch, next_offset, head, file FROM cdc.archive WHERE stream = %s"
        " ORDER BY last_batch DESC LIMIT 1",
        (stream,),
    ).fetchone()
    return None if row is None else Archived(*row)


def record_digest(record: Record) -> bytes:
    """Return SHA-256 over offset, key, value and old key."""
    return hashlib.sha256(record_bytes(record)).digest()


def record_bytes(record: Record) -> bytes:
    """Return offset, key, value and old key as one; a missing part differs from an empty one."""
    offset, (key, value, old_key) = record.offset, record.content
    if key is not None and value is not None and old_key is None:  # nearly all of them
        return _pack_head(offset, len(key), len(value), -1) + key + value
    sizes = (-1 if part is None else len(part) for part in (key, value, old_key))
    return b"".join((_pack_head(offset, *sizes), key or b"", value or b"", old_key or b""))


def write_chunk(cursor: psycopg.Cursor, stream: str, batch: int, chunk: Chunk) -> None:
    """Write one chunk inside the landing transaction."""
    cursor.execute(
        "INSERT INTO cdc.journal (stream, batch, first_offset, next_offset, records, chunk, chain, data_key)"
        " VALUES (%s, %s, %s, %s, %s, %b, %b, %s)",  # binary: as text a chunk would be twice as long
        (
            *(stream, batch, chunk.first_offset, chunk.next_offset, chunk.records),
            *(chunk.data, chunk.chain, chunk.data_key),
        ),
    )


def _place(stream: str, first_offset: int) -> str:
    return place_of(stream, first_offset, "chunk")


def _packed(raw: Iterable[bytes]) -> bytes:
    return zstandard.ZstdCompressor(level=_LEVEL).compress(b"".join(raw))


def _records(raw: bytes) -> Iterator[Record]:
    at = 0
    while at < len(raw):
        if len(raw) - at < _HEAD.size:
            raise ValueError("it breaks off in the sizes of a record")
        offset, *sizes = _HEAD.unpack_from(raw, at)
        at += _HEAD.size
        parts: list[bytes | None] = []
        for size in sizes:
            parts.append(None if size < 0 else raw[at : at + size])
            at += max(size, 0)
        key, value, old_key = parts
        yield Record(offset, key, value, old_key)
    if at > len(raw):
        raise ValueError("it breaks off in a record")

"""The journal: every record of a stream as it was read, compressed, and chained by hash.

The chain folds the digests of single records in offset order, so that its head at an offset does not depend on how the
stream was cut into batches and chunks: head' = SHA-256(head + digest(record)). A chunk is what
the digests are of, one record after the other, compressed. A month that is over may leave the target for an archive
(`cdc.evidence.archive`); the chain goes on from its end.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import psycopg
import zstandard

from cdc.change import Record
from cdc.errors import FatalError

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
    """Consecutive records of one batch; `chain` is the head after the last of them."""

    first_offset: int
    next_offset: int
    records: int
    data: bytes
    chain: bytes


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


def read_batch(connection: psycopg.Connection, stream: str, batch: int) -> Iterator[Record]:
    """Yield the records of a batch, in the order of the stream, chunk by chunk. Raises EVD-107 if they are archived."""
    chunks = connection.execute(
        "SELECT chunk FROM cdc.journal WHERE stream = %s AND batch = %s ORDER BY first_offset", (stream, batch)
    ).fetchall()
    if not chunks and (archived := read_archived(connection, stream)) is not None and batch <= archived.batch:
        raise FatalError("EVD-107", f"batch {batch} of {stream}")
    for (chunk,) in chunks:
        yield from unpack(chunk)


def read_last_record(connection: psycopg.Connection, stream: str, batch: int, next_offset: int) -> Record | None:
    """Return the record before `next_offset`, the last one of a batch; None if the journal does not have it."""
    with connection.transaction():
        row = (
            connection.execute(
                "SELECT chunk FROM cdc.journal WHERE stream = %s AND batch = %s AND next_offset = %s",
                (stream, batch, next_offset),
            ).fetchone()
            or connection.execute(
                "SELECT last_record FROM cdc.archive WHERE stream = %s AND last_batch = %s AND next_offset = %s",
                (stream, batch, next_offset),
            ).fetchone()
        )
    return None if row is None else unpack(row[0])[-1]


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
    offset, key, value, old_key = record
    if key is not None and value is not None and old_key is None:  # nearly all of them
        return _pack_head(offset, len(key), len(value), -1) + key + value
    sizes = (-1 if part is None else len(part) for part in (key, value, old_key))
    return b"".join((_pack_head(offset, *sizes), key or b"", value or b"", old_key or b""))


def write_chunk(cursor: psycopg.Cursor, stream: str, batch: int, chunk: Chunk) -> None:
    """Write one chunk inside the landing transaction."""
    cursor.execute(
        "INSERT INTO cdc.journal (stream, batch, first_offset, next_offset, records, chunk, chain)"
        " VALUES (%s, %s, %s, %s, %s, %b, %b)",  # binary: as text a chunk would be twice as long
        (stream, batch, chunk.first_offset, chunk.next_offset, chunk.records, chunk.data, chunk.chain),
    )


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
        yield Record(offset, *parts)
    if at > len(raw):
        raise ValueError("it breaks off in a record")

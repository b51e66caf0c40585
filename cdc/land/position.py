"""How far a stream has landed: the row of `cdc.position`, and who may move it.

The row is the truth, moved only inside the landing transaction. Its epoch is raised by each take-over: a writer that
finds another epoch has been replaced, one that finds its own epoch but another offset has committed before and never
heard of it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from cdc.errors import FatalError, TransientError
from cdc.land.ledger import FATES


@dataclass(frozen=True, slots=True)
class Position:
    """One row of `cdc.position`: what landing needs of it.

    Offsets are those of the target, which are `shift` more than those of the topic: it may have been made anew.
    """

    stream: str
    source: str
    next_offset: int
    batch: int
    epoch: int
    topic_id: str | None
    chain: bytes
    last_unit: str | None
    generation_from: int | None
    snapshot_position: str | None
    snapshot_tables: Mapping[str, bool]
    generations: int
    read_from: int | None
    shift: int
    source_position: str | None

    @property
    def start(self) -> int:
        """Where to read from: behind what has landed, and behind what an operator has passed over."""
        return max(self.next_offset, self.read_from or 0)

    def is_at(self, other: Position) -> bool:
        """Whether nothing landed between the two."""
        return (self.next_offset, self.batch) == (other.next_offset, other.batch)


COUNTED: Final = (*FATES, "control")
"""What the position has sums of, besides all that was captured."""
_COLUMNS = ", ".join(field.name for field in fields(Position))


def take_over(connection: psycopg.Connection, stream: str, source: str) -> Position:
    """Become the stream's owner: raise its epoch and name this connection, in a transaction of its own.

    A former owner that is frozen in the middle of its transaction holds the row's lock; its backend is ended.
    Raises TransientError TGT-120 in that case: the next attempt finds the lock free.
    """
    try:
        with connection.transaction(), connection.cursor(row_factory=class_row(Position)) as cursor:
            cursor.execute(
                "INSERT INTO cdc.position (stream, source) VALUES (%s, %s) ON CONFLICT (stream) DO NOTHING",
                (stream, source),
            )
            cursor.execute(
                "UPDATE cdc.position SET epoch = epoch + 1, owner = %s, backend_pid = pg_backend_pid(),"
                " backend_start = (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()),"
                f" updated_at = now() WHERE stream = %s RETURNING {_COLUMNS}",
                (_owner(), stream),
            )
            return _one(cursor.fetchone(), stream)
    except psycopg.errors.LockNotAvailable as error:
        end_former_owner(connection, stream)
        raise TransientError("TGT-120", f"position of {stream}") from error


def reclaim(connection: psycopg.Connection, position: Position) -> Position:
    """Name a new connection as the owner's, under the same epoch, and return where the stream is now.

    The connection before may be lost on this side only: its backend then holds the lock, and is ended. Raises
    FatalError LND-105 if somebody else took the stream over meanwhile, TransientError TGT-120 as `take_over`.
    """
    try:
        with connection.transaction(), connection.cursor(row_factory=class_row(Position)) as cursor:
            cursor.execute(
                "UPDATE cdc.position SET backend_pid = pg_backend_pid(), updated_at = now(),"
                " backend_start = (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())"
                f" WHERE stream = %s AND epoch = %s RETURNING {_COLUMNS}",
                (position.stream, position.epoch),
            )
            found = cursor.fetchone()
    except psycopg.errors.LockNotAvailable as error:
        end_former_owner(connection, position.stream, position.epoch)
        raise TransientError("TGT-120", f"position of {position.stream}") from error
    if found is None:
        raise FatalError("LND-105", position.stream)
    return found


def end_former_owner(connection: psycopg.Connection, stream: str, epoch: int | None = None) -> None:
    """End the backend that the position names as its owner's, if it is still that one and not our own.

    With `epoch` only if that is the owner's: it is no former owner if it came after us.
    """
    with connection.transaction():
        connection.execute(
            "SELECT pg_terminate_backend(a.pid) FROM cdc.position p JOIN pg_stat_activity a"
            " ON a.pid = p.backend_pid AND a.backend_start = p.backend_start"
            " WHERE p.stream = %s AND p.epoch = coalesce(%s, p.epoch) AND a.pid <> pg_backend_pid()",
            (stream, epoch),
        )


def lock(cursor: psycopg.Cursor[Position], stream: str) -> None:
    """Lock the row for this transaction. `require_unmoved` then judges what `cursor` fetches."""
    cursor.execute(f"SELECT {_COLUMNS} FROM cdc.position WHERE stream = %s FOR UPDATE", (stream,))


class Moved(Exception):
    """The position is this worker's and elsewhere: a commit went through whose reply was lost."""

    def __init__(self, position: Position) -> None:
        super().__init__(position.stream)
        self.position = position


def require_unmoved(found: Position | None, mine: Position) -> None:
    """Compare what was locked with what this worker believes. Raises FatalError LND-105, or Moved."""
    if found is None or found.epoch != mine.epoch:
        raise FatalError("LND-105", mine.stream)
    if not found.is_at(mine):
        raise Moved(found)


def write_position(
    cursor: psycopg.Cursor,
    position: Position,
    source_ts: datetime | None,
    source_position: str | None,
    counted: Sequence[int] = (0,) * (1 + len(COUNTED)),
) -> None:
    """Move the row, inside the landing transaction. What is None stays as it was.

    `counted` is added to the sums of the ledger: captured records, then those of each of COUNTED.
    """
    cursor.execute(
        "UPDATE cdc.position SET next_offset = %s, batch = %s, chain = %s, last_unit = %s, generation_from = %s,"
        " snapshot_position = %s, snapshot_tables = %s, generations = %s,"
        " source_ts = coalesce(%s::timestamptz, source_ts), source_position = coalesce(%s::text, source_position),"
        f" {', '.join(f'{name} = {name} + %s' for name in ('captured', *COUNTED))}, updated_at = now()"
        " WHERE stream = %s",
        (
            *(position.next_offset, position.batch, position.chain, position.last_unit, position.generation_from),
            *(position.snapshot_position, Jsonb(dict(position.snapshot_tables)), position.generations),
            *(source_ts, source_position, *counted, position.stream),
        ),
    )


def adopt_topic(connection: psycopg.Connection, position: Position, topic_id: str) -> None:
    """Record the topic's id at the first reading. Raises FatalError STR-107 if another one was read before."""
    if position.topic_id is None:
        with connection.transaction():
            connection.execute(
                "UPDATE cdc.position SET topic_id = %s WHERE stream = %s AND epoch = %s",
                (topic_id, position.stream, position.epoch),
            )
    elif position.topic_id != topic_id:
        raise FatalError("STR-107", position.stream)


def _one(found: Position | None, stream: str) -> Position:
    if found is None:
        raise FatalError("LND-105", stream)
    return found


def _owner() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"

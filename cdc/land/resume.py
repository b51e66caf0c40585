"""A stream that cannot be read on, made to go on: by a new snapshot behind what is passed over, or where it is found.

Evidence is only added to: what had landed stays as it is, offsets and the chain go on, and what is missing is a gap on
record. A topic that was made anew begins at 0; the offsets of the target are then that much more (`Position.shift`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import psycopg
from psycopg.rows import class_row

from cdc.change import Record
from cdc.errors import FatalError
from cdc.land.journal import read_last_record
from cdc.land.position import Position, lock
from cdc.protect.seal import Opener
from cdc.store.action import record_action
from cdc.stream.topic import Extent

Connection = psycopg.Connection[Any]
PASSED_OVER: Final = "STR-121"
"""The code of the gap that an operator makes."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """Where a stream goes on: at `read_from`, where it would have read `next_offset` (both by the target's count).

    `passed_over` is how many offsets of the topic lie between: Kafka's own marks are among them, and what a topic has
    lost is not. `shift` is by how much the target's offsets are more than the topic's, `new_topic` whether another one
    is read from now on.
    """

    stream: str
    batch: int
    next_offset: int
    read_from: int
    passed_over: int
    shift: int
    new_topic: bool


def require_unowned(connection: Connection, stream: str) -> int:
    """Return the last batch of a stream that nobody lands. Raises as `pass_over`, before anything is touched."""
    with connection.transaction():
        return _place(connection, stream).batch


def pass_over(connection: Connection, stream: str, topic: Extent, reason: str) -> Resumed:
    """Let a stream go on behind all that its topic has now, in a transaction of its own.

    For a connector that stands still and is to take a new snapshot: that brings what is passed over has led to.
    Raises FatalError EVD-112 if nothing has landed, STR-120 if a worker lands the stream.
    """
    with connection.transaction():
        place = _place(connection, stream)
        is_new = place.topic_id not in (None, topic.id)
        shift = place.start - topic.first if is_new else place.shift
        if topic.end + shift < place.start:  # it has lost its end
            shift = place.start - topic.end
        read_from = topic.end + shift
        resumed = Resumed(stream, place.batch, place.next_offset, read_from, read_from - place.start, shift, is_new)
        _resume(connection, resumed, topic)
        connection.execute("DELETE FROM cdc.last_read WHERE stream = %s", (stream,))
        connection.execute(
            'INSERT INTO cdc.gap (stream, batch, "offset", code, detail) VALUES (%s, %s, %s, %s, %s)'
            " ON CONFLICT DO NOTHING",
            (stream, place.batch, place.next_offset, PASSED_OVER, _told(resumed)),
        )
        record_action(connection, "stream resnapshot", stream, asdict(resumed), reason)
    return resumed


def last_landed(opener: Opener, stream: str) -> Record:
    """Return the record that landed last.

    Raises FatalError EVD-112 if there is none, STR-122 if nobody has it, PRT-107 if nobody can read it any more.
    """
    connection = opener.connection
    with connection.transaction():
        place = _place(connection, stream)
    record = read_last_record(opener, stream, place.batch, place.next_offset)
    if record is None:
        raise FatalError("STR-122", f"{stream}: the journal does not have the record before {place.next_offset}")
    return record


def go_on_behind(connection: Connection, stream: str, topic: Extent, found: int, reason: str) -> Resumed:
    """Let a stream go on behind `found`, where its topic has the record that landed last, in a transaction of its own.

    Raises as `pass_over`.
    """
    with connection.transaction():
        place = _place(connection, stream)
        shift = place.next_offset - 1 - found
        is_new = place.topic_id not in (None, topic.id)
        resumed = Resumed(stream, place.batch, place.next_offset, place.next_offset, 0, shift, is_new)
        _resume(connection, resumed, topic)
        record_action(connection, "stream rewind", stream, asdict(resumed), reason)
    return resumed


def _place(connection: Connection, stream: str) -> Position:
    """Return, and lock, where a stream is that nobody lands."""
    with connection.cursor(row_factory=class_row(Position)) as cursor:
        lock(cursor, stream)
        place = cursor.fetchone()
    if place is None or not place.batch:
        raise FatalError("EVD-112", stream)
    if connection.execute(_OWNED, (stream,)).fetchone() is not None:
        raise FatalError("STR-120", stream)
    return place


_OWNED = (
    "SELECT FROM cdc.position p JOIN pg_stat_activity a"
    " ON a.pid = p.backend_pid AND a.backend_start = p.backend_start WHERE p.stream = %s"
)


def _resume(connection: Connection, resumed: Resumed, topic: Extent) -> None:
    """Move the position; a worker that was frozen meanwhile finds another epoch. No unit goes on across it."""
    connection.execute(
        "UPDATE cdc.position SET epoch = epoch + 1, topic_id = %s, read_from = %s, shift = %s, last_unit = NULL,"
        " updated_at = now() WHERE stream = %s",
        (topic.id, resumed.read_from, resumed.shift, resumed.stream),
    )


def _told(resumed: Resumed) -> str:
    topic = "another topic" if resumed.new_topic else "the topic"
    return (
        f"goes on by a new snapshot at {resumed.read_from}; {resumed.passed_over} offsets of {topic} were passed over"
    )

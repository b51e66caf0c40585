"""A stream that cannot be read on, made to go on: by a new snapshot behind what is passed over, or where it is found.

Evidence is only added to: what had landed stays as it is, offsets and the chain go on, and what is missing is a gap on
record. A topic that was made anew begins at 0; the offsets of the target are then that much more (`Position.shift`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row

from cdc.change import Record
from cdc.errors import FatalError
from cdc.land.gap import PASSED_OVER
from cdc.land.journal import read_last_record
from cdc.land.last_read import find_last_read, keep_last_read
from cdc.land.position import Position, lock
from cdc.protect.seal import Opener
from cdc.store.action import record_action
from cdc.stream.topic import Extent

Connection = psycopg.Connection[Any]


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


def where_in_topic(connection: Connection, stream: str) -> int | None:
    """Return from which offset of its topic a stream that nobody lands would be read on; None if nothing has landed.

    Raises FatalError STR-120 if a worker lands it.
    """
    with connection.transaction():
        row = connection.execute(_IN_TOPIC, (stream,)).fetchone()
        if connection.execute(_OWNED, (stream,)).fetchone() is not None:
            raise FatalError("STR-120", stream)
    return row and int(row[0])


def pass_over(connection: Connection, stream: str, topic: Extent, reason: str) -> Resumed:
    """Let a stream go on behind all that its topic has now, in a transaction of its own.

    For a connector that stands still and is to take a new snapshot: that brings what is passed over has led to.
    It may be the first record of all that cannot be read. Raises FatalError EVD-112 if no worker has ever opened the
    stream, STR-120 if one lands it.
    """
    with connection.transaction():
        place = _place(connection, stream)
        is_new = place.topic_id not in (None, topic.id)
        shift = place.start - topic.first if is_new else place.shift
        if topic.end + shift < place.start:  # it has lost its end
            shift = place.start - topic.end
        read_from = topic.end + shift
        resumed = Resumed(stream, place.batch, place.next_offset, read_from, read_from - place.start, shift, is_new)
        _resume(connection, resumed, topic, last_unit=None)
        connection.execute("DELETE FROM cdc.last_read WHERE stream = %s", (stream,))
        # The source may be one that was restored: where its log is says the snapshot.
        connection.execute("UPDATE cdc.position SET source_position = NULL WHERE stream = %s", (stream,))
        connection.execute(
            'INSERT INTO cdc.gap (stream, batch, "offset", code, detail) VALUES (%s, %s, %s, %s, %s)'
            " ON CONFLICT DO NOTHING",
            (stream, place.batch, place.next_offset, PASSED_OVER, _told(resumed)),
        )
        record_action(connection, "stream resnapshot", stream, asdict(resumed), reason)
    return resumed


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a stream's topic: the record that landed last, and the last one that was read behind it."""

    landed: Record
    read: Record | None

    @property
    def records(self) -> list[Record]:
        """Both, in order, as far as they are there."""
        return [self.landed] if self.read is None else [self.landed, self.read]


def last_known(opener: Opener, stream: str) -> Known:
    """Return the last records of a stream that were seen.

    Raises FatalError EVD-112 if none has landed, STR-122 if nobody has it, PRT-107 if nobody can read it any more.
    """
    connection = opener.connection
    with connection.transaction():
        place = _place(connection, stream)
    if not place.batch:
        raise FatalError("EVD-112", stream)
    landed = read_last_record(opener, stream, place.batch, place.next_offset)
    if landed is None:
        raise FatalError("STR-122", f"{stream}: the journal does not have the record before {place.next_offset}")
    return Known(landed, find_last_read(connection, stream, place.start, opener.protection))


def go_on_behind(
    opener: Opener, stream: str, topic: Extent, known: Known, places: Sequence[int | None], reason: str
) -> Resumed:
    """Let a stream go on behind what landed last, in a transaction of its own.

    `places` are the topic's offsets of what is known. A topic that has the one and not what was read behind it has lost
    something, too. What the source had begun when it was left goes on. Raises FatalError STR-122, and STR-120 if
    something has landed since it was known; as `pass_over`.
    """
    connection = opener.connection
    found = _found(stream, known, places)
    with connection.transaction():
        place = _place(connection, stream)
        if place.next_offset != known.landed.offset + 1:
            raise FatalError("STR-120", f"{stream}: it has landed up to {place.next_offset} meanwhile")
        shift = place.next_offset - 1 - found[0]
        is_new = place.topic_id not in (None, topic.id)
        resumed = Resumed(stream, place.batch, place.next_offset, place.next_offset, 0, shift, is_new)
        _resume(connection, resumed, topic, last_unit=place.last_unit)
        connection.execute("DELETE FROM cdc.last_read WHERE stream = %s", (stream,))
        if known.read is not None:  # it stands elsewhere now, and has to stand there still when it is read on
            keep_last_read(connection, stream, known.read._replace(offset=found[-1] + shift), opener.protection)
        record_action(connection, "stream rewind", stream, asdict(resumed), reason)
    return resumed


def _found(stream: str, known: Known, places: Sequence[int | None]) -> list[int]:
    """Return the places, if all are known, each behind the one before."""
    found: list[int] = []
    for record, place in zip(known.records, places, strict=True):
        if place is None or (found and place <= found[-1]):
            what = "was read" if found else "landed"
            raise FatalError("STR-122", f"{stream}: what {what} at offset {record.offset}")
        found.append(place)
    return found


def _place(connection: Connection, stream: str) -> Position:
    """Return, and lock, where a stream is that nobody lands."""
    with connection.cursor(row_factory=class_row(Position)) as cursor:
        lock(cursor, stream)
        place = cursor.fetchone()
    if place is None:
        raise FatalError("EVD-112", stream)
    if connection.execute(_OWNED, (stream,)).fetchone() is not None:
        raise FatalError("STR-120", stream)
    return place


_IN_TOPIC = "SELECT greatest(next_offset, read_from) - shift FROM cdc.position WHERE stream = %s"
_OWNED = (
    "SELECT FROM cdc.position p JOIN pg_stat_activity a"
    " ON a.pid = p.backend_pid AND a.backend_start = p.backend_start WHERE p.stream = %s"
)


def _resume(connection: Connection, resumed: Resumed, topic: Extent, last_unit: str | None) -> None:
    """Move the position; a worker that was frozen meanwhile finds another epoch. `last_unit` may go on across it."""
    connection.execute(
        "UPDATE cdc.position SET epoch = epoch + 1, topic_id = %s, read_from = %s, shift = %s, last_unit = %s,"
        " updated_at = now() WHERE stream = %s",
        (topic.id, resumed.read_from, resumed.shift, last_unit, resumed.stream),
    )


def _told(resumed: Resumed) -> str:
    topic = "another topic" if resumed.new_topic else "the topic"
    return (
        f"goes on by a new snapshot at {resumed.read_from}; {resumed.passed_over} offsets of {topic} were passed over"
    )

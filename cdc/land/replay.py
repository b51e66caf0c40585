"""Transactions that come again: proven to be the same, or the stream stops.

A connector that lost its place sends whole transactions again, or the tail of one. Both are recognised by the source
transaction's id in `cdc.unit`, and are repetitions only if every event equals what landed; else the source was
restored from a backup or replaced.

Ids are used again, though. PostgreSQL counts transactions in 32 bits; and a source that was restored or replaced, and
read anew by a snapshot, counts from wherever it is. A transaction that differs from what landed under its id is another
one if that is so long ago, or landed before the snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import psycopg

from cdc.change import Event, Kind, LogPosition, Place
from cdc.errors import FatalError
from cdc.land.journal import read_batch
from cdc.protect.seal import Opener
from cdc.stream.envelope import log_sequence_number, position_text, read_event
from cdc.stream.unit import Landed, Unit, event_digest

# Of 2^32 transactions that change anything each leaves a record of commit or abort in the log, of 32 bytes and more.
_LOG_OF_ALL_IDS = 2**32 * 32
# Half of it: two transactions of one id are the whole of it apart, or, of a source that was restored, next to nothing.
_AN_AGE = _LOG_OF_ALL_IDS // 2


@dataclass(frozen=True, slots=True)
class Recorded:
    """A transaction that landed: the digest of its rows, and how to get the rows themselves.

    `offset` is the last one of its batch, `position` its place in the source's log.
    """

    digest: bytes
    rows: Callable[[], Iterable[Event]]
    offset: int
    position: LogPosition = None

    def leaves_id_to(self, unit: Unit, generation_from: int | None) -> bool:
        """Tell whether another transaction may have the id by now."""
        landed_before = generation_from is not None and self.offset < generation_from <= unit.first_offset
        return landed_before or self.is_an_age_before(unit)

    def is_an_age_before(self, unit: Unit) -> bool:
        """Tell whether the source's log alone says that it is another transaction: no event has to be compared."""
        if isinstance(unit.position, int) and isinstance(self.position, int):
            return unit.position - self.position > _AN_AGE
        return False


def read_recorded(
    opener: Opener, stream: str, units: Iterable[Unit], database: str
) -> Callable[[], dict[str, Recorded]]:
    """Ask for what is recorded of the units' transactions; call what is returned for the answer."""
    ids = [unit.id for unit in units if unit.id is not None]
    cursor = opener.connection.execute(
        # One look into the index for each: the planner would rather read them all while the table is young.
        "SELECT k.id, coalesce(u.first_batch, u.batch), u.batch, u.digest, u.source_position,"
        " (SELECT b.next_offset - 1 FROM cdc.batch b WHERE b.stream = %s AND b.batch = u.batch)"
        " FROM unnest(%s::text[]) AS k (id) CROSS JOIN LATERAL"
        " (SELECT first_batch, batch, digest, source_position FROM cdc.unit WHERE stream = %s AND id = k.id"
        " ORDER BY batch DESC LIMIT 1) u",
        (stream, ids, stream),
    )

    def answer() -> dict[str, Recorded]:
        return {
            unit_id: Recorded(
                digest,
                partial(_journalled, opener, stream, (first, last), unit_id, database),
                offset,
                log_sequence_number(position) if database == "postgresql" else None,
            )
            for unit_id, first, last, digest, position, offset in cursor.fetchall()
        }

    return answer


def find_replayed(units: Iterable[Unit], recorded: dict[str, Recorded], generation_from: int | None) -> set[int]:
    """Return the first offsets of the units whose rows have all landed before.

    Raises FatalError STR-105; EVD-107 and PRT-107 where events have to be compared that the journal does not have.

    `generation_from` is the first offset of the snapshot that was taken last. Grows `recorded` by the units themselves:
    a transaction may stand twice in one batch.
    """
    replayed = set()
    for unit in units:
        events = unit.repeated if unit.replay else unit.rows
        if unit.id is None or not (events or unit.row_count):
            continue
        known = recorded.get(unit.id)
        if known is None:
            recorded[unit.id] = _as_recorded(unit)
            continue
        if not unit.replay and unit.digest() == known.digest:
            replayed.add(unit.first_offset)
        elif not unit.replay and known.is_an_age_before(unit):
            recorded[unit.id] = _as_recorded(unit)
        elif _is_part(events, known):
            replayed.add(unit.first_offset)
        elif not unit.replay and known.leaves_id_to(unit, generation_from):
            recorded[unit.id] = _as_recorded(unit)
        else:
            raise FatalError("STR-105", f"transaction {unit.id}, offset {unit.first_offset}")
    return replayed


def _as_recorded(unit: Unit) -> Recorded:
    return Recorded(unit.digest(), lambda: unit.rows, unit.first_offset, unit.position)


def _is_part(events: Iterable[Event], known: Recorded) -> bool:
    """Compare event by event: a connector that restarts in mid-transaction sends the tail alone."""
    wanted: dict[Place, bytes] = {}
    differs = any(
        wanted.setdefault(event.place, digest) != digest for event in events if (digest := event_digest(event))
    )
    landed = (event for event in known.rows() if event.place in wanted)
    return not differs and sum(wanted[event.place] == event_digest(event) for event in landed) == len(wanted)


def _journalled(opener: Opener, stream: str, batches: tuple[int, int], unit_id: str, database: str) -> Iterator[Event]:
    """Yield the row events of a landed transaction, read again from the journal, chunk by chunk."""
    for batch in range(batches[0], batches[1] + 1):
        for event in (read_event(record, database) for record in read_batch(opener, stream, batch)):
            if event.transaction == unit_id and event.kind in (Kind.ROW, Kind.TRUNCATE):
                yield event


def find_landed(connection: psycopg.Connection, stream: str, unit_id: str) -> Landed | None:
    """Return what is on record of one transaction: the assembler asks when rows come without a BEGIN."""
    with connection.transaction():
        row = connection.execute(
            "SELECT last_place FROM cdc.unit WHERE stream = %s AND id = %s ORDER BY batch DESC LIMIT 1",
            (stream, unit_id),
        ).fetchone()
    return None if row is None else Landed(Place(row[0]))


def note_parts(units: Iterable[Unit], batch: int) -> None:
    """Remember in which batch a large transaction began: its last part is recorded with it."""
    for unit in units:
        if unit.whole is not None and unit.whole.counted is not None and unit.whole.counted.first_batch is None:
            unit.whole.counted.first_batch = batch


def write_units(cursor: psycopg.Cursor, stream: str, batch: int, units: Iterable[Unit]) -> None:
    """Record the transactions of a batch that brought rows, inside the landing transaction."""
    rows = [
        (
            *(str(unit.id), position_text(unit.position), str(unit.row_count), _first_batch(unit)),
            *(f"{{{','.join(map(str, unit.last_place))}}}", unit.digest().hex()),
        )
        for unit in units
        if unit.id is not None and unit.row_count and unit.is_last
    ]
    if rows:
        # Lines, not arrays: those are quoted element by element, which costs more than the rest.
        lines = ["\n".join(column) for column in zip(*rows, strict=True)]
        cursor.execute(
            "INSERT INTO cdc.unit (stream, id, batch, source_position, events, first_batch, last_place, digest)"
            " SELECT %s, u.id, %s, u.position, u.events::int, nullif(u.first, '')::bigint, u.place::bigint[],"
            " decode(u.digest, 'hex') FROM unnest("
            + ", ".join(["string_to_array(%s, E'\\n')"] * len(lines))
            + ") AS u (id, position, events, first, place, digest) ON CONFLICT (stream, id, batch) DO NOTHING",
            (stream, batch, *lines),
        )


def _first_batch(unit: Unit) -> str:
    counted = None if unit.whole is None else unit.whole.counted
    return "" if counted is None else str(counted.first_batch)

"""Events to units, cut out of the ordered stream by the markers that Debezium puts into it.

Each rule here was needed on the real connectors:

- A unit is closed by its END; its count must equal the distinct row, TRUNCATE and message events since the last BEGIN.
- MariaDB sends BEGIN but never END for DDL, GRANT and TRUNCATE: a unit without rows is closed by the next foreign BEGIN
  or by a heartbeat. Any other open unit at a foreign BEGIN means that events are missing: the stream stops.
- MySQL sends neither for DDL and TRUNCATE: a TRUNCATE is a unit of its own.
- Heartbeats also fall inside transactions, so rows may go on under the id of the unit that a heartbeat closed.
- A BEGIN with the same id continues the unit (task restart in mid-transaction); END then counts only the tail.
- PostgreSQL goes on without one, and with its count. Events may be missing there, or come twice, with no gap in their
  order (`cdc.stream.shared_place`).
- Repetitions inside a unit are recognised by their place, which grows from event to event.
- A transaction that goes on without a BEGIN was landed before (its tail is sent again): every event of it must lie
  within what was recorded, and counts as replayed. Of one that brought messages only (PostgreSQL's heartbeats)
  nothing is on record: its tail may bring no row, and END must count what there is.
- Snapshot rows have no transaction. They form slices, cut by rows and bytes or when the stream is drained. The first
  of them opens a generation: an empty first table sends nothing, so there need not be a `first`. All rows of one
  attempt carry the log position that was current when it began; a `first`, or a table that begins or ends at another
  position or for the second time, says that an interrupted snapshot started again and opens another one. `last` or
  the first streamed BEGIN closes it. A transaction that is open when a generation begins ends there: its position was
  taken from the connector in the middle, and the snapshot brings what came of it.
- A transaction that is too large to be held is counted to its end and then read again, in parts: nothing of it lands
  before its END is known to be in the stream, and all of it lands in one transaction of the target.
- Rows of a table that is read beside the stream are slices without a generation. They come from another connector
  (`cdc.capture.reading`), so they also fall inside transactions: they land with one but are no part of it, neither
  counted by END nor repeated with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from cdc.change import Event, Kind, Place, Record
from cdc.errors import FatalError
from cdc.stream.envelope import position_text
from cdc.stream.shared_place import SharedPlaces
from cdc.stream.unit import Counted, Landed, State, Unit, event_digest, resumable_id


@dataclass(frozen=True, slots=True)
class Limits:
    """When a slice of a snapshot is closed, or a part of a large transaction; and when a transaction is large."""

    slice_rows: int = 5000
    slice_bytes: int = 4 * 1024 * 1024
    large_rows: int = 20_000
    large_bytes: int = 16 * 1024 * 1024


class Assembler:
    """Turns events in offset order into closed units. Holds one open unit; forgets it when the stream is rewound.

    `whole` is a large transaction that was counted to its end: reading begins anew at its first offset, and it comes
    in parts.
    """

    def __init__(
        self,
        database: str,
        state: State,
        landed: Callable[[str], Landed | None],
        limits: Limits = Limits(),
        whole: Unit | None = None,
    ) -> None:
        self._rowless_may_lack_end = database != "postgresql"
        self._truncates_alone = database == "mysql"
        self._contiguous = database == "postgresql"
        self._state = state
        self._landed = landed
        self._limits = limits
        self._whole = whole
        self._open: Unit | None = None
        self._state_before = state  # the open unit
        self._section_events = 0  # distinct events since the last BEGIN, which END must count
        self._section_place: Place = ()
        self._places = SharedPlaces()

    def feed(self, event: Event) -> Iterable[Unit]:
        """Take the next event; return the units that it closes. Raises FatalError STR-1xx when the rules are broken."""
        unit = self._open
        if event.record.resumes and self._contiguous and event.snapshot is None:
            self._places.start()
        # Both halves of a key change stay together: the second may leave out values that only the first one's row has.
        relieves = unit is not None and event.transaction == unit.id and event.record.old_key is None
        parts = self._relieve() if relieves else ()
        if event.kind is Kind.ROW and unit is not None and unit.id is not None and event.transaction:
            self._member(event)  # nearly all events are that
            return parts
        return [*parts, *self._feed(event)]

    def _feed(self, event: Event) -> Iterator[Unit]:
        if event.kind in (Kind.ROW, Kind.TRUNCATE) and event.transaction is None:
            yield from self._snapshot_row(event)
            return
        if self._open is not None and self._open.id is None:
            yield from self.flush()
        match event.kind:
            case Kind.BEGIN:
                yield from self._begin(event)
            case Kind.END:
                yield self._end(event)
            case Kind.ROW | Kind.TRUNCATE | Kind.MESSAGE:
                yield from self._change(event)
            case Kind.HEARTBEAT:
                yield from self._heartbeat(event)
            case Kind.SCHEMA | Kind.TOMBSTONE:
                yield from self._aside(event)

    def flush(self) -> Iterator[Unit]:
        """Close an open snapshot slice: the stream is drained, or something other than a snapshot row follows."""
        if self._open is not None and self._open.id is None:
            yield self._close()

    def _snapshot_row(self, event: Event) -> Iterator[Unit]:
        if event.snapshot is None or event.op != "r":
            raise FatalError("STR-104", f"offset {event.record.offset}")
        if self._open is not None and self._open.id is not None:
            if event.snapshot == "incremental":
                self._add_reread(self._open, event)
                return
            yield self._abandon() if self._opens_generation(event) else self._close_rowless(event)
        opens = event.snapshot != "incremental" and self._opens_generation(event)
        if opens:
            yield from self.flush()
            self._state.snapshot_position = position_text(event.position)
            self._state.snapshot_tables = {}
        if event.snapshot != "incremental":
            self._state.snapshot_tables[event.table] = event.snapshot.startswith("last")
        unit = self._open or self._start(None)
        unit.opens_generation |= opens
        self._add_row(unit, event)
        unit.closes_generation = event.snapshot == "last"
        if unit.closes_generation or self._fills_slice(unit):
            yield self._close()

    def _fills_slice(self, unit: Unit) -> bool:
        return len(unit.records) >= self._limits.slice_rows or unit.size >= self._limits.slice_bytes

    def _relieve(self) -> Iterable[Unit]:
        """Keep the open transaction within bounds: count it only, or cut off a part of one that was counted."""
        unit = self._open
        if unit is None or unit.id is None or unit.counted is not None:
            return ()
        if self._whole is not None:
            return (self._cut(unit),) if self._fills_slice(unit) else ()
        if len(unit.records) > self._limits.large_rows or unit.size > self._limits.large_bytes:
            unit.counted = Counted(unit.first_offset, unit.next_offset, len(unit.rows), self._state_before)
            unit.rows, unit.repeated, unit.reread, unit.records = [], [], [], []
        return ()

    def _cut(self, unit: Unit) -> Unit:
        """Take what the open unit holds out of it, as a part of the whole."""
        part = replace(unit, whole=self._whole, is_last=False, closes_generation=False)
        self._note_generation(part)
        unit.rows, unit.repeated, unit.reread, unit.records = [], [], [], []
        unit.control, unit.size, unit.schema_changed = 0, 0, False
        if self._whole is not None and self._whole.counted is not None and self._whole.counted.is_abandoned:
            part.abandoned, part.rows, part.reread = part.events, [], []
        return part

    def _opens_generation(self, event: Event) -> bool:
        current = self._state.snapshot_position
        if current is None or event.snapshot == "first":
            return True
        # A second attempt begins with a marked row; the unmarked ones are not worth the risk of a wrong guess.
        return event.snapshot != "true" and (position_text(event.position) != current or self._comes_again(event))

    def _comes_again(self, event: Event) -> bool:
        """Tell whether a table begins or ends for the second time: the log of an idle source stands still."""
        ended = self._state.snapshot_tables.get(event.table)
        return ended is not None and (ended or event.snapshot == "first_in_data_collection")

    def _begin(self, event: Event) -> Iterator[Unit]:
        yield from self._begin_unit(event)
        if self._open is not None:
            self._add_control(self._open, event)

    def _change(self, event: Event) -> Iterator[Unit]:
        is_alone = event.kind is Kind.TRUNCATE and self._truncates_alone
        if is_alone:
            yield from self._begin_unit(event)
        self._member(event)
        if is_alone:
            yield self._close()

    def _begin_unit(self, event: Event) -> Iterator[Unit]:
        """Open the unit of the event's transaction, or go on with it."""
        unit = self._open
        if unit is not None and unit.id != event.transaction:
            yield self._close_rowless(event)
            unit = None
        if unit is None:
            unit = self._start(event.transaction)
            # The connector streams only when its snapshot is over, even if an empty database gave no row to say so.
            unit.closes_generation = self._state.snapshot_position is not None or self._state.generations == 0
        self._section_events = 0
        self._section_place = ()

    def _end(self, event: Event) -> Unit:
        unit = self._open or self._reopen(event)
        if unit.id != event.transaction:
            raise FatalError("STR-103", f"END of another transaction at offset {event.record.offset}")
        if not unit.replay and event.event_count != self._section_events:
            counts = f"END counts {event.event_count}, seen {self._section_events}"
            raise FatalError("STR-102", f"{counts}, offset {event.record.offset}")
        self._places.end()
        self._add_control(unit, event)
        return self._close()

    def _member(self, event: Event) -> None:
        unit = self._open or self._reopen(event)
        if unit.id != event.transaction:
            raise FatalError("STR-103", f"row of another transaction at offset {event.record.offset}")
        if unit.rowless and event.kind is not Kind.MESSAGE:
            raise FatalError("STR-103", f"no BEGIN before offset {event.record.offset}")
        if event.place > self._section_place:
            self._section_events += 1
            self._section_place = event.place
        new = event.place > unit.last_place
        if new and self._contiguous and unit.last_place and event.place[0] != unit.last_place[0] + 1:
            raise FatalError("STR-102", f"order jumps at offset {event.record.offset}")
        if event.kind is Kind.MESSAGE:
            unit.last_place = max(unit.last_place, event.place)
            self._add_control(unit, event)
        elif unit.replay or not new:
            unit.has_rows = True
            self._places.repeat()
            if unit.counted is None:
                unit.repeated.append(event)
            self._add_record(unit, event)
        else:
            unit.last_place = event.place
            self._add_row(unit, event)

    def _heartbeat(self, event: Event) -> Iterator[Unit]:
        alone = self._open is None
        unit = self._open or self._start(None)
        self._add_control(unit, event)
        if alone or (self._rowless_may_lack_end and not unit.has_rows):
            unit.resumable = not alone
            yield self._close()

    def _aside(self, event: Event) -> Iterator[Unit]:
        """Take a schema change or a tombstone: part of the open unit, else a unit of its own."""
        alone = self._open is None
        unit = self._open or self._start(None)
        unit.schema_changed |= event.kind is Kind.SCHEMA
        self._add_control(unit, event)
        if alone:
            yield self._close()

    def _reopen(self, event: Event) -> Unit:
        """Return a unit for an event that has no BEGIN before it, if there is a reason for that."""
        transaction = event.transaction or ""
        unit = self._start(transaction)
        if transaction == self._state.last_unit and self._rowless_may_lack_end:
            return unit
        landed = self._landed(transaction)
        if landed is None and event.kind in (Kind.MESSAGE, Kind.END):
            unit.rowless = True
            return unit
        if landed is None or (event.kind is not Kind.END and event.place > landed.last_place):
            raise FatalError("STR-103", f"no BEGIN before offset {event.record.offset}")
        unit.replay = True
        return unit

    def _close_rowless(self, event: Event) -> Unit:
        unit = self._open
        if unit is None or unit.has_rows or (unit.control and not self._rowless_may_lack_end):
            raise FatalError("STR-103", f"BEGIN or snapshot row inside a transaction at offset {event.record.offset}")
        return self._close()

    def _abandon(self) -> Unit:
        """Close an open transaction at the begin of a new snapshot, which brings whatever came of it."""
        unit = self._open
        assert unit is not None  # noqa: S101 - states for the type checker what the caller has established
        unit.abandoned, unit.rows, unit.reread = unit.events, [], []
        if unit.counted is not None:
            unit.counted.is_abandoned = True
        return self._close()

    def _start(self, transaction: str | None) -> Unit:
        self._open = Unit(id=transaction)
        self._state_before = replace(self._state)
        self._section_events = 0
        self._section_place = ()
        self._places = SharedPlaces()
        return self._open

    def _add_control(self, unit: Unit, event: Event) -> None:
        unit.control += 1
        self._add_record(unit, event)

    def _add_row(self, unit: Unit, event: Event) -> None:
        if unit.counted is None:
            unit.rows.append(event)
        else:
            unit.counted.rows += 1
        unit.has_rows |= event.kind is Kind.ROW
        self._add_record(unit, event)
        unit.position = event.position or unit.position
        if unit.id is not None:
            unit.fold.update(event_digest(event))
            self._places.add(event)

    def _add_reread(self, unit: Unit, event: Event) -> None:
        """Take a re-read row into a transaction, whose position and time it does not change."""
        if unit.counted is None:
            unit.reread.append(event)
        self._keep(unit, event.record)

    def _keep(self, unit: Unit, record: Record) -> None:
        if unit.counted is not None:
            unit.counted.next_offset = record.offset + 1
            return
        unit.records.append(record)
        unit.size += record.size

    def _add_record(self, unit: Unit, event: Event) -> None:
        self._keep(unit, event.record)
        unit.source_ts = event.source_ts or unit.source_ts

    def _close(self) -> Unit:
        unit = self._open
        assert unit is not None  # noqa: S101 - states for the type checker what the callers have established
        self._open = None
        if self._whole is not None:
            self._finish(unit, self._whole)
        if unit.closes_generation:
            self._state.snapshot_position, self._state.snapshot_tables = None, {}
            self._state.generations += 1
        self._note_generation(unit)
        self._state.last_unit = resumable_id(unit, self._state.last_unit)
        return unit

    def _note_generation(self, unit: Unit) -> None:
        """Write down what a restart behind the unit has to know of the generation that is open."""
        if self._state.snapshot_position is not None:
            unit.snapshot_position = self._state.snapshot_position
            unit.snapshot_tables = dict(self._state.snapshot_tables)

    def _finish(self, unit: Unit, whole: Unit) -> None:
        """See that the second reading was of what was counted. Raises FatalError STR-102."""
        if unit.next_offset != whole.next_offset or unit.fold.digest() != whole.fold.digest():
            raise FatalError("STR-102", f"transaction {unit.id} was another one when it was read again")
        unit.whole, self._whole = whole, None

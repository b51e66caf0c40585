"""The tables of a source that are captured but not read yet, and how they come to be read.

A connector reads what a table holds in its first snapshot only. A table that is added later is read by a second
connector, the source's reader: it takes a snapshot of those tables beside the stream, into the same topic, and is
removed. Landing lets the stream win over whatever it brings (`cdc.land.change.reread`), so it may read at any time
after the capture began, be interrupted and start again. The source's signal topic is the record of what has been read:
it is kept for ever, it has one order, and what matters stands in it.

- `SOURCE/needed`: these tables are captured from now on and have to be read. Written **before** the connector is given
  them, so that whatever is interrupted afterwards leaves the need.
- `SOURCE/starting`: the reader is given these tables.
- `SOURCE/restarting`: somebody starts a connector again; of several who watch, the one that is first on record does.
- `SOURCE/paused`: these tables are not to be read until somebody needs them again; the reader is stopped.
- `SOURCE/kept`: these tables were being read again, and are not any more: what their mirrors have is what they had.
- `SOURCE/dropped`: these tables are not captured any more, so rows may come and go unseen.
- `SOURCE/beginning`, `SOURCE/begun`, `SOURCE/given_up`: a connector is made to begin from nothing
  (`cdc.capture.lifecycle`), has been, or was left in the middle of it (`cdc.capture.turn`).
- `SOURCE/forgotten`: on the way there it has lost its place and its replication slot; the next snapshot makes another.
- the connectors' own notifications, in the order of the rows, but for one: that a table's scan succeeded is said before
  its last row, which Debezium (3.6) holds back until it has the next one, of whatever table, or comes to the end. So
  what the reader has scanned has been read when a table behind it turns out to have rows, or the snapshot has ended.

The target is no place for this: it may be built anew from the streams, or be reached by other people than the DBA.

Why not Debezium's incremental snapshot, which the one connector could take (3.5 and 3.6, as tried): it reads the first
chunk in the signal's thread while another one streams, so that the task fails or rows are lost without a word; and it
sends chunks inside transactions under the offset of the event that follows, so that a restart there loses this event.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from cdc.access import Kafka
from cdc.capture.connector import signal_topic, table_names
from cdc.capture.source import Source
from cdc.errors import FatalError
from cdc.stream.envelope import READER_SUFFIX
from cdc.stream.signal import Signal, read_signals, send_signal

NEEDED: Final = "needed"
STARTING: Final = "starting"
READING: Final = "reading"
FAILED: Final = "failed"
PAUSED: Final = "paused"
BEGINNING: Final = "beginning"
FORGOTTEN: Final = "forgotten"
BEGUN: Final = "begun"
GIVEN_UP: Final = "given_up"
KEPT: Final = "kept"
RESTARTING: Final = "restarting"

_READ = "read"
_SKIPPED = "SKIPPED"
_SCANNED = "TABLE_SCAN_COMPLETED"
_SUCCEEDED = "SUCCEEDED"
_DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Unread:
    """A captured table whose rows have not all been read.

    `table` is its name as connectors write it (`schema.table`, `database.table`). `state` is needed, starting,
    reading, failed, with Debezium's reason, or paused. `again` says that it was captured before, and not all the time
    since; `whole` that all of its rows have been read before: it is read once more. `begun_at`: its first rows were
    selected then, by the clock of Kafka Connect; the tables of a reader take turns.
    """

    table: str
    state: str
    reason: str = ""
    again: bool = False
    whole: bool = False
    begun_at: datetime | None = None

    def __str__(self) -> str:
        return f"{self.table}: {self.state}{' ' if self.reason else ''}{self.reason}"


@dataclass(slots=True)
class _Snapshot:
    """The last snapshot that the connector began: whether it has ended, what it has scanned, whether it was skipped by
    a task that started before it had ended, and whether one before it had made the replication slot.
    """

    is_on: bool = False
    is_skipped: bool = False
    finds_slot: bool = False
    scanned: set[str] = field(default_factory=set)
    _has_slot: bool = False

    def forget(self) -> None:
        # What comes is its first snapshot.
        self.is_on = self.is_skipped = self.finds_slot = self._has_slot = False

    def take(self, step: str, more: Mapping[str, Any]) -> None:
        if step == "STARTED":
            self.is_on, self.is_skipped, self.scanned = True, False, set()
            self.finds_slot, self._has_slot = self._has_slot, True
        elif step == _SCANNED and more.get("status") == _SUCCEEDED:
            self.scanned.add(str(more.get("scanned_collection")))
        elif step == "COMPLETED":
            self.is_on = False
        elif step == _SKIPPED:
            self.is_skipped = self.is_on


@dataclass(slots=True)
class Attempt:
    """Somebody makes a connector begin from nothing; whether it has forgotten by then, and whether it was given up."""

    id: str
    has_forgotten: bool = False
    is_given_up: bool = False


@dataclass(slots=True)
class _Attempts:
    """The attempts to make one connector begin, the first one has its turn."""

    _open: list[Attempt] = field(default_factory=list)

    @property
    def current(self) -> Attempt | None:
        return self._open[0] if self._open else None

    def take(self, step: str, value: Mapping[str, Any]) -> None:
        attempt = str(value.get("attempt"))
        if step == BEGINNING:
            self._end(str(value.get("instead_of")))
            self._open.append(Attempt(attempt))
        elif step == BEGUN:
            self._end(attempt)
        for found in self._open:
            if found.id == attempt:
                found.has_forgotten |= step == FORGOTTEN
                found.is_given_up |= step == GIVEN_UP

    def take_start(self) -> None:
        """A snapshot that starts behind what was forgotten has begun, whether somebody has noted that or not."""
        self._open = [found for found in self._open if not found.has_forgotten]

    def _end(self, attempt: str) -> None:
        self._open = [found for found in self._open if found.id != attempt]


_STEPS = (BEGINNING, FORGOTTEN, BEGUN, GIVEN_UP)


@dataclass(slots=True)
class Readings:
    """What the signal topic tells of the tables of one source, folded record by record."""

    source: str
    _states: dict[str, Unread] = field(default_factory=dict)
    # What the reader has scanned, but for the last row.
    _held_back: set[str] = field(default_factory=set)
    _snapshot: _Snapshot = field(default_factory=_Snapshot)
    _attempts: defaultdict[str, _Attempts] = field(default_factory=lambda: defaultdict(_Attempts))
    _restarts: list[tuple[str, str]] = field(default_factory=list)

    def restarts(self, connector: str) -> list[str]:
        """Return the ids of the restarts of a connector that are on record, in their order."""
        return [restart for name, restart in self._restarts if name == connector]

    def unread(self, tables: Iterable[str]) -> list[Unread]:
        """Return those of the tables that have to be read; one of which nothing is on record was read long ago."""
        known = (self._states.get(table) for table in tables)
        return [state for state in known if state is not None and state.state not in (_READ, _DROPPED)]

    def known(self) -> set[str]:
        """Return the tables that have been read or are noted as needed."""
        return {table for table, state in self._states.items() if state.state != _DROPPED}

    def is_skipped(self, tables: Iterable[str]) -> bool:
        """Tell whether the connector has passed over its snapshot of the tables though an earlier one had not ended."""
        return self._snapshot.is_skipped and not self._snapshot.scanned.issuperset(tables)

    @property
    def finds_slot(self) -> bool:
        """Whether the connector's last snapshot began on a replication slot of an earlier one."""
        return self._snapshot.finds_slot

    def beginning(self, connector: str) -> Attempt | None:
        """Return the attempt to make the connector begin from nothing that has not come to its end."""
        return self._attempts[connector].current

    def take(self, signal: Signal) -> None:
        """Take the next record of the topic; what nobody here has written is passed over."""
        key = (signal.key or b"").decode(errors="replace")
        value = _document(signal.value)
        if key == f"{self.source}/{NEEDED}":
            self._need(value)
        elif key == f"{self.source}/{_DROPPED}":
            self._states.update({table: Unread(table, _DROPPED) for table in _tables(value)})
        elif key in [f"{self.source}/{step}" for step in _STEPS]:
            self._begin(key.rpartition("/")[2], value)
        elif key == f"{self.source}/{RESTARTING}":
            self._restarts.append((str(value.get("connector")), str(value.get("id"))))
        elif key == f"{self.source}/{KEPT}":
            self._states.update({table: Unread(table, _READ) for table in _tables(value) if self._is_whole(table)})
        elif key == f"{self.source}/{STARTING}":
            self._held_back.clear()
            self._move(_tables(value), (NEEDED, FAILED, READING), STARTING)
        elif key == f"{self.source}/{PAUSED}":
            self._move(_tables(value), (NEEDED, STARTING, READING, FAILED), PAUSED)
        else:
            self._notified(value)

    def _begin(self, step: str, value: Mapping[str, Any]) -> None:
        connector = str(value.get("connector"))
        self._attempts[connector].take(step, value)
        if step == FORGOTTEN and connector == self.source:
            self._snapshot.forget()

    def _need(self, value: Mapping[str, Any]) -> None:
        for table in _tables(value):
            before = self._states.get(table)
            again = before is not None and (before.state == _DROPPED or before.again)
            whole = before is not None and not again and (before.state == _READ or before.whole)
            self._states[table] = Unread(table, NEEDED, again=again, whole=whole)

    def _is_whole(self, table: str) -> bool:
        return (state := self._states.get(table)) is not None and state.whole

    def _notified(self, value: Mapping[str, Any]) -> None:
        more, step = value.get("additional_data"), str(value.get("type"))
        if not isinstance(more, dict) or more.get("connector_name") not in (self.source, self.source + READER_SUFFIX):
            return
        if step == "STARTED":
            self._attempts[more["connector_name"]].take_start()
        if more["connector_name"] == self.source:
            self._told_by_connector(step, more, value)
        else:
            self._told_by_reader(step, more, value)

    def _told_by_connector(self, step: str, more: Mapping[str, Any], value: Mapping[str, Any]) -> None:
        if value.get("aggregate_type") == "Initial Snapshot":
            self._snapshot.take(step, more)
        if step == _SCANNED and more.get("status") == _SUCCEEDED:
            # Its own snapshot reads all tables, or begins anew.
            table = str(more.get("scanned_collection"))
            self._states[table] = Unread(table, _READ)

    def _told_by_reader(self, step: str, more: Mapping[str, Any], value: Mapping[str, Any]) -> None:
        if step == _SKIPPED:
            running = [table for table, state in self._states.items() if state.state in (STARTING, READING)]
            self._move(running, (STARTING, READING), FAILED, _SKIPPED)
        elif step == "STARTED":
            self._held_back.clear()
        elif step == "IN_PROGRESS":
            self._move(str(more.get("data_collections", "")).split(","), (NEEDED, STARTING, FAILED), READING)
            self._note_begun(str(more.get("current_collection_in_progress")), value.get("timestamp"))
        elif step == _SCANNED:
            self._scanned(str(more.get("scanned_collection")), str(more.get("status")), more.get("total_rows_scanned"))
        elif step == "COMPLETED":
            self._let_go()

    def _note_begun(self, table: str, at_ms: object) -> None:
        state = self._states.get(table)
        if state is not None and state.state == READING and isinstance(at_ms, int):
            self._states[table] = replace(state, begun_at=datetime.fromtimestamp(at_ms / 1000, UTC))

    def _scanned(self, table: str, status: str, rows: object) -> None:
        if status != _SUCCEEDED:
            self._move([table], (NEEDED, STARTING, READING, FAILED), FAILED, status)
            return
        if rows != "0":
            self._let_go()
        self._held_back.add(table)

    def _let_go(self) -> None:
        """The reader has sent all rows of what it had scanned."""
        for table in self._held_back:
            state = self._states.get(table)
            # One that was captured before stays unread: rows come back, and those that went meanwhile do not go.
            if state is not None and not state.again:
                self._move([table], (STARTING, READING, PAUSED), _READ)
        self._held_back.clear()

    def _move(self, tables: Iterable[str], from_states: Sequence[str], to: str, reason: str = "") -> None:
        for table in tables:
            state = self._states.get(table)
            if state is not None and state.state in from_states:
                begun_at = state.begun_at if to == READING else None
                self._states[table] = replace(state, state=to, reason=reason, begun_at=begun_at)


class Reading:
    """The record of one source's tables. All methods raise STR-109 or STR-110 if Kafka does not do its part.

    Landing notes here what it finds: nothing of this asks Kafka Connect, whose client would be in its memory.
    """

    def __init__(self, source: Source, kafka: Kafka) -> None:
        self._source = source
        self._kafka = kafka
        self._topic = signal_topic(source)
        self._tables = table_names(source)

    def unread(self) -> list[Unread]:
        """Return the captured tables that have not been read, in the order of the connector file."""
        return self.fold().unread(self._tables)

    def snapshot_fault(self, told: Readings) -> str | None:
        """Return the code of what is wrong with the connector's own snapshot: CON-112 skipped, CON-114 uneven."""
        if told.is_skipped(self._tables):
            return "CON-112"
        return "CON-114" if self._source.kind == "postgresql" and told.finds_slot else None

    def is_skipped_by_reader(self, tables: Iterable[str]) -> bool:
        """Tell whether the reader, which has these tables, has passed over its snapshot, which had not begun."""
        return any(state.state == FAILED and state.reason == _SKIPPED for state in self.fold().unread(tables))

    def note_changes(self, live: Mapping[str, str] | None) -> None:
        """Note which tables the connector is about to get and to lose; `live` is the configuration that it has.

        Raises FatalError CON-113 if a table without a key is to join a connector that runs.
        """
        readings = self.fold()
        before = readings.known() if live is None else captured(live)
        unread = {state.table for state in readings.unread(self._tables)}
        needed = [table for table in self._tables if table not in before | unread]
        if live is not None and self._source.state == "running":
            self.require_keys(needed)
        self._note(NEEDED, needed)
        if live is not None:
            self._note(_DROPPED, [table for table in before if table not in self._tables])

    def need(self, tables: Iterable[str]) -> None:
        """Note that captured tables have to be read (again). Raises FatalError CON-113 if one of them has no key."""
        needed = list(tables)
        self.require_keys(needed)
        self._note(NEEDED, needed)

    def require_keys(self, tables: Iterable[str]) -> None:
        """A row without a key that is read beside the stream cannot be told from one that the stream has brought."""
        keyless = {name for name, table in zip(self._tables, self._source.tables, strict=True) if table.is_keyless}
        if found := [table for table in tables if table in keyless]:
            raise FatalError("CON-113", f"{self._source.name}: {', '.join(found)}")

    def keep(self, tables: Sequence[str]) -> None:
        """Note that tables are not read again after all. Raises FatalError CON-187 for one never read as a whole."""
        unread = {state.table: state for state in self.unread()}
        partial = [table for table in tables if table in unread and not unread[table].whole]
        if partial:
            raise FatalError("CON-187", f"{self._source.name}: {', '.join(partial)}")
        self._note(KEPT, [table for table in tables if table in unread])

    def require_whole(self, tables: Iterable[str]) -> None:
        """Raise FatalError CON-186 if rows of one of the tables have never been read as a whole."""
        unread = {state.table for state in self.unread() if not state.whole}
        if partial := [table for table in tables if table in unread]:
            raise FatalError("CON-186", f"{self._source.name}: {', '.join(partial)}")

    def note_gap(self, tables: Sequence[str]) -> None:
        """Note that captured tables were not captured for a while: a new snapshot of the whole source has to come."""
        self._note(_DROPPED, tables)
        self._note(NEEDED, tables)

    def note_restart(self, connector: str, restart: str) -> None:
        """Note that a connector is about to be started again, under an id."""
        value = msgspec.json.encode({"connector": connector, "id": restart})
        send_signal(self._kafka, self._topic, f"{self._source.name}/{RESTARTING}".encode(), value)

    def note_starting(self, tables: Sequence[str]) -> None:
        """Note that the reader is given these tables."""
        self._note(STARTING, tables)

    def note_paused(self, tables: Sequence[str]) -> None:
        """Note that these tables are not read for the time being."""
        self._note(PAUSED, tables)

    def _note(self, what: str, tables: Iterable[str]) -> None:
        listed = list(tables)
        if listed:
            key, value = f"{self._source.name}/{what}", msgspec.json.encode({"tables": listed})
            send_signal(self._kafka, self._topic, key.encode(), value)

    def fold(self) -> Readings:
        """Return what the record tells by now."""
        readings = Readings(self._source.name)
        for signal in read_signals(self._kafka, self._topic):
            readings.take(signal)
        return readings


def captured(live: Mapping[str, str]) -> set[str]:
    """Return the names that stand, escaped, in a connector's list of tables."""
    return {_unescaped(expression) for expression in live.get("table.include.list", "").split(",") if expression}


def _unescaped(expression: str) -> str:
    return expression.replace("\\", "")


def _tables(value: Mapping[str, Any]) -> list[str]:
    tables = value.get("tables")
    return [table for table in tables if isinstance(table, str)] if isinstance(tables, list) else []


def _document(value: bytes | None) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(value or b"{}")
    except msgspec.DecodeError:
        return {}
    return document if isinstance(document, dict) else {}

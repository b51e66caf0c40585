"""What a source's signal topic tells of its tables, folded record by record.

What stands there is said in `cdc.capture.reading`, which writes and reads it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from cdc.stream.envelope import READER_SUFFIX
from cdc.stream.signal import Signal

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
DROPPED: Final = "dropped"
RESTARTING: Final = "restarting"
REMOVED: Final = "removed"
SKIPPED: Final = "SKIPPED"
"""Why a table has failed that the reader passed over."""

_READ = "read"
_SCANNED = "TABLE_SCAN_COMPLETED"
_SUCCEEDED = "SUCCEEDED"


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
        elif step == SKIPPED:
            self.is_skipped = self.is_on


@dataclass(slots=True)
class Attempt:
    """Somebody makes a connector begin from nothing; whether it has forgotten by then, and whether it was given up.

    `creates`: he makes the connector, too. Kafka Connect may have kept a place under its name, which is not forgotten.
    """

    id: str
    creates: bool = False
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
            self._open.append(Attempt(attempt, creates=value.get("creates") is True))
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
    # Connectors that were removed with their places, and have not been heard of since.
    _removed: set[str] = field(default_factory=set)
    # Connectors that have begun a snapshot, or had their slot dropped to begin one.
    _begun: set[str] = field(default_factory=set)

    def restarts(self, connector: str) -> list[str]:
        """Return the ids of the restarts of a connector that are on record, in their order."""
        return [restart for name, restart in self._restarts if name == connector]

    def unread(self, tables: Iterable[str]) -> list[Unread]:
        """Return those of the tables that have to be read; one of which nothing is on record was read long ago."""
        known = (self._states.get(table) for table in tables)
        return [state for state in known if state is not None and state.state not in (_READ, DROPPED)]

    def known(self) -> set[str]:
        """Return the tables that have been read or are noted as needed."""
        return {table for table, state in self._states.items() if state.state != DROPPED}

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

    def has_begun(self, connector: str) -> bool:
        """Tell whether a slot of the connector's name can be its own: it has begun before, or was about to."""
        return connector in self._begun

    def is_removed(self, connector: str) -> bool:
        """Tell whether the connector was removed after its place was forgotten, and was not there again since."""
        return connector in self._removed

    def take(self, signal: Signal) -> None:
        """Take the next record of the topic; what nobody here has written is passed over."""
        key = (signal.key or b"").decode(errors="replace")
        value = document(signal.value)
        if key == f"{self.source}/{NEEDED}":
            self._need(value)
        elif key == f"{self.source}/{DROPPED}":
            self._states.update({table: Unread(table, DROPPED) for table in _tables(value)})
        elif key in [f"{self.source}/{step}" for step in _STEPS]:
            self._begin(key.rpartition("/")[2], value)
        elif key in (f"{self.source}/{REMOVED}", f"{self.source}/{RESTARTING}"):
            self._take_of_connector(key.rpartition("/")[2], str(value.get("connector")), value)
        elif key == f"{self.source}/{KEPT}":
            self._states.update({table: Unread(table, _READ) for table in _tables(value) if self._is_whole(table)})
        elif key == f"{self.source}/{STARTING}":
            self._held_back.clear()
            self._move(_tables(value), (NEEDED, FAILED, READING), STARTING)
        elif key == f"{self.source}/{PAUSED}":
            self._move(_tables(value), (NEEDED, STARTING, READING, FAILED), PAUSED)
        else:
            self._notified(value)

    def _take_of_connector(self, what: str, connector: str, value: Mapping[str, Any]) -> None:
        if what == REMOVED:
            self._removed.add(connector)
        else:
            self._restarts.append((connector, str(value.get("id"))))

    def _begin(self, step: str, value: Mapping[str, Any]) -> None:
        connector = str(value.get("connector"))
        self._removed.discard(connector)
        self._attempts[connector].take(step, value)
        if step == FORGOTTEN:
            self._begun.add(connector)
        if step == FORGOTTEN and connector == self.source:
            self._snapshot.forget()

    def _need(self, value: Mapping[str, Any]) -> None:
        for table in _tables(value):
            before = self._states.get(table)
            again = before is not None and (before.state == DROPPED or before.again)
            whole = before is not None and not again and (before.state == _READ or before.whole)
            self._states[table] = Unread(table, NEEDED, again=again, whole=whole)

    def _is_whole(self, table: str) -> bool:
        return (state := self._states.get(table)) is not None and state.whole

    def _notified(self, value: Mapping[str, Any]) -> None:
        more, step = value.get("additional_data"), str(value.get("type"))
        if not isinstance(more, dict) or more.get("connector_name") not in (self.source, self.source + READER_SUFFIX):
            return
        self._removed.discard(more["connector_name"])
        if step == "STARTED":
            self._begun.add(more["connector_name"])
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
        if step == SKIPPED:
            running = [table for table, state in self._states.items() if state.state in (STARTING, READING)]
            self._move(running, (STARTING, READING), FAILED, SKIPPED)
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


def _tables(value: Mapping[str, Any]) -> list[str]:
    tables = value.get("tables")
    return [table for table in tables if isinstance(table, str)] if isinstance(tables, list) else []


def document(value: bytes | None) -> dict[str, Any]:
    """Return what a record of the topic says; nothing for what nobody here has written."""
    try:
        document = msgspec.json.decode(value or b"{}")
    except msgspec.DecodeError:
        return {}
    return document if isinstance(document, dict) else {}

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
- `SOURCE/dropped`: these tables are not captured any more, so rows may come and go unseen. Written before the connector
  loses them, too, and void if it does not.
- `SOURCE/void`: what was noted under this id is not so, because what it was noted for has been refused.
- `SOURCE/beginning`, `SOURCE/begun`, `SOURCE/given_up`: a connector is made to begin from nothing
  (`cdc.capture.lifecycle`), has been, or was left in the middle of it (`cdc.capture.turn`).
- `SOURCE/removed`: a connector is deleted, and Kafka Connect has forgotten its place before.
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

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final
from uuid import uuid4

import msgspec

from cdc.access import Kafka
from cdc.capture.connector import signal_topic, table_names
from cdc.capture.readings import (
    DROPPED,
    FAILED,
    KEPT,
    NEEDED,
    PAUSED,
    REMOVED,
    RESTARTING,
    SKIPPED,
    STARTING,
    Readings,
    Unread,
    document,
)
from cdc.capture.source import Source
from cdc.errors import FatalError
from cdc.stream.signal import read_signals, send_signal

TABLES: Final = "table.include.list"
"""The setting in which a connector has the list of its tables."""
_VOID: Final = "void"


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
        return any(state.state == FAILED and state.reason == SKIPPED for state in self.fold().unread(tables))

    def note_new(self, live: Mapping[str, str] | None) -> None:
        """Note which tables the connector is about to get; `live` is the configuration that it has.

        A table that has been read and is not captured by now left without a note (somebody else took it out, or removed
        the connector): it comes back with a gap.

        Raises FatalError CON-113 if a table without a key is to join a connector that runs.
        """
        readings = self.fold()
        known = readings.known()
        before = known if live is None else captured(live)
        unread = {state.table for state in readings.unread(self._tables)}
        needed = [table for table in self._tables if table not in before | unread]
        if live is not None and self._source.state == "running":
            self.require_keys(needed)
        self.note_gap([table for table in needed if table in known])
        self._note(NEEDED, [table for table in needed if table not in known])

    def leaving(self, live: Mapping[str, str] | None) -> list[str]:
        """Return the tables that a connector with this configuration is about to lose."""
        return [] if live is None else sorted(captured(live).difference(self._tables))

    @contextmanager
    def dropping(self, tables: Collection[str], live: Callable[[], Mapping[str, str] | None]) -> Iterator[None]:
        """Note that the connector loses tables, which the block does; `live` asks for the configuration that it has.

        In this order: who dies in the block, or hears no answer, leaves the note, and a table that comes back counts as
        one that was not captured for a while. A block that was refused, and left the connector its tables, leaves none:
        they were captured all the time.
        """
        note = uuid4().hex
        self._note(DROPPED, tables, note)
        try:
            yield
        except FatalError:
            if tables and captured(live() or {}).issuperset(tables):
                self.void(note)
            raise

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

    def note_gap(self, tables: Sequence[str], note: str = "") -> None:
        """Note that captured tables were not captured for a while: a new snapshot of the whole source has to come.

        `note` is an id by which it may be taken back (`void`).
        """
        self._note(DROPPED, tables, note)
        self._note(NEEDED, tables, note)

    def void(self, note: str) -> None:
        """Take back what was noted under an id: all is as if it had not been."""
        send_signal(
            self._kafka, self._topic, f"{self._source.name}/{_VOID}".encode(), msgspec.json.encode({"id": note})
        )

    def note_restart(self, connector: str, restart: str) -> None:
        """Note that a connector is about to be started again, under an id."""
        value = msgspec.json.encode({"connector": connector, "id": restart})
        send_signal(self._kafka, self._topic, f"{self._source.name}/{RESTARTING}".encode(), value)

    def note_removed(self, connector: str) -> None:
        """Note that a connector is about to be deleted whose place is forgotten."""
        value = msgspec.json.encode({"connector": connector})
        send_signal(self._kafka, self._topic, f"{self._source.name}/{REMOVED}".encode(), value)

    def note_starting(self, tables: Sequence[str]) -> None:
        """Note that the reader is given these tables."""
        self._note(STARTING, tables)

    def note_paused(self, tables: Sequence[str]) -> None:
        """Note that these tables are not read for the time being."""
        self._note(PAUSED, tables)

    def _note(self, what: str, tables: Iterable[str], note: str = "") -> None:
        listed = list(tables)
        if listed:
            value = {"tables": listed} | ({"note": note} if note else {})
            send_signal(self._kafka, self._topic, f"{self._source.name}/{what}".encode(), msgspec.json.encode(value))

    def fold(self) -> Readings:
        """Return what the record tells by now."""
        readings = Readings(self._source.name)
        signals = read_signals(self._kafka, self._topic)
        key = f"{self._source.name}/{_VOID}".encode()
        void = {str(document(signal.value).get("id", "")) for signal in signals if signal.key == key}
        for signal in signals:
            if not void or str(document(signal.value).get("note")) not in void:
                readings.take(signal)
        return readings


def captured(live: Mapping[str, str]) -> set[str]:
    """Return the names that stand, escaped, in a connector's list of tables."""
    return {_unescaped(expression) for expression in live.get(TABLES, "").split(",") if expression}


def _unescaped(expression: str) -> str:
    return expression.replace("\\", "")

"""The reader of a source: a second connector that reads tables which were added later, beside the stream, and goes.

What it has to read, and has read, is on record (`cdc.capture.reading`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cdc.access import Kafka
from cdc.capture.connect import Connect
from cdc.capture.connector import reader_name, render_reader, table_names
from cdc.capture.lifecycle import Lifecycle
from cdc.capture.reading import FAILED, READING, STARTING, Reading, Unread, captured
from cdc.capture.source import Source
from cdc.errors import FatalError, TransientError
from cdc.stream.topic import apply_topics, history_plan

# It has to get at the source's catalogue first.
_BEGIN_S: Final = 60.0
_POLL_S: Final = 0.5


class Reader:
    """A source's second connector. All methods raise STR-109 or STR-110 if Kafka does not do its part."""

    def __init__(self, source: Source, kafka: Kafka, connect: Connect, *, begin_s: float = _BEGIN_S) -> None:
        self.name = reader_name(source)
        self.record = Reading(source, kafka)
        self._source = source
        self._kafka = kafka
        self._connect = connect
        self._begin_s = begin_s

    def tidy(self) -> list[str]:
        """Remove the reader if it has read all of its tables; return what was done, in words."""
        if self.is_over():
            self._connect.remove(self.name)
            return [f"reading is over: connector {self.name} removed"]
        return []

    def is_over(self) -> bool:
        """Tell whether there is a reader which has read all of its tables.

        They are those of its own configuration: whoever asks may have read the connector file before one was added.
        """
        tables = self._tables()
        return bool(tables) and not self.record.fold().unread(tables)

    def is_skipped(self) -> bool:
        """Tell whether the reader has passed over its snapshot, which had not begun."""
        return self.record.is_skipped_by_reader(self._tables())

    def begin(self, selects: Mapping[str, str]) -> list[str]:
        """Have what is unread read, and wait until that has begun; return what was done, in words.

        `selects` as of `cdc.capture.connector.render`. Where the connector itself skipped its snapshot, it takes it.

        Nothing is done while the connector does not run, or takes its first snapshot: that one reads all. Raises
        FatalError CON-107 if a table could not be read, CON-108 if it was captured before, CON-113 if it has no key;
        TransientError CON-109 if nothing is heard of the reading; CON-102 to CON-104 if the reader does not run.
        """
        own = self._source.name
        if self._source.state != "running" or not self.record.unread() or self._connect.in_snapshot(own):
            return []
        # Asked again, and last: what was on before may have ended.
        told = self.record.fold()
        names = table_names(self._source)
        if told.is_skipped(names):
            Lifecycle(self._connect, self._kafka, self._source, own).begin()
            return ["snapshot that was skipped is begun again"]
        unread = told.unread(names)
        again = [state.table for state in unread if state.again]
        if again:
            raise FatalError("CON-108", f"{own}: {', '.join(again)}")
        if not unread or self.is_under_way(unread):
            return []
        due = [state.table for state in unread]
        self.record.require_keys(due)
        self.record.note_starting(due)
        try:
            self._start(due, selects)
        except TransientError:
            # A small table has been read, and the reader taken away by `cdc run`, before anybody saw it run.
            if any(state.table in due for state in self.record.unread()):
                raise
        self._await(due)
        return [f"reading of {table} begun" for table in due]

    def cancel(self, tables: Sequence[str]) -> list[str]:
        """Give up reading tables again, and the reader with it: what else is unread is begun anew. Raises CON-187."""
        self.record.keep(tables)
        if self._connect.config(self.name) is None:
            return []
        self._connect.remove(self.name)
        return [f"connector {self.name} removed"]

    def is_under_way(self, unread: Iterable[Unread]) -> bool:
        """Tell whether the reader is reading all of these tables, or is about to.

        What was noted as needed since the reader began it does not read: it may have been at this table before.
        """
        tables = self._tables()
        if any(state.table not in tables or state.state not in (STARTING, READING) for state in unread):
            return False
        return self._connect.status(self.name).is_in("running")

    def _tables(self) -> set[str]:
        config = self._connect.config(self.name)
        return set() if config is None else captured(config)

    def _start(self, tables: Sequence[str], selects: Mapping[str, str]) -> None:
        """Create the reader. One that is there has failed, or lacks a table: a snapshot starts over in any case."""
        if self._connect.config(self.name) is not None:
            self._connect.remove(self.name)
        config = render_reader(self._source, tables, self._kafka.for_connectors, selects)
        if self._source.kind == "mariadb":
            apply_topics(self._kafka, [history_plan(config["schema.history.internal.kafka.topic"])])
        Lifecycle(self._connect, self._kafka, self._source, self.name).apply(config, "running")

    def _await(self, due: Sequence[str]) -> None:
        deadline = time.monotonic() + self._begin_s
        while waiting := [state for state in self.record.unread() if state.table in due and state.state != READING]:
            failed = [str(state) for state in waiting if state.state == FAILED]
            if failed:
                raise FatalError("CON-107", f"{self._source.name}: {', '.join(failed)}")
            if time.monotonic() > deadline:
                raise TransientError("CON-109", f"{self._source.name}: {', '.join(map(str, waiting))}")
            time.sleep(_POLL_S)

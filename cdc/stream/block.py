"""Rows of a PostgreSQL COPY, which share their place in the log, and a connector that was started again among them.

PostgreSQL writes the rows of a COPY that fit into one block of the table as one record of its log; other statements
write one for each row. A connector that is started again inside a transaction goes on behind its stored place. Debezium
3.7.0 (`WalPositionLocator`) has counted the rows of that place that it sent. But

- if it was one row, it takes the place for done, and leaves out the others;
- if the place is the first of the transaction, it counts BEGIN as well, and sends the last row again.

A row that has its place for itself looks like the first of several. So rows count as missing only where other rows of
the transaction show that the table was filled by a COPY.
"""

from __future__ import annotations

from cdc.change import Event
from cdc.errors import FatalError


class Blocks:
    """What has to be known of the row events of one transaction. All methods raise FatalError STR-124."""

    __slots__ = ("_doubtful", "_filled", "_first", "_last", "_resumed", "_shares")

    def __init__(self) -> None:
        self._first: Event | None = None
        self._last: Event | None = None
        self._shares = False  # the last row has the place of the one before it
        self._resumed = False  # the connector was started again behind the last row
        self._filled: set[str] = set()
        self._doubtful: dict[str, int] = {}

    def add(self, event: Event) -> None:
        """Take the next row event."""
        last = self._last
        if last is None:
            self._first = last = event
        elif self._resumed:
            self._go_on(last, event)
        self._shares = last is not event and _share_block(last, event)
        if self._shares:
            self._filled.add(event.table)
            self._require_whole(event.table)
        self._last = event

    def resume(self) -> None:
        """Take it that the connector was started again."""
        self._resumed = self._last is not None

    def end(self) -> None:
        """Take the end of the transaction."""
        if self._resumed and self._last is not None:
            self._go_on(self._last, None)

    def _go_on(self, last: Event, event: Event | None) -> None:
        """Look at what came behind a start of the connector: a row, or the end."""
        self._resumed = False
        if event is not None and event.position == last.position:
            self._require_once(last, event)
        elif last.op == "c" and not self._shares:
            self._doubtful.setdefault(last.table, last.record.offset)
            self._require_whole(last.table)

    def _require_whole(self, table: str) -> None:
        if table in self._filled and table in self._doubtful:
            raise FatalError("STR-124", f"rows of {table} may be missing behind offset {self._doubtful[table]}")

    def _require_once(self, last: Event, event: Event) -> None:
        """Refuse a row without a key that may be the one before it; of others the last one counts, however often."""
        is_in_first = self._first is not None and self._first.position == last.position
        if is_in_first and event.record.key is None and (event.op, event.after) == (last.op, last.after):
            detail = f"offset {event.record.offset} may be the row of offset {last.record.offset} again"
            raise FatalError("STR-124", f"{event.table}: {detail}")


def _share_block(last: Event, event: Event) -> bool:
    return event.position == last.position and event.op == last.op == "c" and event.table == last.table

"""Rows that share their place in the log, and a connector that may have been started again among them.

One record of the log may be several events: the two halves of an update that changes a key; of PostgreSQL also the rows
of a COPY that fit into one block of their table, and the tables of a TRUNCATE. A connector that is started again inside
a transaction goes on behind its stored place, so that the second half of a key change may be missing. PostgreSQL's
(Debezium 3.7.0, `WalPositionLocator`) has counted the changes of that place that it sent:

- if it was one, it takes the place for done, and leaves out what else stands there;
- if the place is that of the first published change of the transaction, it counts BEGIN, too, and sends the last row of
  a COPY again.

A row that has its place for itself looks like the first of several. So rows of a COPY count as missing only where
others of the transaction show that their table was filled by one.
"""

from __future__ import annotations

from cdc.change import Event
from cdc.errors import FatalError


class SharedPlaces:
    """What has to be known of the row and TRUNCATE events of one transaction."""

    __slots__ = ("_doubtful", "_filled", "_first", "_last", "_shares", "_started")

    def __init__(self) -> None:
        self._first: Event | None = None
        self._last: Event | None = None
        self._shares = False  # the last row stands in one block with the one before it
        self._started = False  # the connector may have been started again behind the last row
        self._filled: set[str] = set()
        self._doubtful: dict[str, int] = {}

    def add(self, event: Event) -> None:
        """Take the next event. Raises FatalError STR-124 if others may be missing before it, or it may come twice."""
        last, self._last = self._last, event
        if last is None:
            self._first = event
            return
        _require_half(last, event)
        if self._started:
            self._judge(last, event)
        self._shares = _share_block(last, event)
        if self._shares:
            self._filled.add(event.table)
            self._require_whole(event.table)

    def start(self) -> None:
        """Take it that the connector may have been started again."""
        self._started = self._last is not None

    def repeat(self) -> None:
        """Take an event that has come before: who sends it again has left out nothing."""
        self._started = False

    def end(self) -> None:
        """Take the end of the transaction. Raises FatalError STR-124 if events may be missing before it."""
        if self._last is None:
            return
        _require_half(self._last, None)
        if self._started:
            self._judge(self._last, None)

    def _judge(self, last: Event, event: Event | None) -> None:
        """Look at what came behind a start of the connector: an event, or the end."""
        self._started = False
        if event is not None and event.position == last.position:
            self._require_once(last, event)
        elif last.op == "t":
            raise FatalError("STR-124", f"a TRUNCATE may be missing behind that of {last.table}, {_offset(last)}")
        elif last.op == "c" and not self._shares:
            self._doubtful.setdefault(last.table, last.record.offset)
            self._require_whole(last.table)

    def _require_whole(self, table: str) -> None:
        if table in self._filled and table in self._doubtful:
            raise FatalError("STR-124", f"rows of {table} may be missing behind offset {self._doubtful[table]}")

    def _require_once(self, last: Event, event: Event) -> None:
        """Refuse a row without a key that may be the one before it; of others the last one counts, however often."""
        is_first = self._first is not None and self._first.position == last.position
        is_same = event.op == last.op == "c" and event.after == last.after
        if is_first and is_same and event.record.key is None:
            raise FatalError("STR-124", f"{event.table}: {_offset(event)} may be the row of {_offset(last)} again")


def _require_half(last: Event, event: Event | None) -> None:
    if last.record.moves and (event is None or event.record.old_key is None):
        raise FatalError("STR-124", f"{last.table}: the row of {_offset(last)} is missing under its new key")


def _share_block(last: Event, event: Event) -> bool:
    return event.position == last.position and event.op == last.op == "c" and event.table == last.table


def _offset(event: Event) -> str:
    return f"offset {event.record.offset}"

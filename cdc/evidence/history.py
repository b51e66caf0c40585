"""Every change of one mirror row, read again from the journal: what the source wrote, when, and what it did to the row.

The index of changed keys says in which batches the row was touched; the chunks of these are read, and of their events
those of the row. What a batch did to it without an event of its own (a cascade of InnoDB, a TRUNCATE, the end of a new
snapshot that did not bring it) is told as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

import psycopg
from psycopg.sql import SQL, Composable, Identifier

from cdc.capture.contract import Contract
from cdc.capture.keyless import ORIGIN
from cdc.change import UNCHANGED, Change, Event, Kind
from cdc.errors import FatalError, RowError
from cdc.key import text_template
from cdc.land.journal import record_digest, unpack
from cdc.stream.envelope import position_text, read_event
from cdc.stream.row import RowDecoder

Connection = psycopg.Connection[Any]
Key = tuple[str, ...]
"""A key as the journal writes it: each column as PostgreSQL prints it."""

_PAUSE_S = 60
_OPERATIONS = {"c": "inserted", "u": "updated", "d": "deleted", "r": "read"}
_MOVED = "moved to key"
_WITHOUT_EVENT = {"u": "changed by a cascade", "d": "deleted by a cascade, or not there in a new snapshot"}


class Cell(NamedTuple):
    """A column that a change gave another value; None is NULL, and what nothing was known of before."""

    column: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. `offset`, `transaction`, `position`, `digest` are those of its event: None where it has none.

    `committed_at` is by the source's clock, `digest` SHA-256 of the record as the chain has it, in hex.
    """

    what: str
    stream: str
    batch: int
    landed_at: datetime
    offset: int | None = None
    committed_at: datetime | None = None
    transaction: str | None = None
    position: str | None = None
    digest: str | None = None
    cells: tuple[Cell, ...] = ()


def read_history(connection: Connection, contract: Contract, database: str, key: Key) -> Iterator[Entry]:
    """Yield the changes of the row that has, or had, this key, in the order of the stream.

    Raises FatalError EVD-103 for a table whose rows nothing identifies, and for a key of another shape.
    """
    if contract.key_origin == ORIGIN:
        raise FatalError("EVD-103", f"{contract.mirror}: its mirror counts equal rows")
    if len(key) != len(contract.key):
        raise FatalError("EVD-103", f"the key of {contract.mirror} is {', '.join(contract.key)}")
    connection.rollback()
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{_PAUSE_S}s'")
        yield from _Reading(connection, contract, database, key).entries()


class _Batch(NamedTuple):
    stream: str
    batch: int
    landed_at: datetime
    op: str  # of the key; "t" where only the whole table was emptied


class _Reading:
    def __init__(self, connection: Connection, contract: Contract, database: str, key: Key) -> None:
        self._connection, self._contract, self._database, self._key = connection, contract, database, key
        self._decoder = RowDecoder(contract, database)
        self._known: dict[str, str | None] = {}
        self._is_there = False

    def entries(self) -> Iterator[Entry]:
        for batch in self._batches():
            found = _without_halves([entry for entry in self._of(batch) if entry is not None])
            if not found and batch.op in _WITHOUT_EVENT:
                self._known, self._is_there = {}, batch.op == "u"
                found = [Entry(_WITHOUT_EVENT[batch.op], batch.stream, batch.batch, batch.landed_at)]
            yield from found

    def _batches(self) -> Iterator[_Batch]:
        """Yield the batches that touched the row, or emptied its table."""
        rows = self._connection.execute(
            "SELECT k.stream, k.batch, b.landed_at, min(k.op::text) FROM cdc.journal_key k JOIN cdc.batch b"
            " USING (stream, batch) WHERE hash_array_extended(k.key, 0) = hash_array_extended(%(key)s::text[], 0)"
            " AND k.key = %(key)s::text[] AND k.mirror = %(mirror)s GROUP BY 1, 2, 3"
            " UNION ALL SELECT k.stream, k.batch, b.landed_at, 't' FROM cdc.journal_key k JOIN cdc.batch b"
            " USING (stream, batch) WHERE k.key IS NULL AND k.mirror = %(mirror)s AND NOT EXISTS (SELECT FROM"
            " cdc.journal_key o WHERE (o.stream, o.batch, o.mirror, o.key)"
            " = (k.stream, k.batch, k.mirror, %(key)s::text[])) GROUP BY 1, 2, 3 ORDER BY 2",
            {"key": list(self._key), "mirror": self._contract.mirror},
        ).fetchall()
        return (_Batch(*row) for row in rows)

    def _of(self, batch: _Batch) -> Iterator[Entry | None]:
        chunks = self._connection.execute(
            "SELECT chunk FROM cdc.journal WHERE stream = %s AND batch = %s ORDER BY first_offset",
            (batch.stream, batch.batch),
        ).fetchall()
        events = [
            event
            for (chunk,) in chunks
            for event in (read_event(record, self._database) for record in unpack(chunk))
            if event.table == self._contract.source_table and event.kind in (Kind.ROW, Kind.TRUNCATE)
        ]
        for event, is_of_key, was_of_key in self._marked(events):
            if event.kind is Kind.TRUNCATE:
                yield self._emptied(event, batch)
            elif is_of_key or was_of_key:
                yield self._entry(event, batch, is_of_key=is_of_key, was_of_key=was_of_key)

    def _marked(self, events: list[Event]) -> Iterator[tuple[Event, bool, bool]]:
        """Yield each event with whether its row has the key, and whether it had it before."""
        now = [None if event.kind is Kind.TRUNCATE else self._decoder.key(event) for event in events]
        old = [None if event.kind is Kind.TRUNCATE else self._old_key(event) for event in events]
        matches = self._matching([*now, *old])
        for place, event in enumerate(events):
            yield event, place in matches, len(events) + place in matches

    def _old_key(self, event: Event) -> Any:
        try:
            return self._decoder.change(event).old_key
        except RowError:
            return None

    def _matching(self, keys: list[Any]) -> set[int]:
        """Return the places of the keys that are the row's: as PostgreSQL prints them."""
        given = [(place, key) for place, key in enumerate(keys) if key is not None]
        if not given:
            return set()
        types = [self._contract.column(name).mirror_type for name in self._contract.key]
        names = [Identifier(f"k{number}") for number in range(len(types))]
        texts: list[Composable] = [
            SQL(text_template(kind)).format(name) for kind, name in zip(types, names, strict=True)
        ]
        query = SQL("SELECT place FROM unnest({}) AS u ({}) WHERE ARRAY[{}] = %s::text[]").format(
            SQL(", ").join([SQL("%s::int[]"), *(SQL(f"%s::text[]::{kind}[]") for kind in types)]),
            SQL(", ").join([Identifier("place"), *names]),
            SQL(", ").join(texts),
        )
        columns = [[str(key[number]) for _, key in given] for number in range(len(types))]
        rows = self._connection.execute(query, ([place for place, _ in given], *columns, list(self._key)))
        return {place for (place,) in rows.fetchall()}

    def _emptied(self, event: Event, batch: _Batch) -> Entry | None:
        if not self._is_there:
            return None
        self._known, self._is_there = {}, False
        return self._told("deleted by a TRUNCATE", event, batch)

    def _entry(self, event: Event, batch: _Batch, *, is_of_key: bool, was_of_key: bool) -> Entry:
        try:
            change = self._decoder.change(event)
        except RowError as error:
            return self._told(f"refused with {error.code}", event, batch)
        if not is_of_key:
            self._known, self._is_there = {}, False
            return self._told(f"{_MOVED} {_text_of(change.key)}", event, batch)
        if event.op == "d":
            self._known, self._is_there = {}, False
            return self._told("deleted", event, batch)
        cells = tuple(self._cells(change))
        self._is_there = True
        moved = f", moved from key {_text_of(change.old_key)}" if change.old_key and not was_of_key else ""
        return self._told(_OPERATIONS[event.op] + moved, event, batch, cells)

    def _cells(self, change: Change) -> Iterator[Cell]:
        """Yield the columns that have another value than before, and know the row from now on."""
        for name, value in change.values.items():
            if value is UNCHANGED:
                continue
            after = _shown(value)
            if name not in self._known or self._known[name] != after:
                yield Cell(name, self._known.get(name), after)
            self._known[name] = after

    def _told(self, what: str, event: Event, batch: _Batch, cells: tuple[Cell, ...] = ()) -> Entry:
        return Entry(
            what,
            batch.stream,
            batch.batch,
            batch.landed_at,
            event.record.offset,
            event.source_ts,
            event.transaction,
            position_text(event.position) or None,
            record_digest(event.record).hex(),
            cells,
        )


def _without_halves(entries: list[Entry]) -> list[Entry]:
    """Leave out the first half of a move: the connector sends it as a delete, and an insert that names the old key."""
    halves = {
        place
        for place, (one, following) in enumerate(pairwise(entries))
        if one.what == "deleted" and following.what.startswith(_MOVED) and one.transaction == following.transaction
    }
    return [entry for place, entry in enumerate(entries) if place not in halves]


def _shown(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _text_of(key: Iterable[Any] | None) -> str:
    return ", ".join(map(str, key or ()))


def as_of(entries: Iterable[Entry], moment: datetime) -> Mapping[str, str | None] | None:
    """Return the row as it was at a moment, by column; None if it was not there."""
    row: dict[str, str | None] | None = None
    for entry in entries:
        if entry.committed_at is not None and entry.committed_at > moment:
            break
        if entry.cells:
            row = {**(row or {}), **{cell.column: cell.after for cell in entry.cells}}
        elif entry.what.startswith(("deleted", "moved")):
            row = None
    return row

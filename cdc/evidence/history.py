"""Every change of one mirror row, read again from the journal: what the source wrote, when, and what it did to the row.

The index of changed keys says in which batches the row was touched; the chunks of these are read, and of their events
those of the row. What a batch did to it without an event of its own (a cascade of InnoDB, a TRUNCATE, the end of a new
snapshot that did not bring it) is told as such, and so is what nobody can read any more. A row that was read beside the
stream gives what this had not told, as it landed (`cdc.land.change.reread`); one that was read in vain is no change.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise, takewhile
from types import MappingProxyType
from typing import Any, NamedTuple

import psycopg
from psycopg.sql import SQL, Composable, Identifier

from cdc.capture.contract import Contract
from cdc.capture.keyless import ORIGIN
from cdc.change import UNCHANGED, Change, Event, Kind, Record
from cdc.errors import FatalError, RowError
from cdc.evidence.snapshot import snapshot
from cdc.key import text_template
from cdc.land.journal import SHREDDED, Archived, Lost, read_chunks, record_digest
from cdc.protect.seal import Opener
from cdc.reference import Secret
from cdc.stream.envelope import position_text, read_event
from cdc.stream.row import RowDecoder

Connection = psycopg.Connection[Any]
Key = tuple[str, ...]
"""A key as the journal writes it: each column as PostgreSQL prints it."""

_OPERATIONS = {"c": "inserted", "u": "updated", "d": "deleted", "r": "read"}
_MOVED = "moved to key"
# What leaves no value of before in the row, known or unknown.
_WHOLE = ("inserted", "read", "deleted", _MOVED)
_PERHAPS = "changed by a cascade behind it, or not"
_WITHOUT_EVENT = {"u": "changed by a cascade", "d": "deleted by a cascade, or not there in a new snapshot"}


class Cell(NamedTuple):
    """A column that a change gave another value; None is NULL, and what nothing was known of before."""

    column: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. `offset`, `transaction`, `position`, `digest` are those of its event: None where it has none.

    `committed_at` is by the source's clock, `digest` SHA-256 of the record as the chain has it, in hex. `shredded`: it
    stands for records of its batch that nobody can read any more, some of the row's among them, or none.
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
    shredded: bool = False


def read_history(
    opener: Opener,
    contract: Contract,
    database: str,
    key: Key,
    tokens: Mapping[str, Secret] = MappingProxyType({}),
) -> Iterator[Entry]:
    """Yield the changes of the row that has, or had, this key, in the order of the stream.

    Raises FatalError EVD-103 for a table whose rows nothing identifies, and for a key of another shape.
    """
    if contract.key_origin == ORIGIN:
        raise FatalError("EVD-103", f"{contract.mirror}: its mirror counts equal rows")
    if len(key) != len(contract.key):
        raise FatalError("EVD-103", f"the key of {contract.mirror} is {', '.join(contract.key)}")
    with snapshot(opener.connection):
        yield from _Reading(opener, contract, RowDecoder(contract, database, tokens=tokens), database, key).entries()


class _Batch(NamedTuple):
    stream: str
    batch: int
    landed_at: datetime
    op: str  # of the key; "t" where only the whole table was emptied
    cascaded: bool  # the row was written several times, and rows of its table by cascades


class _Reading:
    def __init__(self, opener: Opener, contract: Contract, decoder: RowDecoder, database: str, key: Key) -> None:
        self._opener, self._connection = opener, opener.connection
        self._contract, self._database, self._key = contract, database, key
        self._decoder = decoder
        self._known: dict[str, str | None] = {}
        self._is_there = False
        self._is_told = False  # the stream has told the row, or taken it away: what is read beside it comes in vain

    def entries(self) -> Iterator[Entry]:
        for batch in self._batches():
            found = _without_halves([entry for entry in self._of(batch) if entry is not None])
            if batch.op in _WITHOUT_EVENT and (batch.cascaded or not found):
                self._known, self._is_there = {}, batch.op == "u"
                what = _PERHAPS if found else _WITHOUT_EVENT[batch.op]
                found.append(Entry(what, batch.stream, batch.batch, batch.landed_at))
            self._is_told |= batch.op == "u"  # the mirror holds it
            yield from found

    def _batches(self) -> Iterator[_Batch]:
        """Yield the batches that touched the row, or emptied its table."""
        rows = self._connection.execute(
            "SELECT k.stream, k.batch, b.landed_at, min(k.op::text), count(*) > 1 AND EXISTS (SELECT FROM"
            " cdc.batch_table t WHERE (t.stream, t.batch, t.mirror) = (k.stream, k.batch, %(mirror)s) AND cascaded > 0)"
            " FROM cdc.journal_key k JOIN cdc.batch b USING (stream, batch)"
            " WHERE k.hashes @> ARRAY[hash_array(%(key)s::text[])]"
            " AND k.key = %(key)s::text[] AND k.mirror = %(mirror)s GROUP BY 1, 2, 3"
            " UNION ALL SELECT k.stream, k.batch, b.landed_at, 't', false FROM cdc.journal_key k JOIN cdc.batch b"
            " USING (stream, batch) WHERE k.op = 't' AND k.mirror = %(mirror)s AND NOT EXISTS (SELECT FROM"
            " cdc.journal_key o WHERE (o.stream, o.batch, o.mirror, o.key)"
            " = (k.stream, k.batch, k.mirror, %(key)s::text[])) GROUP BY 1, 2, 3 ORDER BY 2",
            {"key": list(self._key), "mirror": self._contract.mirror},
        ).fetchall()
        return (_Batch(*row) for row in rows)

    def _of(self, batch: _Batch) -> Iterator[Entry | None]:
        for chunk in read_chunks(self._opener, *batch[:2]):
            if isinstance(chunk, Lost):
                yield self._lost(chunk, batch)
            else:
                yield from self._of_chunk(chunk, batch)

    def _lost(self, chunk: Lost, batch: _Batch) -> Entry:
        self._known, self._is_there = {}, True  # it may be
        return Entry(chunk.why, batch.stream, batch.batch, batch.landed_at, shredded=True)

    def _of_chunk(self, records: Iterable[Record], batch: _Batch) -> Iterator[Entry | None]:
        read = (read_event(record, self._database) for record in records)
        seen = [
            (event, self._outcome(event))
            for event in read
            if event.table == self._contract.source_table and event.kind in (Kind.ROW, Kind.TRUNCATE)
        ]
        now = [self._key_of(event, outcome) for event, outcome in seen]
        before = [outcome.old_key if isinstance(outcome, Change) else None for _, outcome in seen]
        matches = self._matching([*now, *before])
        for place, (event, outcome) in enumerate(seen):
            had_it = len(seen) + place in matches
            if outcome is None:
                yield self._emptied(event, batch)
            elif place in matches or had_it:
                yield self._entry(event, outcome, batch, has_it=place in matches, had_it=had_it)

    def _outcome(self, event: Event) -> Change | RowError | None:
        """Return what a row event does, or why nothing of it landed; None for a TRUNCATE."""
        try:
            return None if event.kind is Kind.TRUNCATE else self._decoder.change(event)
        except RowError as error:
            return error

    def _key_of(self, event: Event, outcome: Change | RowError | None) -> Any:
        return self._decoder.key(event) if isinstance(outcome, RowError) else outcome and outcome.key

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
        self._is_told = True
        if not self._is_there:
            return None
        self._known, self._is_there = {}, False
        return self._told("deleted by a TRUNCATE", event, batch)

    def _entry(
        self, event: Event, outcome: Change | RowError, batch: _Batch, *, has_it: bool, had_it: bool
    ) -> Entry | None:
        """Tell of a change of the row that has the key now, or had it before; None if it was read in vain."""
        is_read = event.snapshot == "incremental"
        if is_read and self._is_told:
            return None
        if isinstance(outcome, RowError):
            self._is_told &= self._is_there
            return self._told(f"refused with {outcome.code}", event, batch)
        if not has_it or event.op == "d":
            self._known, self._is_there, self._is_told = {}, False, True
            return self._told("deleted" if has_it else f"{_MOVED} {_text_of(outcome.key)}", event, batch)
        cells = tuple(self._cells(outcome, frozenset(self._known) if is_read else ()))
        self._is_told |= UNCHANGED not in outcome.values.values()
        self._is_there = True
        moved = f", moved from key {_text_of(outcome.old_key)}" if outcome.old_key and not had_it else ""
        return self._told(_OPERATIONS[event.op] + moved, event, batch, cells)

    def _cells(self, change: Change, kept: Container[str]) -> Iterator[Cell]:
        """Yield the columns that have another value than before, and know the row from now on; `kept` ones stay."""
        for name, value in change.values.items():
            if value is UNCHANGED or name in kept:
                continue
            after = shown(value)
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


def in_archive(archived: Archived) -> str:
    """Say what of a stream is in its archive."""
    return f"{archived.file} and before: all up to batch {archived.batch}, offset {archived.next_offset}"


def _without_halves(entries: list[Entry]) -> list[Entry]:
    """Leave out the first half of a move: the connector sends it as a delete, and an insert that names the old key."""
    halves = {
        place
        for place, (one, following) in enumerate(pairwise(entries))
        if one.what == "deleted" and following.what.startswith(_MOVED) and one.transaction == following.transaction
    }
    return [entry for place, entry in enumerate(entries) if place not in halves]


def shown(value: Any) -> str | None:
    """Return a value as a history tells it; None is NULL."""
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _text_of(key: Iterable[Any] | None) -> str:
    return ", ".join(map(str, key or ()))


class Image(NamedTuple):
    """What a row was after a change, by column, or before it was deleted; None where nobody knows it."""

    row: Mapping[str, str | None] | None
    is_deleted: bool


def images_of(entries: Iterable[Entry]) -> Iterator[Image]:
    """Yield what the row was after each of its changes: nobody knows it behind a cascade, before the next whole row.

    Nor behind what was shredded, before it is inserted, read or moved: an update need not bring all of it.
    """
    row: dict[str, str | None] | None = None
    is_lost = False
    for entry in entries:
        is_deleted = entry.what.startswith(("deleted", _MOVED))
        if entry.cells:
            row = {**(row or {}), **{cell.column: cell.after for cell in entry.cells}}
        elif entry.offset is None and not is_deleted:
            row = None
        is_lost = entry.shredded or (is_lost and not _is_whole(entry))
        row = None if is_lost else row
        yield Image(row, is_deleted)
        row = None if is_deleted else row


def as_of(
    entries: Sequence[Entry], moment: datetime, archived: Archived | None = None
) -> Mapping[str, str | None] | None:
    """Return the row as it was at a moment, by column; None if it was not there. `archived` is what is not looked at.

    Raises FatalError EVD-104 where the last that is known to have happened to it was no event: nobody knows its time,
    nor what a cascade has made of the row; and for a time before it was seen first. Raises EVD-107 where only the
    archive knows the row as a whole, PRT-107 where only records do that nobody can read any more.
    """
    row: dict[str, str | None] | None = None
    untold: Entry | None = None
    told = list(takewhile(lambda entry: entry.committed_at is None or entry.committed_at <= moment, entries))
    _require_known(told, archived)
    if not told:
        require_begun(entries)
    for entry in told:
        if entry.cells:
            row, untold = {**(row or {}), **{cell.column: cell.after for cell in entry.cells}}, None
        elif entry.offset is None:
            untold = entry
        elif entry.what.startswith(("deleted", _MOVED)):
            row, untold = None, None
    if untold is not None:
        raise FatalError("EVD-104", f"batch {untold.batch} of {untold.stream}: {untold.what}")
    return row


def require_begun(entries: Sequence[Entry]) -> None:
    """Hold that there was no row before its first change: raise EVD-104 where it was there when it was seen first."""
    if entries and not entries[0].what.startswith("inserted"):
        first = entries[0]
        raise FatalError("EVD-104", f"{first.stream} tells of the row from batch {first.batch} on: {first.what}")


def _require_known(entries: Sequence[Entry], archived: Archived | None) -> None:
    """Hold that the entries know the row as a whole, and that nothing of it is lost behind that."""
    whole = [place for place, one in enumerate(entries) if _is_whole(one)]
    if archived is not None and not whole:
        raise FatalError("EVD-107", in_archive(archived))
    for entry in entries[whole[-1] if whole else 0 :]:
        if entry.shredded:
            raise FatalError(SHREDDED, f"batch {entry.batch} of {entry.stream}: {entry.what}")


def _is_whole(entry: Entry) -> bool:
    """Tell whether an entry leaves no value of before in the row."""
    return entry.offset is not None and entry.what.startswith(_WHOLE)

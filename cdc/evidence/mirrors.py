"""Mirrors held against the journal: each row is what the last event of its key says, and none is there without one.

The journal is read once, some thousand records at a time; of what events write, only the last one of each key counts,
by the index of changed keys. Whatever lands meanwhile is later, and not yet asked for.

What has no event cannot be proven: a cascade of InnoDB, a column that the log left out (an unchanged TOAST value, one
that came later), a change that was refused, a month that was archived, a batch of which a key was shredded. Such rows
are counted. And the last event of a key is not always what its row is by: one that was read beside the stream gives way
to what that had told, a transaction comes again, a cascade follows in the same batch. The row's own offset says that
another one was the last to have a say then, and nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import psycopg
from psycopg.sql import SQL, Composed, Literal

from cdc.capture.contract import Contract
from cdc.capture.keyless import ORIGIN
from cdc.change import UNCHANGED, Change, Event, Kind
from cdc.errors import RowError
from cdc.evidence.snapshot import snapshot
from cdc.land.journal import read_archived, read_batch, read_lost
from cdc.land.mirror.table import MirrorTable, name_of, text_of
from cdc.protect.seal import Opener
from cdc.reference import Secret
from cdc.stream.envelope import read_event
from cdc.stream.row import RowDecoder

_NO_KEYS: Mapping[str, Secret] = MappingProxyType({})
Connection = psycopg.Connection[Any]
Report = Callable[[int, int], None]
"""Told up to which batch the journal has been read, of how many."""

_PORTION: Final = 5_000
"""Events that are compared at once."""
_OWN: Final = ("_audit_offset", "_audit_batch", "_audit_read", "_audit_gone", "_audit_known")
_OWN_TYPES: Final = ("bigint", "bigint", "boolean", "boolean", "text[]")


@dataclass(frozen=True, slots=True)
class MirrorFault:
    """A row that is not what the journal says: its key as PostgreSQL prints it, and what is wrong."""

    mirror: str
    key: tuple[str, ...]
    what: str
    stream: str
    batch: int | None
    offset: int | None


@dataclass(slots=True)
class MirrorAccount:
    """What was found of one mirror: its rows, how many of them an event proves whole, and of how many some columns.

    The last event of a row lacks what the log left out, and columns that the table has got since. `archived` rows say
    of themselves that the archive has their last event, `shredded` ones that it came in a batch of which a key was
    shredded.
    """

    mirror: str
    rows: int = 0
    proven: int = 0
    partly: int = 0
    archived: int = 0
    shredded: int = 0
    faults: int = 0


@dataclass(slots=True)
class _Staged:
    """The events of one table that wait to be compared."""

    contract: Contract
    decoder: RowDecoder
    rows: list[tuple[Any, ...]] = field(default_factory=list)


class MirrorAudit:
    """Audits the mirrors of one source; the connection is in autocommit and used for nothing else."""

    def __init__(
        self,
        opener: Opener,
        stream: str,
        contracts: Iterable[Contract],
        database: str,
        tokens: Mapping[str, Secret] = _NO_KEYS,
    ) -> None:
        self._opener, self._connection = opener, opener.connection
        self._stream, self._database = stream, database
        self._tables = {
            one.source_table: _Staged(one, RowDecoder(one, database, tokens=tokens))
            for one in contracts
            if one.key_origin != ORIGIN  # its mirror counts equal rows: no event is that of a row
        }
        self._from = 0  # the journal's first offset
        self._lost = read_lost(self._connection, stream)
        self.accounts = {one.contract.mirror: MirrorAccount(one.contract.mirror) for one in self._tables.values()}
        for staged in self._tables.values():
            self._connection.execute(_create(staged.contract), ())

    def audit(self, report: Report) -> Iterator[MirrorFault]:
        """Yield every row that is not what the journal says, in the journal's order; then rows without an event."""
        last = self._last_batch()
        archived = read_archived(self._connection, self._stream)
        first, self._from = (archived.batch + 1, archived.next_offset) if archived else (1, 0)
        events = 0
        for batch in range(first, last + 1):
            events += 0 if batch in self._lost else self._stage(batch)
            if events >= _PORTION or batch == last:
                yield from self._compare()
                report(batch, last)
                events = 0
        for staged in self._tables.values():
            yield from self._without_event(staged.contract)

    def _lost_offsets(self) -> str:
        return f"{{{','.join(f'[{first},{following})' for first, following in self._lost.values())}}}"

    def _last_batch(self) -> int:
        query = "SELECT batch FROM cdc.position WHERE stream = %s"
        row = self._connection.execute(query, (self._stream,)).fetchone()
        return int(row[0]) if row else 0

    def _stage(self, batch: int) -> int:
        """Take up what the events of a batch write; return how many there are."""
        count = 0
        for record in read_batch(self._opener, self._stream, batch):
            event = read_event(record, self._database)
            staged = self._tables.get(event.table) if event.kind in {Kind.ROW, Kind.TRUNCATE} else None
            if staged is not None:
                count += 1
                self._take(staged, event, batch)
        return count

    def _take(self, staged: _Staged, event: Event, batch: int) -> None:
        if event.kind is Kind.TRUNCATE:
            staged.rows.clear()
            return
        try:
            change = staged.decoder.change(event)
        except RowError:
            return  # refused when it landed: its row is stale, and nothing is said of it
        if change.old_key is not None and change.old_key != change.key:
            staged.rows.append(_gone(staged.contract, change.old_key, change.offset, batch))
        if change.op == "d":
            staged.rows.append(_gone(staged.contract, change.key, change.offset, batch))
        else:
            is_read = event.snapshot == "incremental"
            staged.rows.append(_written(staged.contract, change, batch, is_read=is_read))

    def _compare(self) -> Iterator[MirrorFault]:
        found: list[MirrorFault] = []
        with snapshot(self._connection, read_only=False):
            for staged in (one for one in self._tables.values() if one.rows):
                found += self._of_table(staged)
                staged.rows.clear()
        yield from found

    def _of_table(self, staged: _Staged) -> Iterator[MirrorFault]:
        contract = staged.contract
        stage = MirrorTable(contract).stage
        with self._connection.cursor() as cursor:
            cursor.execute(SQL("DELETE FROM {}").format(stage), ())
            with cursor.copy(SQL("COPY {} FROM STDIN").format(stage), ()) as copy:
                for row in staged.rows:
                    copy.write_row(row)
            rows = cursor.execute(_differing(contract, self._stream), ()).fetchall()
        account = self.accounts[contract.mirror]
        for key, batch, offset, is_there, gone, columns, whole in rows:
            what = _what(is_there, gone, columns)
            if what is None:
                account.proven += is_there and whole
                account.partly += is_there and not whole
            else:
                account.faults += 1
                yield MirrorFault(contract.mirror, tuple(key), what, self._stream, batch, offset)

    def _without_event(self, contract: Contract) -> Iterator[MirrorFault]:
        """Yield rows of which no batch says that it wrote them, or only ones before a TRUNCATE."""
        account = self.accounts[contract.mirror]
        with snapshot(self._connection):
            count = SQL(
                "SELECT count(*), count(*) FILTER (WHERE _offset < %s),"
                " count(*) FILTER (WHERE %s::int8multirange @> _offset) FROM {}"
            )
            row = self._connection.execute(count.format(MirrorTable(contract).name), (self._from, self._lost_offsets()))
            account.rows, account.archived, account.shredded = row.fetchone() or (0, 0, 0)
            with self._connection.cursor("unknown") as cursor:
                cursor.execute(_unknown(contract), (self._from,))
                for (key,) in cursor:
                    account.faults += 1
                    told = "no batch wrote it"
                    yield MirrorFault(contract.mirror, tuple(key), told, self._stream, None, None)


def _what(is_there: bool, gone: bool, columns: Sequence[str]) -> str | None:  # noqa: FBT001 - a row's answers
    if gone:
        return "is there, and was deleted" if is_there else None
    if not is_there:
        return "is not there"
    return f"differs: {', '.join(columns)}" if columns else None


def _gone(contract: Contract, key: Sequence[Any], offset: int, batch: int) -> tuple[Any, ...]:
    values = dict(zip(contract.key, key, strict=True))
    return (*(values.get(column.name) for column in contract.columns), offset, batch, False, True, [])


def _written(contract: Contract, change: Change, batch: int, *, is_read: bool) -> tuple[Any, ...]:
    names = [column.name for column in contract.columns]
    known = [name for name in names if change.values.get(name, UNCHANGED) is not UNCHANGED]
    values = (change.values[name] if name in known else None for name in names)
    return (*values, change.offset, batch, is_read, False, known)


def _create(contract: Contract) -> Composed:
    columns = [SQL("{} {}").format(name_of(column.name), SQL(column.mirror_type)) for column in contract.columns]
    columns += [SQL("{} {}").format(name_of(name), SQL(kind)) for name, kind in zip(_OWN, _OWN_TYPES, strict=True)]
    return SQL("CREATE TEMP TABLE {} ({})").format(name_of(MirrorTable(contract).stage_name), SQL(", ").join(columns))


_TOUCHED = "FROM cdc.journal_key k WHERE k.hashes @> ARRAY[hash_array({key})] AND k.key = {key} AND k.mirror = {mirror}"


def _differing(contract: Contract, stream: str) -> Composed:
    """Return the query for the last staged event of each key that no later batch has touched, with the mirror's row.

    Not where another one was the last to have a say (above): what was read beside the stream is the last event only if
    there is no other.
    """
    table, names = MirrorTable(contract), [name_of(name) for name in contract.key]
    same = SQL(" AND ").join(SQL("m.{} = l.{}").format(name, name) for name in names)
    differs = SQL(", ").join(
        SQL("CASE WHEN {} = ANY (l._audit_known) AND m.{}::text IS DISTINCT FROM l.{}::text THEN {} END").format(
            text_of(column.name), name_of(column.name), name_of(column.name), text_of(column.name)
        )
        for column in contract.columns
    )
    touched = SQL(_TOUCHED).format(key=SQL("l._audit_key"), mirror=table.text)
    return SQL(
        "WITH last AS (SELECT DISTINCT ON ({names}) * FROM {stage} s"
        " ORDER BY {names}, _audit_read, _audit_offset DESC),"
        " keyed AS (SELECT l.*, {key} AS _audit_key FROM last l)"
        " SELECT l._audit_key, l._audit_batch, l._audit_offset, m.{first} IS NOT NULL, l._audit_gone,"
        " array_remove(ARRAY[{differs}]::text[], NULL), cardinality(l._audit_known) = {count}"
        " FROM keyed l LEFT JOIN {mirror} m ON {same}"
        " WHERE EXISTS (SELECT {touched} AND k.batch = l._audit_batch)"
        " AND NOT EXISTS (SELECT {touched} AND k.batch > l._audit_batch)"
        " AND NOT EXISTS (SELECT FROM cdc.journal_key k WHERE k.op = 't' AND k.mirror = {name}"
        " AND k.batch > l._audit_batch)"
        " AND NOT EXISTS (SELECT FROM cdc.stale t WHERE t.mirror = {name} AND t.key = l._audit_key)"
        " AND NOT (l._audit_read AND m._offset <> l._audit_offset)"
        " AND NOT (m._offset IS DISTINCT FROM l._audit_offset AND EXISTS (SELECT FROM cdc.batch_table b"
        " WHERE b.stream = {stream} AND b.batch = l._audit_batch AND b.mirror = {name}"
        " AND (b.replayed > 0 OR b.cascaded > 0)))"
    ).format(
        names=SQL(", ").join(names),
        stage=table.stage,
        key=table.key_array("l"),
        first=name_of(contract.key[0]),
        differs=differs,
        count=Literal(len(contract.columns)),
        mirror=table.name,
        same=same,
        touched=touched,
        name=table.text,
        stream=text_of(stream),
    )


def _unknown(contract: Contract) -> Composed:
    """Return the query for rows behind an offset that no batch wrote, or none since the table was emptied."""
    table = MirrorTable(contract)
    key = table.key_array("m")
    touched = SQL(_TOUCHED).format(key=key, mirror=table.text)
    return SQL(
        "SELECT {key} FROM {mirror} m WHERE m._offset >= %s AND NOT EXISTS (SELECT {touched} AND k.batch >="
        " coalesce((SELECT max(e.batch) FROM cdc.journal_key e WHERE e.op = 't' AND e.mirror = {name}), 0))"
    ).format(key=key, mirror=table.name, touched=touched, name=table.text)

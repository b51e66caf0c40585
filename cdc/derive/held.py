"""Held rows as they are kept: which there are, what each waits for, who waits for it, and how to ask for them again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.sql import SQL

from cdc.derive.mirror import Mirror
from cdc.derive.names import literal, quoted
from cdc.derive.plan import Fill, Plan
from cdc.store.action import operator, record_action

Connection = psycopg.Connection[Any]
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """One held source row; keys are as PostgreSQL prints them."""

    mapping: str
    source_key: list[str]
    code: str
    field: str | None
    detail: str
    waits_for: str | None
    waits_key: list[str | None] | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are held alike: of one mapping, with one code, by the same column and for the same reason.

    `example` is the source key of the one that has been held for longest.
    """

    mapping: str
    code: str
    field: str | None
    detail: str
    waits_for: str | None
    rows: int
    since: datetime
    example: list[str]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which held rows are meant; None is all."""

    mapping: str | None = None
    code: str | None = None
    key: Sequence[str] | None = None


_WHERE = SQL(
    " WHERE (%(mapping)s::text IS NULL OR mapping = %(mapping)s) AND (%(code)s::text IS NULL OR code = %(code)s)"
    " AND (%(key)s::text[] IS NULL OR source_key = %(key)s::text[])"
)
_ROW = SQL("SELECT mapping, source_key, code, field, detail, waits_for, waits_key, since FROM cdc.held")


def count_held(connection: Connection, selection: Selection) -> int:
    """Return how many rows the selection has."""
    row = connection.execute(SQL("SELECT count(*) FROM cdc.held") + _WHERE, asdict(selection)).fetchone()
    return int(row[0]) if row else 0


def read_held(connection: Connection, selection: Selection, limit: int) -> list[Held]:
    """Return the first rows of the selection, oldest first."""
    with connection.cursor(row_factory=class_row(Held)) as cursor:
        query = _ROW + _WHERE + SQL(" ORDER BY since, mapping, source_key LIMIT %(limit)s")
        return cursor.execute(query, {**asdict(selection), "limit": limit}).fetchall()


def read_groups(connection: Connection, selection: Selection) -> list[Group]:
    """Return the rows of the selection by what they have in common, the largest group first."""
    with connection.cursor(row_factory=class_row(Group)) as cursor:
        query = (
            SQL(
                "SELECT mapping, code, field, detail, waits_for, count(*) AS rows, min(since) AS since,"
                " (array_agg(source_key::text ORDER BY since, source_key))[1]::text[] AS example FROM cdc.held"
            )
            + _WHERE
            + SQL(" GROUP BY mapping, code, field, detail, waits_for ORDER BY rows DESC, mapping, code, field, detail")
        )
        return cursor.execute(query, asdict(selection)).fetchall()


def read_keys(
    connection: Connection, selection: Selection, names: Sequence[str], portion: int
) -> Iterator[list[tuple[str, Key]]]:
    """Yield mapping and source key of each row of the selection that is held by one of `names`, a portion at a time.

    What comes to be held behind the last portion meanwhile is in a later one.
    """
    first = SQL("SELECT mapping, source_key FROM cdc.held") + _WHERE + SQL(" AND mapping = ANY (%(names)s)")
    ordered = SQL(" ORDER BY mapping, source_key LIMIT %(portion)s")
    query, values = first + ordered, {**asdict(selection), "names": list(names), "portion": portion}
    while rows := connection.execute(query, values).fetchall():
        yield [(mapping, tuple(key)) for mapping, key in rows]
        query = first + SQL(" AND (mapping, source_key) > (%(last)s, %(last_key)s::text[])") + ordered
        values |= dict(zip(("last", "last_key"), rows[-1], strict=True))


def source_row(connection: Connection, mirror: Mirror, key: Sequence[str]) -> dict[str, str | None] | None:
    """Return the row of a mirror, column by column as PostgreSQL prints it; None if it is not there.

    There is none with a key that is no value of its columns.
    """
    values = ", ".join(f"m.{quoted(name)}::text" for name in mirror.types)
    query = f"SELECT ARRAY[{values}] FROM {mirror.name} m WHERE {mirror.has_key('m', '(%(key)s::text[])')}"
    try:
        with connection.transaction():
            found = connection.execute(query.encode(), {"key": list(key)}).fetchone()
    except psycopg.DataError:
        return None
    return None if found is None else dict(zip(mirror.types, found[0], strict=True))


def claimed_keys(connection: Connection, plan: Plan, row: Held) -> Iterator[tuple[Fill, Key]]:
    """Yield the canonical keys that a held row would have, as far as it normalises at all."""
    for fill in (fill for fill in plan.fills if fill.name == literal(row.mapping)):
        query = f"SELECT {_key_of(fill)} FROM {fill.held} h WHERE {fill.is_of('h', '%s')} ORDER BY 1"
        yield from ((fill, tuple(key)) for (key,) in connection.execute(query.encode(), (row.source_key,)))


def claimants(connection: Connection, plan: Plan, row: Held) -> Iterator[Held]:
    """Yield the held rows that would have the canonical key which a row waits for."""
    for fill in (fill for fill in plan.fills if str(fill.target) == row.waits_for):
        query = f"SELECT h._mapping, h._source_key FROM {fill.held} h WHERE {_key_of(fill)} = %s"
        for mapping, key in connection.execute(query.encode(), (row.waits_key,)).fetchall():
            yield from read_held(connection, Selection(mapping, None, key), 1)


def _key_of(fill: Fill) -> str:
    return f"ARRAY[{', '.join(f'h.{quoted(name)}::text' for name in fill.key)}]"


def waiting_for(connection: Connection, table: str, key: Sequence[str | None], limit: int) -> list[Held]:
    """Return rows that wait for a row of a mirror (by look-up values) or of a canonical table (by its key)."""
    with connection.cursor(row_factory=class_row(Held)) as cursor:
        query = _ROW + SQL(" WHERE waits_for = %s AND waits_key = %s ORDER BY since, mapping, source_key LIMIT %s")
        return cursor.execute(query, (table, list(key), limit)).fetchall()


def queue_retry(
    connection: Connection, selection: Selection, reason: str | None, on_record: Selection | None = None
) -> tuple[int, int]:
    """Ask for the rows of the selection to be derived again; on record in the same transaction, as `on_record` says.

    Return how many were queued, and the last number in the queue by which all of the selection is derived. What is in
    the queue already is not queued twice, and is waited for all the same; but what a turn may be working on is queued,
    as that turn may have read the row before this was asked. The transaction has to be READ COMMITTED, as it is by
    itself: what is in the queue is read after it was seen that no turn goes on.
    """
    with connection.transaction():
        again = {**asdict(selection), "operator": operator(), "taken": _is_being_taken(connection)}
        row = connection.execute(
            SQL(
                "WITH queued AS (INSERT INTO cdc.derive_queue (mapping, source_key, reason, actor)"
                " SELECT mapping, source_key, 'retry', session_user || ' ' || %(operator)s FROM cdc.held h"
            )
            + _WHERE
            + SQL(
                " AND (%(taken)s OR NOT EXISTS (SELECT FROM cdc.derive_queue q"
                " WHERE q.mapping = h.mapping AND q.source_key = h.source_key)"
                " AND NOT EXISTS (SELECT FROM cdc.derive_queue q WHERE q.mapping = h.mapping AND q.source_key IS NULL))"
                " RETURNING id) SELECT count(*), greatest(max(id), (SELECT max(id) FROM cdc.derive_queue q"
                " WHERE q.mapping IN (SELECT h.mapping FROM cdc.held h"
            )
            + _WHERE
            + SQL("))) FROM queued"),
            again,
        ).fetchone()
        queued, last = row or (0, None)
        if queued:
            effect = {**asdict(on_record or selection), "rows": queued}
            record_action(connection, "held retry", selection.mapping or "*", effect, reason)
    return int(queued), int(last or 0)


def _is_being_taken(connection: Connection) -> bool:
    """Tell whether a turn goes on that may remove what is in the queue, without anything asked from now on."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'cdc.derive_queue'::regclass AND mode = 'RowShareLock'"
        " AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
    ).fetchone()
    return row == (True,)


def last_queued(connection: Connection, mapping: str) -> int:
    """Return the last number that rows of a mapping have in the queue; 0 if none waits there."""
    row = connection.execute("SELECT max(id) FROM cdc.derive_queue WHERE mapping = %s", (mapping,)).fetchone()
    return int(row[0] or 0) if row else 0


def is_taken(connection: Connection, last: int, mappings: Sequence[str] | None = None) -> bool:
    """Tell whether all that was queued up to this number has been derived, of these mappings (None: of all).

    What somebody else has asked for of another domain, which may have stopped, is nothing to wait for.
    """
    row = connection.execute(
        "SELECT count(*) FROM cdc.derive_queue WHERE id <= %s AND (%s::text[] IS NULL OR mapping = ANY (%s::text[]))",
        (last, mappings, mappings),
    ).fetchone()
    return row == (0,)

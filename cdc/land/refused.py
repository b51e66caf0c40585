"""Refused changes as they are kept: the place in the stream, why it did not land, the bytes as they came."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from cdc.config import Protection
from cdc.protect.seal import Opener, ShreddedError, place_of

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """One refused change. `stale`: its row is still behind the source because of it.

    `key` is None where it may be a person's value: the record has it.
    """

    stream: str
    offset: int
    batch: int
    mirror: str | None
    key: list[str] | None
    code: str
    detail: str
    refused_at: datetime
    stale: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """A refused change with key and value of its record; `shredded` says when and by whom, if nobody can read them."""

    change: Refused
    key: bytes | None
    value: bytes | None
    shredded: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Changes that were refused alike; `stale` counts rows that are still behind the source because of them."""

    stream: str
    mirror: str | None
    code: str
    detail: str
    changes: int
    stale: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Selection:
    """Which refused changes are meant; None is all. `stale`: only those that still matter."""

    stream: str | None = None
    mirror: str | None = None
    code: str | None = None
    stale: bool = False


_STALE = (
    'EXISTS (SELECT FROM cdc.stale s WHERE s.mirror = r.mirror AND s.stream = r.stream AND s."offset" = r."offset")'
)
_FROM = f"""
FROM (SELECT r.*, {_STALE} AS stale FROM cdc.refused r
      WHERE r.stream = coalesce(%(stream)s, r.stream) AND r.code = coalesce(%(code)s, r.code)
        AND (%(mirror)s::text IS NULL OR r.mirror = %(mirror)s)) r
WHERE stale OR NOT %(stale)s
"""
_COLUMNS = 'stream, "offset", batch, mirror, key, code, detail, refused_at, stale'


def count_refused(connection: Connection, selection: Selection) -> int:
    """Return how many changes the selection has."""
    row = connection.execute(f"SELECT count(*) {_FROM}".encode(), asdict(selection)).fetchone()
    return int(row[0]) if row else 0


def read_refused(connection: Connection, selection: Selection, limit: int) -> list[Refused]:
    """Return the last changes of the selection, the latest first."""
    with connection.cursor(row_factory=class_row(Refused)) as cursor:
        query = f'SELECT {_COLUMNS} {_FROM} ORDER BY refused_at DESC, stream, "offset" DESC LIMIT %(limit)s'
        return cursor.execute(query.encode(), {**asdict(selection), "limit": limit}).fetchall()


def read_groups(connection: Connection, selection: Selection) -> list[Group]:
    """Return the changes of the selection by what they have in common, the largest group first."""
    with connection.cursor(row_factory=class_row(Group)) as cursor:
        query = (
            "SELECT stream, mirror, code, detail, count(*) AS changes, count(*) FILTER (WHERE stale) AS stale,"
            f" min(refused_at) AS first_at, max(refused_at) AS last_at {_FROM}"
            " GROUP BY stream, mirror, code, detail ORDER BY changes DESC, stream, mirror, code, detail"
        )
        return cursor.execute(query.encode(), asdict(selection)).fetchall()


def read_record(connection: Connection, stream: str, offset: int, protection: Protection | None) -> Kept | None:
    """Return one refused change with the key and the value of its record, byte for byte; None if there is none.

    Raises FatalError PRT-103 where the settings lack the key that opens them, PRT-104 where they were changed.
    """
    with connection.cursor(row_factory=class_row(Refused)) as cursor:
        where = 'WHERE stream = %s AND "offset" = %s'
        query = f"SELECT {_COLUMNS} FROM (SELECT r.*, {_STALE} AS stale FROM cdc.refused r) r {where}"
        found = cursor.execute(query.encode(), (stream, offset)).fetchone()
    if found is None:
        return None
    query = f"SELECT record_key, record_value, data_key FROM cdc.refused {where}"
    key, value, data_key = connection.execute(query.encode(), (stream, offset)).fetchone() or (None, None, None)
    try:
        return Kept(found, *open_parts(Opener(connection, protection), stream, data_key, (offset, key, value)))
    except ShreddedError as gone:
        return Kept(found, None, None, str(gone))


def open_parts(
    opener: Opener, stream: str, data_key: int | None, kept: tuple[int, bytes | None, bytes | None]
) -> tuple[bytes | None, bytes | None]:
    """Return key and value of a record that are kept at an offset. Raises as `Opener.open`."""
    offset, *parts = kept
    if data_key is not None:
        parts = [
            None if part is None else opener.open(data_key, place_of(stream, offset, name), part)
            for name, part in zip(("key", "value"), parts, strict=True)
        ]
    key, value = parts
    return key, value

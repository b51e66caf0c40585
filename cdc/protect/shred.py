"""Data keys as they are kept: listed, shredded, held for the law, wrapped anew. Each on record in its transaction.

Shredding a key makes whatever it has sealed unreadable, in the target and in all that was copied from it, archived
months included, except for who has a copy of the wrapped key (a backup) and its master key: taking an old master key
away ends that, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from cdc.config import Protection
from cdc.errors import FatalError
from cdc.protect.seal import unwrap, wrap
from cdc.store.action import operator, record_action

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class DataKey:
    """One data key; it seals so many refused changes, records of the journal, waivers. `sensitivity` is its class."""

    id: int
    sensitivity: str
    month: date
    master: str
    made_at: datetime
    shredded_at: datetime | None
    shredded_by: str | None
    reason: str | None
    refused: int
    records: int
    waivers: int
    on_hold: bool


@dataclass(frozen=True, slots=True)
class Hold:
    """What may not be shredded; None is every class, every month."""

    id: int
    sensitivity: str | None
    month: date | None
    reason: str
    held_by: str
    held_at: datetime
    released_by: str | None
    released_at: datetime | None


_HOLDS = (
    "FROM cdc.legal_hold h WHERE h.released_at IS NULL AND coalesce(h.class, {0}) = {0}"
    " AND coalesce(h.month, {1}) = {1}"
)


def read_keys(connection: Connection) -> list[DataKey]:
    """Return all data keys, the latest month first."""
    with connection.cursor(row_factory=class_row(DataKey)) as cursor:
        query = (
            "SELECT k.id, k.class AS sensitivity, k.month, k.master, k.made_at, k.shredded_at, k.shredded_by, k.reason,"
            " (SELECT count(*) FROM cdc.refused r WHERE r.data_key = k.id) AS refused,"
            " coalesce(j.records, 0) AS records,"
            " (SELECT count(*) FROM cdc.waiver w WHERE w.data_key = k.id) AS waivers,"
            f" EXISTS (SELECT {_HOLDS.format('k.class', 'k.month')}) AS on_hold"
            " FROM cdc.data_key k LEFT JOIN (SELECT data_key, sum(records)::bigint AS records FROM cdc.journal"
            " WHERE data_key IS NOT NULL GROUP BY data_key) j ON j.data_key = k.id ORDER BY k.month DESC, k.class, k.id"
        )
        return cursor.execute(query.encode()).fetchall()


def read_holds(connection: Connection) -> list[Hold]:
    """Return all legal holds, those that were released as well."""
    with connection.cursor(row_factory=class_row(Hold)) as cursor:
        return cursor.execute(
            "SELECT id, class AS sensitivity, month, reason, held_by, held_at, released_by, released_at"
            " FROM cdc.legal_hold ORDER BY id"
        ).fetchall()


def shred(connection: Connection, name: str, month: date, reason: str) -> int:
    """Destroy the keys of a class and month that are left; return how many, 0 if all are gone already.

    What was kept of a record only until it landed goes as well: nobody knew its class then, another key has sealed it.
    Rows that waivers gave values to which it has sealed are derived again, without them.
    Raises FatalError PRT-102 under a hold, PRT-105 if there has never been one.
    """
    with connection.transaction():
        # Whoever seals by one of them commits first; whoever places a hold waits.
        connection.execute("LOCK TABLE cdc.data_key, cdc.legal_hold IN EXCLUSIVE MODE")
        held = f"SELECT h.id {_HOLDS.format('%(name)s', '%(month)s')} ORDER BY h.id LIMIT 1"
        row = connection.execute(held.encode(), {"name": name, "month": month}).fetchone()
        if row is not None:
            raise FatalError("PRT-102", f"{name} {month:%Y-%m}: hold {row[0]}")
        found = connection.execute(
            "UPDATE cdc.data_key SET wrapped = NULL, shredded_at = now(), shredded_by = session_user || ' ' || %s,"
            " reason = %s WHERE class = %s AND month = %s AND shredded_at IS NULL RETURNING id",
            (operator(), reason, name, month),
        ).fetchall()
        connection.execute(
            'DELETE FROM cdc.last_read l USING cdc.position p WHERE p.stream = l.stream AND l."offset" < p.next_offset'
        )
        keys = [key for (key,) in found]
        if keys:
            _withdraw_from_rows(connection, keys)
            record_action(connection, "protect shred", f"{name} {month:%Y-%m}", {"data_keys": keys}, reason)
        elif not connection.execute(
            "SELECT FROM cdc.data_key WHERE class = %s AND month = %s LIMIT 1", (name, month)
        ).rowcount:
            raise FatalError("PRT-105", f"{name} {month:%Y-%m}")
    return len(keys)


def _withdraw_from_rows(connection: Connection, keys: list[int]) -> None:
    """Have rows derived again without what waivers gave them, which nobody can read any more.

    Also of those that nobody has approved: somebody may be doing so.
    """
    connection.execute(
        "INSERT INTO cdc.derive_queue (mapping, source_key, reason, actor)"
        " SELECT mapping, source_key, 'shred', session_user || ' ' || %s FROM cdc.waiver WHERE data_key = ANY (%s)"
        " AND withdrawn_at IS NULL AND dictionary = (SELECT digest FROM cdc.active)",
        (operator(), keys),
    )


def wipe(connection: Connection) -> None:
    """Write the tables anew, into other files: a row that was changed is still in the old one, bytes and all.

    VACUUM without FULL leaves them on their page until something else comes to stand there. The connection is in
    autocommit; may be done again at any time.
    """
    connection.execute("VACUUM (FULL) cdc.data_key, cdc.last_read")


def hold(connection: Connection, name: str | None, month: date | None, reason: str) -> int:
    """Forbid shredding, of a class and month or of all; return the number of the hold.

    One that stands for the same and for the same reason is that hold: `release` would leave a second one standing.
    """
    with connection.transaction():
        connection.execute("LOCK TABLE cdc.legal_hold IN SHARE ROW EXCLUSIVE MODE")
        row = connection.execute(
            "SELECT id FROM cdc.legal_hold WHERE released_at IS NULL AND reason = %s"
            " AND class IS NOT DISTINCT FROM %s AND month IS NOT DISTINCT FROM %s ORDER BY id LIMIT 1",
            (reason, name, month),
        ).fetchone()
        if row is not None:
            return int(row[0])
        row = connection.execute(
            "INSERT INTO cdc.legal_hold (class, month, reason, held_by) VALUES (%s, %s, %s, session_user || ' ' || %s)"
            " RETURNING id",
            (name, month, reason, operator()),
        ).fetchone()
        number = int(row[0]) if row else 0
        record_action(connection, "protect hold", f"hold {number}", {"class": name, "month": str(month or "")}, reason)
    return number


def release(connection: Connection, number: int, reason: str) -> None:
    """End a hold. Raises FatalError PRT-106 if there is none of that number that stands."""
    with connection.transaction():
        found = connection.execute(
            "UPDATE cdc.legal_hold SET released_by = session_user || ' ' || %s, released_at = now()"
            " WHERE id = %s AND released_at IS NULL",
            (operator(), number),
        )
        if not found.rowcount:
            raise FatalError("PRT-106", f"hold {number}")
        record_action(connection, "protect release", f"hold {number}", None, reason)


def rewrap(connection: Connection, protection: Protection) -> int:
    """Wrap every data key by the current master key; return how many were wrapped by another one. Raises PRT-103."""
    with connection.transaction():
        connection.execute("LOCK TABLE cdc.data_key IN EXCLUSIVE MODE")
        rows = connection.execute(
            "SELECT id, class, master, wrapped FROM cdc.data_key WHERE shredded_at IS NULL AND master <> %s",
            (protection.current,),
        ).fetchall()
        for number, name, master, wrapped in rows:
            key = unwrap(protection, master, name, wrapped)
            connection.execute(
                "UPDATE cdc.data_key SET master = %s, wrapped = %s WHERE id = %s",
                (protection.current, wrap(protection, protection.current, name, key), number),
            )
        if rows:
            record_action(connection, "protect rewrap", protection.current, {"data_keys": [row[0] for row in rows]})
    return len(rows)


def require_masters(connection: Connection, protection: Protection | None) -> None:
    """Refuse to start without a master key that a data key is wrapped by. Raises FatalError PRT-103."""
    rows = connection.execute("SELECT DISTINCT master FROM cdc.data_key WHERE shredded_at IS NULL").fetchall()
    missing = {master for (master,) in rows} - (protection.keys.keys() if protection else set())
    if missing:
        raise FatalError("PRT-103", ", ".join(f"protection.keys.{name}" for name in sorted(missing)))

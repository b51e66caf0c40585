"""The log that a source keeps for its connector, and how long it will: behind that the connector's place is gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pymysql
from pymysql.cursors import DictCursor

from cdc.capture import catalogue_binlog, catalogue_postgresql
from cdc.capture.connector import slot_name
from cdc.capture.login import login_of
from cdc.capture.pace import bytes_per_s
from cdc.capture.source import Source

_DAY_S: Final = 86_400.0
# What is left of something that may be over at any moment, and is not yet.
_AT_ANY_MOMENT_S: Final = 1.0
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Retained:
    """`bytes` of log are kept for the connector; it has `left_s` until its place is gone, None if nobody can know.

    `limit` says in words what ends it. `left_s` 0: the place is gone.
    """

    bytes: int | None
    left_s: float | None
    limit: str


def read_retained(source: Source, variables: Mapping[str, str], place: Mapping[str, Any], age_s: float) -> Retained:
    """Return what a source keeps for its connector, whose recorded place is `place`, so many seconds old.

    Raises as `cdc.capture.catalogue.read_contracts`.
    """
    login = login_of(source, variables)
    if source.kind == "postgresql":
        with catalogue_postgresql.session(login) as slots:
            row = slots.execute(_SLOT, (slot_name(source),)).fetchone()
        return of_slot(row, has_place="lsn" in place)
    with catalogue_binlog.session(login) as files:
        return of_files(_select(files, "SHOW BINARY LOGS"), _expiry(files), place, age_s)


# A standby has no log of its own to write: what it has replayed is its end.
_SLOT: Final = """
SELECT s.wal_status, s.safe_wal_size, w.wal_bytes::float8 AS written,
       extract(epoch FROM pg_catalog.now() - w.stats_reset)::float8 AS seconds,
       pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
                                       ELSE pg_catalog.pg_current_wal_lsn() END, s.restart_lsn)::bigint AS kept
FROM pg_catalog.pg_stat_wal w, pg_catalog.pg_replication_slots s
WHERE s.slot_name = %s AND s.database = pg_catalog.current_database()
"""


def of_slot(row: Mapping[str, Any] | None, *, has_place: bool) -> Retained:
    """Return what a row of the slot says: at the pace at which the server has written so far.

    A connector has its slot before it has a place, and loses its place first.
    """
    if row is None:
        return Retained(None, 0.0, "the slot is gone") if has_place else Retained(None, None, "there is no slot yet")
    if row["wal_status"] == "lost":
        return Retained(row["kept"], 0.0, "the slot has lost its place (max_slot_wal_keep_size)")
    if row["safe_wal_size"] is None:
        return Retained(row["kept"], None, "max_slot_wal_keep_size is -1: until the disk is full")
    pace = bytes_per_s(row["written"], row["seconds"])
    limit = f"max_slot_wal_keep_size, {row['safe_wal_size'] // _MIB} MiB to go"
    return Retained(row["kept"], row["safe_wal_size"] / pace if pace else None, limit)


def of_files(
    files: list[Mapping[str, Any]], expiry_s: float | None, place: Mapping[str, Any], age_s: float
) -> Retained:
    """Return what the server's binary logs say; `expiry_s` is how old one may get, None: as old as it likes.

    A server purges what is too old when it begins another file, and never the one that it writes to. How old a file is
    it does not tell: by its end, which is no older than the place.
    """
    names = [str(one["Log_name"]) for one in files]
    if "file" not in place:
        return Retained(None, None, "the connector has no place yet")
    file = str(place["file"])
    if file not in names:
        return Retained(None, 0.0, f"{file} is purged")
    kept = files[names.index(file) :]
    size = sum(int(one["File_size"]) for one in kept) - int(place.get("pos", 0))
    if expiry_s is None:
        return Retained(size, None, "binary logs do not expire: until the disk is full")
    if file == names[-1]:
        return Retained(size, None, f"{file} is being written to: it is not purged")
    days = f"{expiry_s / _DAY_S:g} days"
    if age_s < expiry_s:
        return Retained(size, expiry_s - age_s, f"binary logs are kept for {days}")
    may_go = f"{file} may be older than {days}: then it is purged when the server begins another file"
    return Retained(size, _AT_ANY_MOMENT_S, may_go)


def _expiry(connection: pymysql.Connection[DictCursor]) -> float | None:
    rows = _select(
        connection,
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('binlog_expire_logs_seconds', 'expire_logs_days')",
    )
    values = {str(row["Variable_name"]): float(row["Value"]) for row in rows}
    seconds = values.get("binlog_expire_logs_seconds") or values.get("expire_logs_days", 0.0) * _DAY_S
    return seconds or None


def _select(connection: pymysql.Connection[DictCursor], query: str) -> list[Mapping[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())

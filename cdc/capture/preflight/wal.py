"""PostgreSQL's log: room for one more slot, and how much of the log is kept for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import psycopg
from psycopg.rows import DictRow

from cdc.capture.pace import bytes_per_s
from cdc.capture.preflight.finding import Finding
from cdc.capture.preflight.limits import Limits

_ROOM = """
SELECT current_setting('max_replication_slots')::int AS max_replication_slots,
       current_setting('max_wal_senders')::int AS max_wal_senders,
       (SELECT count(*) FROM pg_catalog.pg_replication_slots) AS slots,
       (SELECT count(*) FROM pg_catalog.pg_stat_replication) AS senders"""
_KEPT = """
SELECT pg_catalog.pg_size_bytes(current_setting('max_slot_wal_keep_size')) AS kept,
       pg_catalog.pg_size_bytes(current_setting('max_wal_size')) AS cycle, wal_bytes::float8 AS written,
       extract(epoch FROM now() - stats_reset)::float8 AS seconds
FROM pg_catalog.pg_stat_wal"""
_MIB: Final = 1024 * 1024


def room_findings(connection: psycopg.Connection[DictRow], *, has_slot: bool) -> Iterator[Finding]:
    """Yield SRC-308 if the connector would find no slot or sender; `has_slot`: its slot is there."""
    room = connection.execute(_ROOM).fetchone() or {}
    return taken_findings(room, has_slot=has_slot)


def taken_findings(room: Mapping[str, Any], *, has_slot: bool) -> Iterator[Finding]:
    """Yield SRC-308 for what `room` says is taken: limits by the names of their settings, `slots` and `senders`."""
    for setting, taken in (("max_replication_slots", room["slots"]), ("max_wal_senders", room["senders"])):
        if taken >= room[setting] and not has_slot:
            change = f"ALTER SYSTEM SET {setting} = {max(10, 2 * taken)}; -- and start the server anew"
            yield Finding("SRC-308", f"{setting} is {room[setting]}, {taken} are taken", change)


def wal_findings(connection: psycopg.Connection[DictRow], limits: Limits) -> Iterator[Finding]:
    """Yield SRC-306 or SRC-307 for the limit of what is kept for slots, by what the server writes."""
    return kept_findings(connection.execute(_KEPT).fetchone() or {}, limits)


def kept_findings(log: Mapping[str, Any], limits: Limits) -> Iterator[Finding]:
    """Yield what is wrong with a limit. `log`: bytes kept (-1: all), of a checkpoint's cycle, written in so many s."""
    rate = bytes_per_s(log["written"], log["seconds"])
    needed = max(rate * limits.outage_s, float(log["cycle"]))
    size = f"{-(-2 * int(needed) // _MIB)}MB"
    change = f"ALTER SYSTEM SET max_slot_wal_keep_size = '{size}'; SELECT pg_catalog.pg_reload_conf()"
    if log["kept"] < 0:
        yield Finding("SRC-307", "max_slot_wal_keep_size is -1", change)
    elif log["kept"] < needed:
        why = f"{needed / _MIB:.0f} MB are written in {limits.outage_s / 3600:g} hours"
        if rate * limits.outage_s < needed:
            why = f"max_wal_size is {needed / _MIB:.0f} MB"
        yield Finding("SRC-306", f"max_slot_wal_keep_size is {log['kept'] / _MIB:.0f} MB, {why}", change)

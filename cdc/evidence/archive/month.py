"""Months of the journal that are over, on their way out of the target into files that need no program of ours.

    files written and verified  ->  one transaction: what they are is on record, the partition is gone  ->  index pruned

Whoever dies on any line leaves a target that has the month, or one that has it on record where it is; the next run goes
on. Nothing leaves that is not derived, that does not follow what left before, or whose chain does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib.resources import files
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
from psycopg.errors import LockNotAvailable
from psycopg.sql import SQL, Identifier, Literal

from cdc.crash import crash_point
from cdc.errors import FatalError, TransientError
from cdc.evidence.archive.file import Exported, Manifest, export, put, writing
from cdc.evidence.archive.retention import Retention
from cdc.protect.seal import Opener
from cdc.store.action import operator, record_action

Connection = psycopg.Connection[Any]
Sign = Callable[[Path], object]

# Landing waits as long as we wait for the journal's lock.
_LOCK_TIMEOUT: Final = "2s"
_BATCHES_AT_ONCE: Final = 2000
_ONE_AT_A_TIME: Final = 7205759403792796
_BESIDE: Final = ("README.md", "verify.py")


@dataclass(frozen=True, slots=True)
class Month:
    """A partition of the journal that ended `age` whole months ago, and how many records of each stream are in it."""

    name: str
    to_at: datetime
    age: int
    records: dict[str, int]

    def may_leave(self, retention: Retention) -> bool:
        """Tell whether no stream in it has to stay."""
        return self.age >= max(map(retention.keeps, self.records), default=retention.least)


def require_alone(connection: Connection) -> None:
    """Hold the archive until the session ends: two that write one file spoil it. Raises TransientError TGT-120."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_ONE_AT_A_TIME,)).fetchone()
    if row is None or not row[0]:
        raise TransientError("TGT-120", "another `cdc journal archive` is at it")


def closed_months(connection: Connection, retention: Retention) -> list[Month]:
    """Return the months that may leave, the oldest first: none that follows one that has to stay."""
    rows = connection.execute(_CLOSED).fetchall()
    months = [Month(name, to_at, age, _records(connection, name)) for name, to_at, age in rows]
    return list(takewhile(lambda month: month.may_leave(retention), months))


def archive_month(
    opener: Opener,
    month: Month,
    retention: Retention,
    folder: Path,
    sign: Sign | None,
    report: Callable[[str, int], None],
) -> list[Manifest]:
    """Move one month into the folder; return what was written. `report` gets a stream and how many records of it are.

    `sign` signs a file.
    Raises FatalError EVD-124 for a month that has to stay, EVD-101 for a chain that does not hold, EVD-108, EVD-110,
    EVD-116, TransientError TGT-120 if somebody reads the journal all the time. The connection is in autocommit.
    """
    connection = opener.connection
    if not month.may_leave(retention):
        raise FatalError("EVD-124", month.name)
    exported = []
    for stream in month.records:
        _require_derived(connection, month, stream)
        classes = retention.classes.get(stream, ())
        exported.append(export(opener, stream, month.name, classes, folder, partial(report, stream)))
        if sign is not None:
            with writing(folder):
                sign(folder / exported[-1].manifest.name)
    with writing(folder):
        for name in _BESIDE:
            put(folder / name, (files("cdc.evidence.archive") / name).read_bytes())
    crash_point("E4")
    try:
        with connection.transaction():
            _drop(connection, month, exported)
            crash_point("E5")
    except LockNotAvailable as error:
        raise TransientError("TGT-120", f"cdc.{month.name}: somebody reads the journal") from error
    crash_point("E6")
    return [one.manifest for one in exported]


_CLOSED: Final = """
SELECT name, to_at, (12 * extract(year FROM age) + extract(month FROM age))::integer FROM (
    SELECT name, to_at, age(date_trunc('month', now() AT TIME ZONE 'UTC'), to_at AT TIME ZONE 'UTC') AS age
    FROM cdc.journal_month WHERE to_at <= now()
) closed ORDER BY to_at
"""


def require_owner(connection: Connection) -> None:
    """Raise FatalError TGT-106 for a login that could write months to files, and not drop them afterwards."""
    query = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'cdc.journal'::regclass"
    if connection.execute(query).fetchone() != (True,):
        raise FatalError("TGT-106", "cdc.journal: its owner drops a month, and nobody else")


def prune_keys(connection: Connection) -> int:
    """Remove the index of changed rows of what has been archived, in portions; return how many entries those were."""
    pruned = 0
    ends = connection.execute("SELECT stream, max(last_batch) FROM cdc.archive GROUP BY stream").fetchall()
    for stream, last in ends:
        while True:
            with connection.transaction():
                (removed,) = connection.execute(
                    "WITH gone AS (DELETE FROM cdc.changed_key k USING cdc.changed_mirror m WHERE m.id = k.mirror"
                    " AND m.stream = %(stream)s AND k.batch <= least(%(last)s, %(portion)s + (SELECT min(o.batch)"
                    " FROM cdc.changed_mirror n CROSS JOIN LATERAL (SELECT min(batch) AS batch FROM cdc.changed_key"
                    " WHERE mirror = n.id) o WHERE n.stream = %(stream)s)) RETURNING k.keys)"
                    " SELECT coalesce(sum(coalesce(cardinality(keys), 1)), 0)::bigint FROM gone",
                    {"stream": stream, "last": last, "portion": _BATCHES_AT_ONCE},
                ).fetchone() or (0,)
            if not removed:
                break
            pruned += removed
            crash_point("E7")
    return pruned


def _records(connection: Connection, name: str) -> dict[str, int]:
    query = SQL("SELECT stream, sum(records)::bigint FROM {} GROUP BY stream ORDER BY stream")
    return dict(connection.execute(query.format(Identifier("cdc", name))).fetchall())


def _require_derived(connection: Connection, month: Month, stream: str) -> None:
    """Raise EVD-108 if a derivation has not seen all of a stream's month, or if its batches do not end in it."""
    query = SQL(
        "SELECT max(batch), (SELECT min(batch) FROM (SELECT batch FROM cdc.watermark WHERE stream = %(stream)s"
        " UNION ALL SELECT batch FROM cdc_shadow.watermark WHERE stream = %(stream)s) w),"
        " (SELECT min(batch) FROM cdc.journal WHERE stream = %(stream)s AND landed_at >= %(to_at)s),"
        " (SELECT max(batch) FROM cdc.journal WHERE stream = %(stream)s AND landed_at < %(to_at)s"
        " AND tableoid <> {name}::regclass) FROM {month} WHERE stream = %(stream)s"
    ).format(name=Literal(f"cdc.{month.name}"), month=Identifier("cdc", month.name))
    row = connection.execute(query, {"stream": stream, "to_at": month.to_at}).fetchone()
    last, derived, following, earlier = row or (0, None, None, None)
    if derived is not None and derived < last:
        raise FatalError("EVD-108", f"{month.name}: {stream} landed up to batch {last} in it, derived is {derived}")
    if following is not None and following < last:
        raise FatalError("EVD-108", f"{month.name}: batch {last} of {stream} landed in it, and {following} after it")
    if earlier is not None:
        raise FatalError("EVD-108", f"{month.name}: batch {earlier} of {stream} is in an earlier month")


def _drop(connection: Connection, month: Month, exported: Sequence[Exported]) -> None:
    """Put on record what the files have, and drop the partition if it has that and nothing else."""
    connection.execute("SELECT set_config('lock_timeout', %s, true)", (_LOCK_TIMEOUT,))
    partition = Identifier("cdc", month.name)
    connection.execute(SQL("ALTER TABLE cdc.journal DETACH PARTITION {}").format(partition))
    query = SQL(
        "SELECT stream, sum(records)::bigint, max(batch), max(next_offset), (array_agg(chain ORDER BY batch DESC,"
        " first_offset DESC))[1] FROM {} GROUP BY stream ORDER BY stream"
    )
    there = connection.execute(query.format(partition)).fetchall()
    parts = [(one.manifest.stream, one.part, (one.last, one.data_key)) for one in exported]
    if there != [(stream, part.records, part.last_batch, part.next_offset, part.head) for stream, part, _ in parts]:
        raise FatalError("EVD-108", f"{month.name}: it was changed while it was being archived")
    for stream, part, last in parts:
        names = ("stream", *part._fields, "last_record", "data_key")
        connection.execute(
            SQL("INSERT INTO cdc.archive ({}, actor) VALUES ({}, session_user || ' ' || %s)").format(
                SQL(", ").join(map(Identifier, names)), SQL(", ").join(SQL("%s") * len(names))
            ),
            (stream, *part, *last, operator()),
        )
    connection.execute(SQL("DROP TABLE {}").format(partition))
    connection.execute("DELETE FROM cdc.journal_month WHERE name = %s", (month.name,))
    effect = [msgspec.to_builtins(one.manifest) for one in exported]
    record_action(connection, "journal archive", month.name, effect)

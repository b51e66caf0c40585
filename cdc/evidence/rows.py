"""Canonical tables proven to be what the mirrors and the dictionary imply, some rows at a time, beside the workers.

Every source row of which anything is known is derived anew, as a rehearsal: what would change is wrong, as nothing has
changed it in the source. So is a row of a mapping that the dictionary does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb

from cdc.config import Protection
from cdc.derive.fold import known_keys
from cdc.derive.plan import Fill, Merge, Origin, Plan
from cdc.derive.rehearsal import Difference, Rehearsal
from cdc.derive.take import known_rows
from cdc.store.action import operator, record_action

Connection = psycopg.Connection[Any]
Report = Callable[[int, int], None]
"""Told how many source rows have been derived anew, of how many."""

PORTION: Final = 500
"""Rows that are derived anew at once: what their transaction locks is free again soon."""


@dataclass(frozen=True, slots=True)
class Audited:
    """One pass over a canonical table: it is what all that had landed implies, but for so many differences.

    `rows` counts source rows and keys of folds; `batches` names streams and how far each had landed at the beginning.
    """

    table: str
    rows: int
    differences: int
    batches: dict[str, int]
    began_at: datetime


class RowAudit:
    """Audits the tables of one domain; `connection` is in autocommit and used for nothing else."""

    def __init__(self, connection: Connection, plan: Plan, protection: Protection | None = None) -> None:
        self._connection = connection
        self._plan = plan
        self._rehearsal = Rehearsal(connection, plan, protection)

    def tables(self) -> list[str]:
        """Return the domain's canonical tables."""
        return sorted({str(fill.target) for fill in self._plan.fills})

    def audit(self, table: str, report: Report) -> Iterator[Difference]:
        """Yield what is wrong with a canonical table, each row once; then put on record up to where it holds."""
        began_at, batches = self._beginning()
        found: set[Difference] = set()
        total = self._list_rows(table)
        for difference in chain(self._strangers(table), self._differences(total, report)):
            if difference not in found:
                found.add(difference)
                yield difference
        self._record(Audited(table, total, len(found), batches, began_at))

    def _beginning(self) -> tuple[datetime, dict[str, int]]:
        rows = self._connection.execute(
            "SELECT stream, batch FROM cdc.position WHERE source = ANY (%s) ORDER BY stream",
            (list(self._plan.sources),),
        ).fetchall()
        return datetime.now(UTC), dict(rows)

    def _list_rows(self, table: str) -> int:
        """Put the keys of all rows that are concerned into a temporary table, numbered from 0; return how many."""
        parts = [
            f"SELECT DISTINCT {origin.name} AS mapping, key FROM ({_known(origin)}) k (key)"
            for origin in self._concerned(table)
        ]
        self._connection.execute("DROP TABLE IF EXISTS pg_temp.audited_row")
        self._connection.execute("SET statement_timeout = 0")
        self._connection.execute(
            "CREATE TEMP TABLE audited_row AS SELECT row_number() OVER () - 1 AS place, mapping, key"
            f" FROM ({' UNION ALL '.join(parts)}) a".encode()
        )
        self._connection.execute("CREATE UNIQUE INDEX ON pg_temp.audited_row (place)")
        self._connection.execute("RESET statement_timeout")
        row = self._connection.execute("SELECT count(*) FROM pg_temp.audited_row").fetchone()
        return int(row[0]) if row else 0

    def _concerned(self, table: str) -> Iterator[Origin]:
        for step in self._plan.steps:
            if any(str(output.target) == table for output in step.outputs):
                yield step
        yield from (merge for merge in self._plan.merges if str(merge.fold) == table)

    def _differences(self, total: int, report: Report) -> Iterator[Difference]:
        for place in range(0, total, PORTION):
            rows = self._connection.execute(
                "SELECT mapping, key FROM pg_temp.audited_row WHERE place >= %s AND place < %s",
                (place, place + PORTION),
            ).fetchall()
            yield from self._rehearsal.differences([(mapping, tuple(key)) for mapping, key in rows])
            report(min(place + PORTION, total), total)

    def _strangers(self, table: str) -> Iterator[Difference]:
        """Yield rows of mappings that the dictionary does not have: no derivation ever made them, or removes them."""
        for fill in _once(self._plan.fills, table):
            query = f"SELECT _mapping, _source_key, to_jsonb(c) FROM {fill.canonical} c WHERE _mapping <> ALL (%s)"
            with self._connection.cursor() as cursor:
                for mapping, key, values in cursor.stream(query.encode(), (list(self._plan.names),)):
                    before = tuple((name, None if values[name] is None else str(values[name])) for name in fill.columns)
                    yield Difference(table, mapping, tuple(key), before, None)

    def _record(self, audited: Audited) -> None:
        self._connection.execute(
            "INSERT INTO cdc.audited (canonical, dictionary, batches, rows, differences, actor, began_at)"
            " VALUES (%s, %s, %s, %s, %s, session_user || ' ' || %s, %s)",
            (
                *(audited.table, self._plan.digest, Jsonb(audited.batches), audited.rows, audited.differences),
                *(operator(), audited.began_at),
            ),
        )


def read_audited(connection: Connection) -> list[Audited]:
    """Return the last pass over each canonical table."""
    rows = connection.execute(
        "SELECT DISTINCT ON (canonical) canonical, rows, differences, batches, began_at FROM cdc.audited"
        " ORDER BY canonical, ended_at DESC"
    ).fetchall()
    return [Audited(*row) for row in rows]


def queue_repair(
    connection: Connection,
    plans: Iterable[Plan],
    found: Iterable[Difference],
    reason: str | None,
    document: Callable[[Difference], object],
) -> tuple[int, int]:
    """Ask for the rows that differ to be derived again; what they were and will be is on record with it.

    `document` says of each what that is: the record stays for good, whatever becomes of the person whose row it was.
    Return how many source rows, and keys of folds, that are, and the last number in the queue. No derivation removes
    a row of a mapping that the dictionary does not have.
    """
    names = {name for plan in plans for name in plan.names}
    differences = [one for one in found if one.mapping in names]
    rows = sorted({(one.mapping, one.source_key) for one in differences})
    effect = [document(one) for one in differences]
    with connection.transaction():
        queue_rows(connection, rows)
        row = connection.execute("SELECT coalesce(max(id), 0) FROM cdc.derive_queue").fetchone()
        record_action(connection, "audit repair", ", ".join(sorted({one.table for one in differences})), effect, reason)
    return len(rows), int(row[0]) if row else 0


def queue_rows(connection: Connection, rows: Iterable[tuple[str, Sequence[str]]]) -> None:
    """Ask for source rows (mapping, key) to be derived again because something was repaired."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO cdc.derive_queue (mapping, source_key, reason, actor)"
            " VALUES (%s, %s, 'repair', session_user || ' ' || %s)",
            [(mapping, list(key), operator()) for mapping, key in rows],
        )


def _known(origin: Origin) -> str:
    return known_keys(origin) if isinstance(origin, Merge) else known_rows(origin)


def _once(fills: tuple[Fill, ...], table: str) -> list[Fill]:
    return [fill for fill in fills if str(fill.target) == table][:1]

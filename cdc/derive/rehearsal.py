"""A turn that is not kept: what deriving some source rows anew would change, at one moment, beside the worker.

The turn of `cdc.derive.turn` is worked out in a transaction that is rolled back; of what was changed by then, a few
contributions, nobody sees anything. What the next turn changes anyway, because batches have landed that it has not
derived yet, is worked out first and left out.

It can be worked out by another dictionary than the one in force, over the tables as they are: then nothing but the rows
that are asked for is taken, with all that hangs on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import psycopg

from cdc.config import Protection
from cdc.derive.before import keeps_key
from cdc.derive.lease import open_session
from cdc.derive.names import equal, quoted
from cdc.derive.plan import Fill, Origin, Plan
from cdc.derive.session import ALIVE, STAGE_META, Connection, Window, Work
from cdc.derive.stage import RowRefusedError
from cdc.derive.turn import one_cut, see_window, work_out
from cdc.derive.write import codes_of
from cdc.errors import FatalError, TransientError
from cdc.store.connection import classify
from transforms.beside import CONTRIBUTION

Key = tuple[str, ...]
Values = tuple[tuple[str, str | None], ...]
"""Columns, each with its value as PostgreSQL prints it."""

HELD: Final = "cdc.held"
_REASON: Final = ("code", "field", "detail", "waits_for", "waits_key")
_ATTEMPTS: Final = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that would come (`before` is None), go (`after` is None) or change, of the table that is named.

    `mapping` and `source_key` say of which source row it is made; of a fold they are its table and canonical key.
    """

    table: str
    mapping: str
    source_key: Key
    before: Values | None
    after: Values | None

    def document(self) -> dict[str, object]:
        """Return it as JSON has it: columns by name."""
        return {
            "table": self.table,
            "mapping": self.mapping,
            "source_key": list(self.source_key),
            "before": None if self.before is None else dict(self.before),
            "after": None if self.after is None else dict(self.after),
        }


class Rehearsal:
    """Rehearses turns of one domain, on a connection in autocommit that is used for nothing else.

    `protection`: the settings', which open what waivers give. `by_another`: the plan is of a dictionary that is not in
    force, and gives its tables the shape that they have.
    """

    def __init__(
        self, connection: Connection, plan: Plan, protection: Protection | None = None, *, by_another: bool = False
    ) -> None:
        self._connection = connection
        self._plan = plan
        self._protection = protection
        self._by_another = by_another
        open_session(connection, plan)

    def differences(self, queued: Sequence[tuple[str, Key]]) -> list[Difference]:
        """Return what deriving these rows anew would change: (mapping, source key), or (fold, canonical key).

        Raises FatalError DRV-122 for a domain that has not been derived by this dictionary yet, TransientError if the
        worker writes the same rows at every attempt.
        """
        for _ in range(_ATTEMPTS):
            try:
                return self._rehearse(queued)
            except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected) as error:
                refused = classify(error)
            finally:
                self._connection.execute("ROLLBACK")
        raise TransientError(refused.code, refused.detail)

    def _rehearse(self, queued: Sequence[tuple[str, Key]]) -> list[Difference]:
        self._connection.execute("; ".join(one_cut(self._plan)).encode())
        seen = see_window(self._connection, self._plan)
        if seen is None or (seen[2].everything and not self._by_another):
            raise FatalError("DRV-122", f"domain {self._plan.name}")
        window = seen[2]
        if self._by_another:
            window = Window(False, (), stale=window.stale, waived=window.waived)
        anyway = set[Difference]()
        if window.moves or window.queued:
            self._connection.execute("SAVEPOINT rehearsed")
            anyway = set(self._worked_out(window))
            self._connection.execute("ROLLBACK TO rehearsed")
        with self._connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO cdc.derive_queue (mapping, source_key, reason, actor) VALUES (%s, %s, 'rehearsal', '')",
                [(mapping, list(key)) for mapping, key in queued],
            )
        window = replace(window, queued=window.queued | {mapping for mapping, _ in queued})
        return [found for found in self._worked_out(window) if found not in anyway]

    def _worked_out(self, window: Window) -> list[Difference]:
        """Work a turn out; with care, if the database refuses one of its rows."""
        self._connection.execute("SAVEPOINT worked_out")
        try:
            return self._differing(window, careful=False)
        except RowRefusedError:
            self._connection.execute("ROLLBACK TO worked_out")
            return self._differing(window, careful=True)

    def _differing(self, window: Window, *, careful: bool) -> list[Difference]:
        work = Work(self._connection, self._plan, window, careful, protection=self._protection)
        found: list[Difference] = []
        work_out(work, lambda work: found.extend(_contributed(work)))
        for origin in (origin for origin in self._plan.origins if origin in work.taken):
            for fill in origin.fills:
                found += _canonical(work, fill)
            found += _held(work, origin)
        return found


def _contributed(work: Work) -> Iterator[Difference]:
    for contribution in (one for step in work.plan.steps if step in work.taken for one in step.contributions):
        names = (*contribution.columns, *STAGE_META[1:])
        query = (
            f"SELECT coalesce(c._source_key, s._source_key), {_values(names, 'c')}, {_values(names, 's')},"
            " c._source_key IS NULL, s._source_key IS NULL"
            f" FROM (SELECT c.* FROM {contribution.take} t JOIN {contribution.stored} c"
            f" ON {contribution.is_of('c', 't.key')}) c"
            f" FULL JOIN (SELECT * FROM {contribution.stage} WHERE _candidate) s"
            f" ON s._source_key = c._source_key AND {equal(contribution.key, 's', 'c')}"
        )
        table = f"{contribution.target.schema}{CONTRIBUTION}.{contribution.target.table}"
        yield from _read(work, query, table, contribution.name, names)


def _canonical(work: Work, fill: Fill) -> Iterator[Difference]:
    names = (*fill.columns, *STAGE_META[1:])
    after = {"_deleted": "false"} if fill.keeps_unmarked else {}
    staged = f"(SELECT * FROM {fill.stage} WHERE {ALIVE})"
    query = (
        f"SELECT b._source_key, {_values(names, 'c')}, {_values(names, 's', after)}, false, s._source_key IS NULL"
        f" FROM {fill.before} b JOIN {fill.canonical} c ON c.ctid = b._row AND c._source_key = b._source_key"
        f" LEFT JOIN {staged} s ON {keeps_key(fill, 's')} WHERE s._source_key IS NULL OR NOT b._same"
        f" UNION ALL SELECT s._source_key, NULL, {_values(names, 's', after)}, true, false FROM {staged} s"
        f" WHERE NOT EXISTS (SELECT FROM {fill.before} b WHERE {keeps_key(fill, 's')})"
    )
    yield from _read(work, query, str(fill.target), fill.name, names)


def _held(work: Work, origin: Origin) -> Iterator[Difference]:
    query = (
        f"SELECT coalesce(h.source_key, n.source_key), {_values(_REASON, 'h')}, {_values(_REASON, 'n')},"
        " h.source_key IS NULL, n.source_key IS NULL"
        f" FROM (SELECT h.* FROM {origin.take} t JOIN {origin.codes} h ON h.mapping = {origin.name}"
        " AND h.source_key = t.key) h"
        f" FULL JOIN ({codes_of(work.plan, origin)}) n (mapping, source_key, {', '.join(_REASON)}, dictionary)"
        " ON n.source_key = h.source_key"
    )
    yield from _read(work, query, HELD, origin.name, _REASON)


def _values(names: Iterable[str], row: str, instead: Mapping[str, str] | None = None) -> str:
    values = (f"({(instead or {}).get(name) or f'{row}.{quoted(name)}'})::text" for name in names)
    return f"ARRAY[{', '.join(values)}]"


def _read(work: Work, query: str, table: str, name: str, columns: Sequence[str]) -> Iterator[Difference]:
    rows = work.run(f"SELECT {name}, q.* FROM ({query}) q ORDER BY 2".encode()).fetchall()
    named = partial(zip, columns, strict=True)
    for mapping, key, before, after, comes, goes in rows:
        old, new = (None if comes else tuple(named(before))), (None if goes else tuple(named(after)))
        if old != new:
            yield Difference(table, mapping, tuple(key), old, new)

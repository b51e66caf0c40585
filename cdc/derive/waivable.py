"""What of a held row somebody can decide: a column that it is refused for, and no other one.

Whether it is, is found out by leaving out what was decided of it: then the row is refused for that column, or refers by
it to a row that is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row

from cdc.derive.fold import contributed
from cdc.derive.held import Held
from cdc.derive.names import columns, quoted
from cdc.derive.outcome import RULE_ERRORS
from cdc.derive.plan import Link, Merge, Origin, Plan, Step
from cdc.derive.pull import UNRESOLVED
from cdc.errors import FatalError
from transforms import refusal
from transforms.errors import Refused
from transforms.fold import fold_said
from transforms.mapping import Said
from transforms.waiver import UnfitError, Values

Connection = psycopg.Connection[Any]


class Row(NamedTuple):
    """A canonical row that would come of it: its table, and its values by column."""

    table: str
    values: Mapping[str, object]


Making = Callable[[Values], list[Row]]
"""From what is decided of a row to what comes of it. Raises Refused, UnfitError, and whatever a rule raises."""


class Waivable:
    """A held row, of which `making` tells what comes; `connection` shows what there is now."""

    def __init__(self, connection: Connection, plan: Plan, origin: Origin, held: Held, making: Making) -> None:
        self._connection = connection
        self._links = [link for link in plan.links if link.child in origin.fills]
        self._later = frozenset(_columns_later(origin, held))
        self._held, self._making = held, making

    def codes(self, values: Values) -> list[str]:
        """Return with what each column is refused. Raises DRV-131 for one that is not, or a row refused even so."""
        still = tried(self._making, values)
        if isinstance(still, Refused):
            raise FatalError("DRV-131", f"the row would be refused even so: {still}")
        return [self._code(name, {other: values[other] for other in values if other != name}) for name in values]

    def _code(self, name: str, others: Values) -> str:
        found = tried(self._making, others)
        if isinstance(found, Refused) and found.field == name:
            return found.code
        if name in self._later:
            return self._held.code
        if not isinstance(found, Refused) and name in self._unresolved(found):
            return UNRESOLVED
        told = found if isinstance(found, Refused) else f"{self._held.code} {self._held.field or ''}".strip()
        raise FatalError("DRV-131", f"{name} is not what the row is refused for, but {told}")

    def _unresolved(self, rows: list[Row]) -> Iterator[str]:
        """Yield the columns by which the rows refer to such as are not there, whatever else they are held for."""
        for link in self._links:
            of_table = (row.values for row in rows if row.table == str(link.child.target))
            for wanted in ([row[name] for name in link.reference.columns] for row in of_table):
                if None not in wanted and not self._is_there(link, wanted):
                    yield from link.reference.columns

    def _is_there(self, link: Link, wanted: list[object]) -> bool:
        matched = " AND ".join(f"c.{quoted(name)} = %s" for name in link.reference.target_columns)
        query = f"SELECT FROM {link.parent.canonical} c WHERE {matched}"
        return self._connection.execute(query.encode(), wanted).rowcount > 0


def tried(making: Making, values: Values) -> list[Row] | Refused:
    """Return what comes of it, or what the row is refused for. Raises DRV-131 for what no row can have."""
    try:
        return making(values)
    except UnfitError as error:
        raise FatalError("DRV-131", str(error)) from error
    except Refused as refused:
        return refused
    except RULE_ERRORS as error:
        return Refused("DRV-202", "", type(error).__name__)


def making_row(step: Step, inputs: Sequence[object]) -> Making:
    """Return what comes of a source row, of which the mapping reads `inputs`."""

    def making(values: Values) -> list[Row]:
        mapping = step.mapping
        outcome = mapping.waive(values)(inputs) if mapping.waive else None
        return [
            Row(str(target), {column.name: value for column, value in zip(target.columns, one, strict=True)})
            for target, candidates in zip(mapping.targets, outcome or (), strict=False)
            for one in candidates
        ]

    return making


def making_folded(connection: Connection, merge: Merge, key: Sequence[str]) -> Making:
    """Return what comes of what is contributed now to the row of a fold with a key."""
    fold = merge.fold
    said = list(_said(connection, merge, key))
    own = {name: said[0].values[name] for name in fold.target.key}

    def making(values: Values) -> list[Row]:
        given = fold.decide(values) if fold.decide else {}
        return [Row(str(fold), own | dict(fold_said(fold, said, given).values))]

    return making


def _said(connection: Connection, merge: Merge, key: Sequence[str]) -> Iterator[Said]:
    names = [column.name for column in contributed(merge)]
    query = (
        f"SELECT _mapping, _source, _source_key, _deleted, {columns(names)} FROM {merge.stored} c"
        f" WHERE {merge.has_key('c', '%(key)s::text[]')}"
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(query.encode(), {"key": list(key)}):
            mapping, source, source_key, deleted = (
                row.pop(name) for name in ("_mapping", "_source", "_source_key", "_deleted")
            )
            yield Said(mapping, source, tuple(source_key), row, deleted)


def _columns_later(origin: Origin, held: Held) -> Iterator[str]:
    """Yield the columns that a row may be held for after it was mapped: by the database, for a key, a reference."""
    for target in (origin.fold.target,) if isinstance(origin, Merge) else origin.mapping.targets:
        if held.code == refusal.KEY and held.field in target.key:
            yield from target.key
        if held.code == UNRESOLVED:
            for one in target.references:
                if f"{one.schema}.{one.table}" == held.waits_for:
                    yield from one.columns
        if held.code == "DRV-201":
            yield from (column.name for column in target.columns)

"""What of a held row somebody can decide: a column that it is refused for, and no other one.

Whether it is, is found out by leaving out what was decided of it: then the row is refused, for that column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

from cdc.derive.fold import contributed
from cdc.derive.held import Held
from cdc.derive.names import columns
from cdc.derive.outcome import RULE_ERRORS
from cdc.derive.plan import Merge, Origin, Step
from cdc.derive.pull import UNRESOLVED
from cdc.derive.waived import DECIDED_LATER
from cdc.errors import FatalError
from transforms import refusal
from transforms.errors import Refused
from transforms.fold import fold_said
from transforms.mapping import Said
from transforms.waiver import UnfitError, Values

Connection = psycopg.Connection[Any]
Refusing = Callable[[Values], Refused | None]
"""From what is decided of a row to what it is refused for even so."""


def refusals(origin: Origin, held: Held, refusing: Refusing, values: Values) -> list[str]:
    """Return with what each column is refused. Raises DRV-131 for one that is not, or a row that is held even so."""
    later = frozenset(_columns_later(origin, held))
    still = refusing(values)
    if still is not None:
        raise FatalError("DRV-131", f"the row would be refused even so: {still}")
    codes = []
    for name in values:
        without = refusing({other: value for other, value in values.items() if other != name})
        if without is not None and without.field == name:
            codes.append(without.code)
        elif held.code in DECIDED_LATER and name in later:
            codes.append(held.code)
        else:
            told = without or f"{held.code} {held.field or ''}".strip()
            raise FatalError("DRV-131", f"{name} is not what the row is refused for, but {told}")
    return codes


def refusing_row(step: Step, inputs: Sequence[object]) -> Refusing:
    """Return what a source row is refused for."""

    def refusing(values: Values) -> Refused | None:
        if step.mapping.waive is None:
            return None
        try:
            step.mapping.waive(values)(inputs)
        except UnfitError as error:
            raise FatalError("DRV-131", str(error)) from error
        except Refused as refused:
            return refused
        except RULE_ERRORS as error:
            return Refused("DRV-202", "", type(error).__name__)
        return None

    return refusing


def refusing_fold(connection: Connection, merge: Merge, key: Sequence[str]) -> Refusing:
    """Return what the row of a fold with a key is refused for, by what is contributed to it now."""
    said = list(_said(connection, merge, key))

    def refusing(values: Values) -> Refused | None:
        if merge.fold.decide is None:
            return None
        try:
            fold_said(merge.fold, said, merge.fold.decide(values))
        except UnfitError as error:
            raise FatalError("DRV-131", str(error)) from error
        except Refused as refused:
            return refused
        return None

    return refusing


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

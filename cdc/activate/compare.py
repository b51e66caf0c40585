"""What changes for consumers: rows and cells by which the shadow differs from the tables that they read.

Both are read in one snapshot, at one cut: whatever differs does so because of the dictionary.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg

from cdc.activate.edition import Edition
from cdc.derive.names import columns, equal, literals, quoted
from transforms.beside import SHADOW
from transforms.mapping import Target

Connection = psycopg.Connection[Any]

SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Sample:
    """One cell that changes: the canonical key, and both values as PostgreSQL prints them."""

    key: tuple[str | None, ...]
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class ColumnDifference:
    """The cells of a column that change, in rows that are there before and after; `is` tells of added and removed."""

    column: str
    cells: int
    samples: tuple[Sample, ...]
    shape: str = ""


@dataclass(frozen=True, slots=True)
class TableDifference:
    """What happens to a canonical table. `shape` says in words what changes of the table itself.

    Rows are the same ones if their key is; where the key itself becomes another one, all are removed and added.
    """

    table: str
    rows_before: int
    rows_after: int
    added: int
    removed: int
    changed: int
    columns: tuple[ColumnDifference, ...]
    shape: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HeldDifference:
    """How many source rows of a mapping or fold are held by a code, before and after."""

    mapping: str
    code: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What an activation changes: tables that change places, and what is held of what fills them."""

    tables: tuple[TableDifference, ...]
    held: tuple[HeldDifference, ...]
    unfilled: tuple[str, ...] = ()

    @property
    def cells(self) -> int:
        """All cells that change."""
        return sum(column.cells for table in self.tables for column in table.columns)

    @property
    def rows(self) -> int:
        """All rows that are added, removed or changed."""
        return sum(table.added + table.removed + table.changed for table in self.tables)


def compare(connection: Connection, old: Edition, new: Edition, swapped: Iterable[str]) -> Difference:
    """Compare what changes places, in the transaction that is open. The tables are read whole, none is kept."""
    names = tuple(swapped)
    before, after = old.filled(), new.filled()
    unfilled = tuple(sorted(before.keys() - after.keys()))
    tables = tuple(_table(connection, before.get(name), after[name]) for name in names)
    return Difference(tables, _held(connection, {*old.names_of(names), *new.names_of(names)}), unfilled)


def _table(connection: Connection, old: Target | None, new: Target) -> TableDifference:
    live, shadow = quoted(new.schema, new.table), quoted(new.schema + SHADOW, new.table)
    if old is None or not _is_there(connection, live):
        count = _count(connection, shadow)
        return TableDifference(str(new), 0, count, count, 0, 0, (), ("the table is new",))
    shape = tuple(_shape(old, new))
    types = {column.name: column.type for column in old.columns}
    both = [column.name for column in new.columns if column.name in types]
    alike = {column.name for column in new.columns if types.get(column.name) == column.type}
    if old.key != new.key or not alike.issuperset(new.key):
        counts = _count(connection, live), _count(connection, shadow)
        return TableDifference(str(new), *counts, counts[1], counts[0], 0, (), (*shape, "the key is another one"))
    compared = [name for name in both if name not in new.key]
    counted, cells = _counts(connection, (live, shadow), new, compared, alike)
    changed = [ColumnDifference(name, count, ()) for name, count in zip(compared, cells, strict=True) if count]
    found = tuple(
        ColumnDifference(one.column, one.cells, _samples(connection, (live, shadow), new, one.column, alike))
        for one in changed
    )
    return TableDifference(str(new), *counted, found, shape)


def _shape(old: Target, new: Target) -> Iterable[str]:
    before = {column.name: column for column in old.columns}
    after = {column.name: column for column in new.columns}
    yield from (f"column {name} is new" for name in after if name not in before)
    yield from (f"column {name} goes away" for name in before if name not in after)
    for name in (name for name in after if name in before):
        if before[name].type != after[name].type:
            yield f"column {name}: {before[name].type} becomes {after[name].type}"


def _is_there(connection: Connection, table: str) -> bool:
    return connection.execute("SELECT to_regclass(%s) IS NOT NULL", (table,)).fetchone() == (True,)


def _count(connection: Connection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    return int(row[0]) if row else 0


def _differs(name: str, alike: set[str]) -> str:
    """A type that has changed is compared by what both print."""
    cast = "" if name in alike else "::text"
    return f"o.{quoted(name)}{cast} IS DISTINCT FROM n.{quoted(name)}{cast}"


def _counts(
    connection: Connection, tables: tuple[str, str], target: Target, compared: list[str], alike: set[str]
) -> tuple[tuple[int, int, int, int, int], tuple[int, ...]]:
    both, key = "o._mapping IS NOT NULL AND n._mapping IS NOT NULL", equal(target.key, "o", "n")
    anything = " OR ".join(_differs(name, alike) for name in (*compared, "_deleted"))
    wanted = [
        "count(o._mapping)",
        "count(n._mapping)",
        "count(*) FILTER (WHERE o._mapping IS NULL)",
        "count(*) FILTER (WHERE n._mapping IS NULL)",
        f"count(*) FILTER (WHERE {both} AND ({anything}))",
        *(f"count(*) FILTER (WHERE {both} AND {_differs(name, alike)})" for name in compared),
    ]
    query = f"SELECT {', '.join(wanted)} FROM {tables[0]} o FULL JOIN {tables[1]} n ON {key}"
    row = connection.execute(query.encode()).fetchall()[0]
    return (row[0], row[1], row[2], row[3], row[4]), tuple(row[5:])


def _samples(
    connection: Connection, tables: tuple[str, str], target: Target, name: str, alike: set[str]
) -> tuple[Sample, ...]:
    texts = ", ".join(f"n.{quoted(part)}::text" for part in target.key)
    query = (
        f"SELECT ARRAY[{texts}], o.{quoted(name)}::text, n.{quoted(name)}::text FROM {tables[0]} o JOIN {tables[1]} n"
        f" ON {equal(target.key, 'o', 'n')} WHERE {_differs(name, alike)}"
        f" ORDER BY {columns(target.key, 'n')} LIMIT {SAMPLES}"
    )
    return tuple(Sample(tuple(key), old, new) for key, old, new in connection.execute(query.encode()).fetchall())


def _held(connection: Connection, names: set[str]) -> tuple[HeldDifference, ...]:
    of = f"WHERE mapping = ANY ({literals(sorted(names))})"
    query = (
        "SELECT mapping, code, coalesce(o.rows, 0), coalesce(n.rows, 0)"
        f" FROM (SELECT mapping, code, count(*) AS rows FROM cdc.held {of} GROUP BY 1, 2) o"
        f" FULL JOIN (SELECT mapping, code, count(*) AS rows FROM cdc_shadow.held {of} GROUP BY 1, 2) n"
        " USING (mapping, code) WHERE o.rows IS DISTINCT FROM n.rows ORDER BY 1, 2"
    )
    return tuple(HeldDifference(*row) for row in connection.execute(query.encode()).fetchall())

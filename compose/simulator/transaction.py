"""One planned transaction of one application: its statements, and what the log says of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from compose.simulator.schema import Table
from compose.simulator.value import Key, Row, Value


@dataclass(frozen=True, slots=True)
class Insert:
    """Whole rows, all with the same columns."""

    table: Table
    columns: tuple[str, ...]
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Update:
    """One row's new values; the key is the one that it has before."""

    table: Table
    key: Key
    changes: Row


@dataclass(frozen=True, slots=True)
class Delete:
    """One row."""

    table: Table
    key: Key


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL as it is, for what concerns more than a row: a bulk update, DDL."""

    sql: str
    parameters: Sequence[Value] = ()


Write = Insert | Update | Delete | Statement


@dataclass(slots=True)
class Transaction:
    """What one application does between BEGIN and COMMIT (or ROLLBACK).

    `rows` are (table, operation, key): c, u, d, and d + c where the key changes. `bulk` counts rows of statements that
    are not named one by one. The other lists are the log's, see `log`.
    """

    source: str
    action: str
    rolls_back: bool = False
    writes: list[Write] = field(default_factory=list)
    rows: list[tuple[str, str, list[str | None]]] = field(default_factory=list)
    bulk: Counter[str] = field(default_factory=Counter)
    deleted: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    bad: list[tuple[str, list[str | None], str]] = field(default_factory=list)
    healed: list[tuple[str, list[str | None]]] = field(default_factory=list)
    probe: list[tuple[str, list[str | None]]] = field(default_factory=list)

    @property
    def row_count(self) -> int:
        """How many rows it writes, those of bulk statements left out."""
        return len(self.rows)

    def inserted(self, mirror: str) -> list[Row]:
        """Return the rows that it inserts into a table."""
        inserts = (write for write in self.writes if isinstance(write, Insert) and write.table.mirror == mirror)
        return [row for insert in inserts for row in insert.rows]

    def insert(self, table: Table, row: Row) -> None:
        """Write a new row; neighbours of one table go into one statement."""
        columns = tuple(row)
        last = self.writes[-1] if self.writes else None
        if isinstance(last, Insert) and last.table is table and last.columns == columns:
            last.rows.append(row)
        else:
            self.writes.append(Insert(table, columns, [row]))
        self._note(table, "c", table.key_of(row))

    def update(self, table: Table, before: Row, changes: Row) -> None:
        """Change a row; `before` is what it was."""
        key, new_key = table.key_of(before), table.key_of(before | changes)
        self.writes.append(Update(table, key, changes))
        if new_key == key:
            self._note(table, "u", key)
            return
        self.deleted.append((table.mirror, table.image(before)))
        self._note(table, "d", key)
        self._note(table, "c", new_key)

    def delete(self, table: Table, row: Row) -> None:
        """Remove a row."""
        self.writes.append(Delete(table, table.key_of(row)))
        self.deleted.append((table.mirror, table.image(row)))
        self._note(table, "d", table.key_of(row))

    def _note(self, table: Table, operation: str, key: Key) -> None:
        self.rows.append((table.mirror, operation, table.key_text(key)))

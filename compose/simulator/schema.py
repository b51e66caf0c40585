"""The tables of both applications, read from their own schema files: columns, types, defaults, keys.

A reader for these two files, not for SQL: one definition per table, no line comments inside a definition.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final

from compose.simulator.value import Key, Row, Value, printed

_COMPOSE: Final = Path(__file__).resolve().parents[1]
SCHEMA_FILES: Final = {"erp": _COMPOSE / "erp" / "schema.sql", "mes": _COMPOSE / "mes" / "schema.sql"}
DBA_FILES: Final = {"erp": _COMPOSE / "erp" / "dba.sql", "mes": _COMPOSE / "mes" / "dba.sql"}

# No constraint says so; the application keeps them unique, and the connector's file declares them.
_DECLARED_KEYS: Final = {"erp.ICInventory": ("FItemID", "FStockID", "FBatchNo")}

_TABLE: Final = re.compile(r"CREATE TABLE (\w+) \(\n(.*?)\n\)", re.DOTALL)
_UNIQUE_INDEX: Final = re.compile(r"CREATE UNIQUE INDEX \w+ ON (\w+) \((.*?)\)")
_PRIMARY_KEY: Final = re.compile(r"PRIMARY KEY \((.*?)\)")
_COLUMN: Final = re.compile(r"(\w+)\s+(\w+)(?:\((\d+)(?:,(\d+))?\))?\s*(.*)", re.DOTALL)
_DEFAULT: Final = re.compile(r"DEFAULT b?('[^']*'|\S+)")
_COMMA: Final = re.compile(r",\s*(?![^(]*\))")


@dataclass(frozen=True, slots=True)
class Column:
    """How a column's values are printed, and what stands there when nothing is said."""

    kind: str
    size: int
    default: Value


@dataclass(slots=True)
class Table:
    """A source table. Columns are added to it while the applications run."""

    mirror: str
    key: tuple[str, ...]
    columns: dict[str, Column]

    @property
    def name(self) -> str:
        """The table's own name."""
        return self.mirror.partition(".")[2]

    def complete(self, given: Mapping[str, Value]) -> Row:
        """Return a whole row: the given values, defaults for the rest."""
        row = {name: column.default for name, column in self.columns.items()}
        unknown = given.keys() - row.keys()
        if unknown:
            raise KeyError(f"{self.mirror} has no column {', '.join(sorted(unknown))}")
        row.update(given)
        return row

    def key_of(self, row: Row) -> Key:
        """Return the key of a row."""
        return tuple(row[column] for column in self.key)

    def key_text(self, key: Key) -> list[str | None]:
        """Return a key as text."""
        columns = (self.columns[name] for name in self.key)
        return [printed(column.kind, column.size, part) for column, part in zip(columns, key, strict=True)]

    def image(self, row: Row) -> dict[str, str | None]:
        """Return a row as text."""
        return {name: printed(column.kind, column.size, row.get(name)) for name, column in self.columns.items()}


def read_tables() -> dict[str, Table]:
    """Return fresh descriptions of all tables by mirror name."""
    return {
        table.mirror: Table(table.mirror, table.key, dict(table.columns))
        for source in SCHEMA_FILES
        for table in _parsed(source)
    }


@cache
def _parsed(source: str) -> tuple[Table, ...]:
    text = SCHEMA_FILES[source].read_text(encoding="utf-8")
    indexes = {table: _names(columns) for table, columns in _UNIQUE_INDEX.findall(text)}
    return tuple(_table(f"{source}.{name}", body, indexes.get(name)) for name, body in _TABLE.findall(text))


def _table(mirror: str, body: str, index: tuple[str, ...] | None) -> Table:
    columns: dict[str, Column] = {}
    key = index or _DECLARED_KEYS.get(mirror)
    for definition in _definitions(body):
        primary = _PRIMARY_KEY.search(definition)
        if primary:
            key = _names(primary[1])
        elif not definition.startswith("KEY "):
            name, column = _column(mirror, definition)
            columns[name] = column
            key = (name,) if "PRIMARY KEY" in definition else key
    if key is None:
        raise KeyError(f"{mirror} has no key")
    return Table(mirror, key, columns)


def _definitions(body: str) -> Iterator[str]:
    return (definition.strip() for definition in _COMMA.split(body) if definition.strip())


def _column(mirror: str, definition: str) -> tuple[str, Column]:
    match = _COLUMN.fullmatch(definition)
    if match is None:
        raise KeyError(f"{mirror}: {definition} is no column")
    name, kind, length, scale, rest = match.groups()
    default = _DEFAULT.search(rest)
    if kind in {"decimal", "numeric"}:
        column = Column("decimal", int(scale), _default("decimal", default))
    elif kind == "char" and mirror.startswith("mes."):  # MariaDB takes the padding off when it reads
        column = Column("padded", int(length), _default(kind, default))
    else:
        column = Column(kind, 0, _default(kind, default))
    return name, column


def _default(kind: str, match: re.Match[str] | None) -> Value:
    if match is None:
        return None
    text = match[1].strip("'")
    if kind == "decimal":
        return Decimal(text)
    if kind == "boolean":
        return text == "true"
    return int(text) if kind in {"tinyint", "smallint", "int", "integer", "bigint", "bit"} else text


def _names(columns: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in columns.split(","))

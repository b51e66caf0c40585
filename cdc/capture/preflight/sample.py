"""Values that do not arrive, looked for in some rows of each table: the database counts them, none leaves it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cdc.capture.preflight.finding import Finding


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is captured: where it is (`schema.table.column`, of MariaDB without the schema), and its type."""

    schema: str
    table: str
    name: str
    type: str
    is_nullable: bool = True
    charset: str | None = None

    @property
    def place(self) -> str:
        """The column as findings name it."""
        return f"{self.table}.{self.name}"


@dataclass(frozen=True, slots=True)
class Check:
    """A condition, in SQL, that holds for values of a column which do not arrive, and what becomes of them."""

    column: Column
    condition: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Sampled:
    """What was found, and how many rows of each table were looked at."""

    findings: list[Finding]
    rows: dict[str, int]


def counted(checks: Sequence[Check]) -> str:
    """Return what a query selects: `n`, the rows, and `c0`, `c1`, ... those for which each condition holds."""
    sums = (f"sum(CASE WHEN {check.condition} THEN 1 ELSE 0 END) AS c{i}" for i, check in enumerate(checks))
    return ", ".join(("count(*) AS n", *sums))


def found(checks: Sequence[Check], counts: Mapping[str, Any], table: str) -> Iterator[Finding]:
    """Yield SRC-318 for each condition that held. `table` is quoted as the product's SQL has it."""
    for number, check in enumerate(checks):
        many = int(counts[f"c{number}"] or 0)
        if many:
            what = f"{check.column.place}: {many} of {counts['n']} rows, {check.outcome}"
            yield Finding("SRC-318", what, f"SELECT * FROM {table} t WHERE {check.condition}")


def by_table(columns: Sequence[Column]) -> dict[tuple[str, str], list[Column]]:
    """Return the columns of each table."""
    tables: dict[tuple[str, str], list[Column]] = {}
    for column in columns:
        tables.setdefault((column.schema, column.table), []).append(column)
    return tables

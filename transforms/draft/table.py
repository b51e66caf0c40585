"""What is known of a source table before anybody has said what it means."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from transforms.value.kind import DECLARED, accepts


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column. `type` is the source's spelling, `mirror_type` PostgreSQL's, `comment` the source's words about it."""

    name: str
    type: str
    mirror_type: str
    nullable: bool = True
    comment: str = ""

    @property
    def declared(self) -> str | None:
        """The type in which a mapping declares it, None if mappings cannot read it."""
        return next((declared for declared in DECLARED if accepts(declared, self.mirror_type)), None)


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A column whose values are the key of another table, as the source's catalogue has it."""

    column: str
    table: str
    table_column: str


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table of a source, and its mirror's key."""

    source: str
    name: str
    key: tuple[str, ...]
    columns: tuple[SourceColumn, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()

    def __str__(self) -> str:
        return f"{self.source}.{self.name}"

    def column(self, name: str) -> SourceColumn:
        """Return the column of that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


@dataclass(frozen=True)
class Sample:
    """Some rows of a mirror: `values` by column, one for each row (long texts are cut), `longest` text by column.

    `rows` of about `of` (None: nobody knows). A column that a mapping cannot read is not in it.
    """

    rows: int = 0
    of: int | None = None
    values: Map[str, Sequence[object]] = field(default_factory=dict)
    longest: Map[str, int] = field(default_factory=dict)

    @cached_property
    def counts(self) -> dict[str, Counter[object]]:
        """How often each value that is not NULL occurs, by column."""
        return {name: Counter(value for value in values if value is not None) for name, values in self.values.items()}


def written(name: str) -> str:
    """Return a column's name as an expression writes it: as it is, or in quotes."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        try:
            tree = sqlglot.parse_one(name)
        except (ParseError, TokenError):
            tree = None
        if isinstance(tree, exp.Column) and isinstance(tree.this, exp.Identifier) and tree.name == name:
            return name
    return '"' + name.replace('"', '""') + '"'

"""A compiled mapping: what derivation reads, what it writes, and the function between the two.

`inputs` says which values a row consists of, in which order; `normalise` takes them and returns the values of
`target.columns`, None when the row is filtered, or raises `Refused`. Nothing is parsed and no name is resolved per row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

OnDelete = Literal["delete", "tombstone"]
Candidate = tuple[object, ...]
Normalise = Callable[[Sequence[object]], Candidate | None]


@dataclass(frozen=True, slots=True, order=True)
class MirrorRef:
    """A mirror by name; as text `schema.table`, the way contracts and `cdc.journal_key` call it."""

    schema: str
    table: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"


@dataclass(frozen=True, slots=True)
class Match:
    """One equality of a look-up: `column` of the looked-up mirror = `source_column` of `alias` ("": the source row)."""

    column: str
    alias: str
    source_column: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """Another mirror's row, found by plain column equality. `missing`: the code if it is not there; None: all NULL."""

    alias: str
    mirror: MirrorRef
    match: tuple[Match, ...]
    missing: str | None


@dataclass(frozen=True, slots=True)
class Input:
    """One value of a row: `column` of the source row (`alias` "") or a look-up; column None: was the look-up found."""

    alias: str
    column: str | None


@dataclass(frozen=True, slots=True)
class Column:
    """A canonical column. `type` is PostgreSQL's spelling, for instance `numeric(18,6)`."""

    name: str
    type: str
    required: bool


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key between canonical tables; it binds only where all of `columns` are not null."""

    columns: tuple[str, ...]
    schema: str
    table: str
    target_columns: tuple[str, ...]
    required: bool


@dataclass(frozen=True, slots=True)
class Target:
    """A canonical table as one mapping fills it; key columns come first in `columns`."""

    schema: str
    table: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    references: tuple[Reference, ...]
    on_delete: OnDelete

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"


@dataclass(frozen=True, slots=True)
class Mapping:
    """Rows of one mirror, with look-ups (parents first), to rows of one canonical table."""

    name: str
    source: MirrorRef
    lookups: tuple[Lookup, ...]
    inputs: tuple[Input, ...]
    target: Target
    normalise: Normalise

"""A compiled mapping: what derivation reads, what it writes, and the function between the two.

`inputs` says which values a row consists of, in which order; `normalise` takes them and returns the values of
`columns` of each of `targets`, None when the row is filtered, or raises `Refused`: a row has all of its canonical rows
or none. Nothing is parsed and no name is resolved per row.

Values come as psycopg reads them: int, Decimal, str (character(n) padded or not), bool, date, datetime (naive, or
aware in UTC), None. A date or time that Python cannot hold ('infinity', before year 1, after 9999) comes as the text
that PostgreSQL prints and is refused with DAT-101. Any other type than the declared one is a `DictionaryError`
(DIC-151): the mirror is not what the mapping was written for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Final, Literal

from transforms.beside import CHANGE

OnDelete = Literal["delete", "tombstone", "ignore", "forbid"]
"""What becomes of the canonical row when the source deletes its row.

`delete`: it goes; `tombstone`: it stays, marked as deleted; `ignore`: it stays as it was; `forbid`: it stays as it was,
with a warning, and its source row is held for it.
"""
Candidate = tuple[object, ...]
Outcome = tuple[tuple[Candidate, ...], ...]
"""The candidates of a row for each target of its mapping, in their order; () where it has none there."""
Keys = tuple[tuple[Candidate, ...], ...]
"""For each target the keys of rows in it."""
Normalise = Callable[[Sequence[object]], Outcome | None]
Waive = Callable[[Map[str, str | None]], Normalise]
"""From values that some columns are given, as texts (None: no value), to the function that gives them these."""
Decide = Callable[[Map[str, str | None]], Map[str, object]]
"""From the same to the values themselves."""


@dataclass(frozen=True, slots=True, order=True)
class MirrorRef:
    """A mirror by name; as text `schema.table`, the way contracts and `cdc.journal_key` call it.

    `versions`: not the mirror of the rows as they are, but the one of all that they have been (`<schema>_change`).
    """

    schema: str
    table: str
    versions: bool = False

    def __str__(self) -> str:
        return f"{self.stored_in}.{self.table}"

    @property
    def stored_in(self) -> str:
        """The schema of the target that it stands in."""
        return self.schema + CHANGE if self.versions else self.schema


@dataclass(frozen=True, slots=True)
class Match:
    """One equality of a look-up: `column` of the looked-up mirror = `source_column` of `alias` ("": the source row)."""

    column: str
    alias: str
    source_column: str


@dataclass(frozen=True, slots=True)
class Valid:
    """From when to before when a looked-up row is valid (NULL: always), and the moment that counts, `at` of `alias`."""

    alias: str
    at: str
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """Another mirror's row, found by plain column equality. `missing`: the code if it is not there; None: all NULL.

    `valid`: of the rows that are found so, those that are valid at a moment count.
    """

    alias: str
    mirror: MirrorRef
    match: tuple[Match, ...]
    missing: str | None
    valid: Valid | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the mirror by which a row is found."""
        found = tuple(match.column for match in self.match)
        return found if self.valid is None else (*found, self.valid.start, self.valid.end)

    @property
    def sides(self) -> tuple[tuple[str, str], ...]:
        """What a row is found with: (alias, column) of the source row ("") or of other look-ups."""
        found = tuple((match.alias, match.source_column) for match in self.match)
        return found if self.valid is None else (*found, (self.valid.alias, self.valid.at))


@dataclass(frozen=True, slots=True)
class Input:
    """One value of a row: `column` of the source row (`alias` "") or of a look-up.

    Column None: how many rows the look-up found, 0, 1 or 2 (two or more). `declared`: the type by which the mapping
    reads it (`transforms.value.kind.accepts` tells which types of mirror columns fit).
    """

    alias: str
    column: str | None
    declared: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A canonical column. `type` is PostgreSQL's spelling, for instance `numeric(18,6)`.

    `codes` are those by which its value can refuse a row: `fits` those of them that are about the value that comes out,
    not about how it comes about, `never` those of which the steward says that no row has them. `warns` are those that
    it is only warned of. `label` is its name for people, `field` the canonical field that it is of ("": the service
    fills it), `raw_of` the column beside which it says what the source said; none of them makes it another column.
    """

    name: str
    type: str
    required: bool
    codes: frozenset[str] = dataclass_field(default=frozenset(), compare=False)
    label: str = dataclass_field(default="", compare=False)
    field: str = dataclass_field(default="", compare=False)
    raw_of: str = dataclass_field(default="", compare=False)
    fits: frozenset[str] = dataclass_field(default=frozenset(), compare=False)
    warns: frozenset[str] = dataclass_field(default=frozenset(), compare=False)
    never: frozenset[str] = dataclass_field(default=frozenset(), compare=False)


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
    """A canonical table as one mapping fills it; key columns come first in `columns`.

    `explodes`: a source row may have several rows in it. `contributes`: it gives no rows but contributions to those of
    a fold, which may end in a column `_order`, by which the first and the last one are told apart. `history`: the table
    of all versions of its rows, "" where there is none (`transforms.history`).
    """

    schema: str
    table: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    references: tuple[Reference, ...]
    on_delete: OnDelete
    explodes: bool = False
    contributes: bool = False
    history: str = ""

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"


ORDER: Final = "_order"
"""The column by which contributions are told apart in time."""
CONFLICTS: Final = "_conflicts"
"""The column of a folded row that holds what was said and not taken."""
WARNINGS: Final = "_warnings"
"""The column of what a row was warned of."""
RAW: Final = "_raw"
"""Behind a column's name: what the source said, where the value is another text and the field keeps that."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Whose value a column of a folded row takes; a contribution whose value is NULL says nothing.

    `first` and `last` by `_order`; `max` the largest; `owner` that of the source `owner`, the last one if it says
    several. Ties go by source, then by mapping and source key.
    """

    take: Literal["first", "last", "max", "owner"]
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What one source row contributes to a folded row, by column; `deleted`: the source has deleted it since.

    `source_key` is its key in the source, as texts.
    """

    mapping: str
    source: str
    source_key: tuple[str, ...]
    values: Map[str, object]
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Conflict:
    """A value of a column that was said of a folded row and not taken, and who said it."""

    column: str
    mapping: str
    source_key: tuple[str, ...]
    value: object


@dataclass(frozen=True, slots=True)
class FoldExample:
    """What is said of one row, and the row: `expected` by column, or refused with `code`.

    `field` is the column that is refused, "" where the example does not say. `marked`: it is a tombstone. `conflicts`
    are all values that were not taken.
    """

    name: str
    said: tuple[Said, ...]
    expected: Map[str, object] | None
    code: str | None
    conflicts: frozenset[Conflict] = frozenset()
    marked: bool = False
    field: str = ""


@dataclass(frozen=True, slots=True)
class Fold:
    """A canonical table that several targets contribute to: each row is folded, column by column.

    `rules` are of the columns that are not of the key; `order` is the type of `_order`, as PostgreSQL spells it.
    `decide` makes values of what somebody has decided for a row (`transforms.waiver`); None where nobody can.
    """

    target: Target
    rules: Map[str, Rule]
    order: str
    examples: tuple[FoldExample, ...] = dataclass_field(default=(), compare=False)
    decide: Decide | None = dataclass_field(default=None, compare=False)

    def __str__(self) -> str:
        return str(self.target)


@dataclass(frozen=True, slots=True)
class Later:
    """What happens to the row of an example next, and what stands then.

    `row` None: the source deletes it. `expected` and `code` as in `Example`; `gone`, `marked` and `kept` are the keys,
    for each target, of rows that have left, that stay as tombstones of a deleted row, and that stay as they were.
    """

    row: tuple[object, ...] | None
    expected: Outcome | None
    code: str | None
    gone: Keys
    marked: Keys
    kept: Keys
    field: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """A row and its outcome: `expected` candidates, or refused with `code`, or (both None) filtered.

    `field` is the column or look-up that refuses it, "" where the example does not say. `then`: what happens to the row
    afterwards, one after the other.
    """

    name: str
    row: tuple[object, ...]
    expected: Outcome | None
    code: str | None
    then: tuple[Later, ...] = ()
    field: str = ""


@dataclass(frozen=True, slots=True)
class Mapping:
    """Rows of one mirror, with look-ups (parents first), to rows of canonical tables.

    `codes` are those by which `normalise` can refuse a row; derivation adds its own (REF-301, KEY-201, STL-101).
    `source_key` is the key of its mirror, () where the mapping does not say it.
    `waive` makes the function for a row of which somebody has decided on values (`transforms.waiver`); None where
    nobody can. `filters`: it may leave rows out; False: of every row that it does not refuse something comes out.
    """

    name: str
    source: MirrorRef
    lookups: tuple[Lookup, ...]
    inputs: tuple[Input, ...]
    targets: tuple[Target, ...]
    normalise: Normalise
    codes: frozenset[str] = frozenset()
    examples: tuple[Example, ...] = ()
    source_key: tuple[str, ...] = ()
    waive: Waive | None = dataclass_field(default=None, compare=False)
    filters: bool = True

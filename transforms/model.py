"""The dictionary as loaded: fields, code sets, units, sources, codes and compiled mappings, all immutable."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import date
from fractions import Fraction
from typing import Literal

from transforms.domain import Domain, group_mappings
from transforms.history import history_of
from transforms.mapping import Fold, Mapping, MirrorRef
from transforms.value.token import TokenKeys

Sensitivity = Literal["public", "internal", "confidential", "personal", "phi"]
Retention = Literal["device_life_2y", "device_life_10y", "device_life_15y"]
"""How long records with a field are kept: the life of the device, and so many years at least."""
InLogs = Literal["mask", "omit"]
InExport = Literal["mask", "pseudonymise", "omit"]


@dataclass(frozen=True, slots=True)
class Label:
    """A name for people, in Chinese and in English."""

    zh: str
    en: str

    def __str__(self) -> str:
        """Both, where both are given."""
        return " / ".join(filter(None, (self.en, self.zh)))


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """One entry of `errors.yaml`; `owner` is the function of the organisation that sees to it.

    `kind`: `row` (a source row is held), `warning` (it is taken as it stands), `fatal` (the dictionary cannot be used).
    """

    code: str
    kind: str
    label: Label
    cause: str
    action: str
    owner: str


@dataclass(frozen=True, slots=True)
class FieldType:
    """What a field holds. `size` is a length in characters or a precision; `scale` the digits after the point."""

    kind: str
    size: int | None = None
    scale: int | None = None


@dataclass(frozen=True, slots=True)
class Protection:
    """How values of a field are to be shown where they leave their table; None: as they are."""

    in_logs: InLogs | None = None
    in_export: InExport | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """A canonical field: meaning, type, checks and the codes by which a value that does not fit is refused.

    `tolerate`: by code, what takes the place of a value that would be refused with it (None: nothing does); `warns`:
    the codes of checks that a value may fail. Both are recorded on the row. `nothing`: values that mean that there is
    none, whichever source says them, as the type has them (texts of codes, units and identifiers). `keep_raw`: beside
    each column of it stands what the source said, where that is another text.
    """

    name: str
    label: Label
    definition: str
    type: FieldType
    owner: str
    sensitivity: str
    example: str
    code_set: str | None
    unit: str | None
    rounding: str | None
    checks: tuple[str, ...]
    on_error: Map[str, str]
    tolerate: Map[str, object] = dataclass_field(default_factory=dict)
    warns: frozenset[str] = frozenset()
    standard_refs: tuple[str, ...] = ()
    nothing: frozenset[object] = frozenset()
    keep_raw: bool = False
    retention: Retention | None = None
    protect: Protection = Protection()


@dataclass(frozen=True, slots=True)
class Synonym:
    """What a source's code means: from when to before when, and beside which values of other columns."""

    to: str
    valid_from: date | None = None
    valid_to: date | None = None
    depends_on: Map[str, str] = dataclass_field(default_factory=dict)

    @property
    def is_plain(self) -> bool:
        """Whether it means that at any time, whatever stands beside it."""
        return not (self.valid_from or self.valid_to or self.depends_on)


@dataclass(frozen=True, slots=True)
class CodeSet:
    """Canonical codes, and per source system the codes that mean them."""

    name: str
    version: str
    codes: Map[str, Label]
    normalise: tuple[str, ...]
    synonyms: Map[str, Map[str, tuple[Synonym, ...]]]
    unmapped: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit by UN/ECE code. `factor`: how many of its dimension's base unit it is; None: not fixed (packaging).

    `offset` is added before that, where the unit has another zero: (value + offset) * factor. `counted`: there is no
    part of one, so that a quantity in it is a whole number.
    """

    code: str
    ucum: str
    dimension: str
    label: Label
    factor: Fraction | None
    offset: Fraction = Fraction(0)
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """What is true of a whole source system: clock, words for "nothing", names of units."""

    name: str
    label: Label
    time_zone: str
    null_tokens: frozenset[str]
    unit_aliases: Map[str, str]


@dataclass(frozen=True, slots=True)
class Dictionary:
    """One version of the dictionary. `content` is canonical JSON of all files, `digest` its SHA-256 in hex.

    `author` is who wrote this version, "" where the files do not say. `tokens` has the keys of TOKEN, and the domains
    that need one.
    """

    name: str
    version: str
    status: str
    author: str
    digest: str
    content: str
    fields: Map[str, Field]
    codesets: Map[str, CodeSet]
    units: Map[str, Unit]
    sources: Map[str, Source]
    errors: Map[str, ErrorEntry]
    mappings: tuple[Mapping, ...]
    folds: tuple[Fold, ...] = ()
    tokens: TokenKeys = dataclass_field(default_factory=TokenKeys, compare=False)

    def domains(self) -> tuple[Domain, ...]:
        """Return the connected groups of mappings, each named after its alphabetically first canonical table."""
        return group_mappings(self.derived, self.folds)

    def made_of(self) -> dict[str, frozenset[MirrorRef]]:
        """Return the mirrors of which rows are held, as `Domain.made_of`, of all domains."""
        return {name: mirrors for domain in self.domains() for name, mirrors in domain.made_of.items()}

    def fields_of_columns(self) -> dict[str, tuple[Field, ...]]:
        """Return the fields of each canonical column, by `schema.table.column`: how it is kept and protected.

        Raw texts, histories and folds included. Several where mappings fill one column by several fields.
        """
        found: dict[str, dict[str, Field]] = {}
        targets = (*(fold.target for fold in self.folds), *(one for mapping in self.derived for one in mapping.targets))
        for target in targets:
            for column in (column for column in target.columns if column.field):
                found.setdefault(f"{target}.{column.name}", {})[column.field] = self.fields[column.field]
        return {name: tuple(fields.values()) for name, fields in found.items()}

    @property
    def derived(self) -> tuple[Mapping, ...]:
        """All that is derived by: the mappings, and those that make histories of what they map."""
        histories = (history_of(mapping) for mapping in self.mappings)
        return (*self.mappings, *(history for history in histories if history))

    @property
    def examples(self) -> int:
        """How many examples its mappings and folds have."""
        return sum(len(mapping.examples) for mapping in self.mappings) + sum(len(fold.examples) for fold in self.folds)

"""Other tables whose key a column holds: by the source's foreign keys, by names, and by the values that are there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from transforms.draft.guess import Guess, Known
from transforms.draft.rule import rules_for
from transforms.draft.table import ForeignKey, SourceColumn, SourceTable, written
from transforms.draft.words import snake, words_of
from transforms.value.kind import DECLARED

Present = Callable[[SourceColumn, SourceTable], tuple[int, int] | None]
"""How many of a column's sampled values are keys of a table, and of how many; None where that is not known."""

_FEW = 0.5  # a table that has fewer of the values is another one
_KEYS = frozenset({"id", "no"})


@dataclass(frozen=True, slots=True)
class LookupGuess:
    """A look-up by one column, why, and the canonical columns that it may give."""

    alias: str
    column: str
    table: SourceTable
    reasons: tuple[str, ...]
    gives: tuple[Guess, ...] = ()

    @property
    def match(self) -> str:
        """The equality by which it is found."""
        return f"{self.alias}.{written(self.table.key[0])} = {written(self.column)}"

    @property
    def columns(self) -> dict[str, str]:
        """What of the other mirror is read, with its types."""
        names = dict.fromkeys((self.table.key[0], *(guess.column for guess in self.gives)))
        return {name: self.table.column(name).declared or "" for name in names}


def lookups_of(
    table: SourceTable, others: Sequence[SourceTable], known: Known, present: Present, zone: str
) -> tuple[LookupGuess, ...]:
    """Return the look-ups of a table, at most one for each of its columns."""
    found: dict[str, LookupGuess] = {}
    for column in table.columns:
        if column.declared is None or (table.key == (column.name,)):
            continue
        guess = max(_candidates(table, column, others, present), key=lambda one: one[0], default=None)
        if guess:
            _, other, reasons = guess
            alias = _alias(column, other, found)
            gives = tuple(one for one in _gives(alias, column, other, known, zone) if one.column not in other.key)
            found[alias] = LookupGuess(alias, column.name, other, reasons, gives)
    return tuple(found.values())


def _candidates(
    table: SourceTable, column: SourceColumn, others: Sequence[SourceTable], present: Present
) -> Iterator[tuple[float, SourceTable, tuple[str, ...]]]:
    for other in others:
        if other.name == table.name or len(other.key) != 1 or not _comparable(column, other.column(other.key[0])):
            continue
        score, reason = _alike(table, column, other)
        if not score:
            continue
        there = present(column, other)
        if there is None or not there[1]:
            yield score, other, (reason,)
        elif there[0] / there[1] >= _FEW:
            told = f"{there[0]} of {there[1]} sampled values are there"
            yield score + there[0] / there[1], other, (reason, told)


def _alike(table: SourceTable, column: SourceColumn, other: SourceTable) -> tuple[float, str]:
    key = other.key[0]
    if ForeignKey(column.name, other.name, key) in table.foreign_keys:
        return 3.0, f"foreign key of the source to {other}.{key}"
    named, own = words_of(other.name), words_of(column.name)
    shared = (own - _KEYS) & named
    if column.name == key and table.name.startswith(other.name):
        return 2.5, f"name {column.name} is the key of {other}, whose name this table's begins with"
    if column.name == key and _tells(key, other):
        return 2.0, f"name {column.name} is the key of {other}"
    if shared and own & _KEYS:
        return 1.0 + len(shared) / len(named), f"name {column.name} ~ table {other}"
    return 0.0, ""


def _tells(key: str, other: SourceTable) -> bool:
    """Tell whether the name of a key says whose it is: insp_id of mes_insp_h does, FInterID of SEOrder does not."""
    return bool((words_of(key) - _KEYS) & words_of(other.name)) or len(key) <= 2


def _comparable(column: SourceColumn, key: SourceColumn) -> bool:
    kinds = [DECLARED.get(one.declared or "") for one in (column, key)]
    return kinds[0] is not None and kinds[0] is kinds[1]


def _alias(column: SourceColumn, other: SourceTable, taken: dict[str, LookupGuess]) -> str:
    name = snake(column.name).removesuffix("_id").removesuffix("_no")
    if column.name == other.key[0] and not (words_of(column.name) - _KEYS) & words_of(other.name):
        name = snake(other.name)
    name = name if name and written(name) == name else f"{snake(other.name)}_row"
    return name if name not in taken else f"{name}_{len(taken) + 1}"


def _gives(alias: str, column: SourceColumn, other: SourceTable, known: Known, zone: str) -> Iterator[Guess]:
    """Yield what mappings take of that table's rows now; of a unit, the unit."""
    fields = dict(_taken(other, known))
    if not fields and "unit" in words_of(column.name) & words_of(other.name):
        units = [name for name, field in known.dictionary.fields.items() if field.type.kind == "unit"]
        names = [one.name for one in other.columns if "name" in words_of(one.name)]
        fields = {unit: (name, "name of the unit") for unit in units for name in names[:1]}
    wanted = words_of(column.name) | {"quantity"}
    by_column: dict[str, str] = {}
    for field in sorted(fields, key=lambda name: (-len(words_of(name) & wanted), name)):
        by_column.setdefault(fields[field][0], field)
    for named, field in by_column.items():
        target = known.dictionary.fields[field]
        for rule in rules_for(target, other.column(named), zone, alias)[:1]:
            yield Guess(field, target, rule, named, (fields[field][1],), 1.0)


def _taken(other: SourceTable, known: Known) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield (field, (column, why)): the key of the table's own rows, and what other mappings look up there."""
    keys = {
        f"{mapping.targets[0]}.{name}"
        for mapping in known.dictionary.mappings
        if str(mapping.source) == str(other) and len(mapping.targets) == 1
        for name in mapping.targets[0].key
    }
    for origin in known.origins:
        own = [read.rpartition(".")[2] for read in origin.reads if read.rpartition(".")[0] == str(other)]
        if origin.target in keys and len(origin.reads) == 1 and own:
            yield origin.field, (own[0], f"key of {origin.table}")
        elif not keys and origin.field:
            for name in own:
                if name not in other.key and re.fullmatch(rf"(CLEAN\()?\w+\.{re.escape(name)}\)?", origin.rule):
                    yield origin.field, (name, f"mapping {origin.mapping} takes it for {origin.target}")

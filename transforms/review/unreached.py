"""What of a mapping no example that holds shows.

Shown should be: every code that each column, look-up and check can refuse a row with, what a column or a check warns
of, a row that `where` leaves out; of each table a row, what becomes of it when its source row is deleted, and a row
that gets another key; of each column a value and, where it may be empty, none; a row with and a row without what a
look-up may find.

Of two columns that read one source column, the first one refuses what cannot be read, and of two of one expression what
does not fit either: nothing of it is asked for again. Nor is a text longer than 255 characters. What never comes out of
a column is written there (`never`), and the source's key (`source.key`) does not change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass
from typing import Any

from transforms import refusal
from transforms.errors import Refused
from transforms.mapping import WARNINGS, Candidate, Column, Example, Later, Mapping, Target
from transforms.review.dependency import Origin

_READABLE = 255  # characters
_CONSTANT = re.compile(r"[0-9]+|'[^']*'")

Tree = Map[str, Any]
Origins = Map[tuple[str, str, str], Origin]
"""By mapping, table and column."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    code: str
    table: str
    field: str
    detail: str

    @property
    def place(self) -> tuple[str, str, str]:
        return self.code, self.table, self.field


class Reach:
    """What the examples of one mapping that hold show; `tree` is the mapping as it is written."""

    def __init__(self, mapping: Mapping, held: list[Example], tree: Tree, origins: Origins) -> None:
        self._mapping, self._held, self._tree, self._origins = mapping, held, tree, origins
        self._written: list[Tree] = tree.get("targets") or [tree["target"]]
        self._refusals = {found for example in held for row in _rows(example) if (found := self._refusal(row))}

    def _refusal(self, row: tuple[object, ...]) -> _Refusal | None:
        try:
            self._mapping.normalise(row)
        except Refused as refused:
            return _Refusal(refused.code, refused.table, refused.field, refused.detail)
        return None

    def codes(self) -> tuple[str, ...]:
        """Return the codes that no example shows, each with its column or look-up."""
        reached = {one.place for one in self._refusals}
        wanted = [*self._of_lookups(), *self._of_columns(), *self._of_parts()]
        missed = [told for told, place in wanted if place not in reached]
        elsewhere = self._mapping.codes - self._attributed() - {one.code for one in self._refusals}
        return tuple(sorted({*missed, *elsewhere}))

    def _attributed(self) -> set[str]:
        """Return the codes that are asked for where they arise: of columns, look-ups and checks."""
        of_columns = {code for target in self._mapping.targets for one in target.columns for code in one.codes}
        of_lookups = {lookup.missing for lookup in self._mapping.lookups if lookup.missing}
        of_checks = {check["error"] for target in self._written for check in target.get("checks") or ()}
        return of_columns | of_lookups | of_checks | {refusal.SEVERAL_FOUND}

    def _of_lookups(self) -> Iterator[tuple[str, tuple[str, str, str]]]:
        for lookup in self._mapping.lookups:
            for code in (lookup.missing, refusal.SEVERAL_FOUND):
                if code:
                    yield f"{code} look-up {lookup.alias}", (code, "", lookup.alias)

    def _of_columns(self) -> Iterator[tuple[str, tuple[str, str, str]]]:
        before: list[tuple[Origin, Column, Tree]] = []
        for target, written in zip(self._mapping.targets, self._written, strict=True):
            seen = [one for one in before if _is_always(one[2], written)]
            for column in _asked_for(target):
                origin = self._origin(target, column)
                for code in sorted(_asked(origin, column, [(one, other) for one, other, _ in seen])):
                    yield f"{code} {self._name(target, column)}", (code, str(target), column.name)
                seen.append((origin, column, written))
                before.append((origin, column, written))

    def _origin(self, target: Target, column: Column) -> Origin:
        return self._origins[self._mapping.name, str(target), column.name]

    def _of_parts(self) -> Iterator[tuple[str, tuple[str, str, str]]]:
        for target, written in zip(self._mapping.targets, self._written, strict=True):
            if target.explodes and not _is_numbered(written):
                yield f"{refusal.KEY} {target}", (refusal.KEY, str(target), target.key[0])

    def _name(self, target: Target, column: Column) -> str:
        return column.name if len(self._mapping.targets) == 1 else f"{target}.{column.name}"

    def rules(self) -> Iterator[str]:
        """Yield what else no example shows, in words."""
        if self._tree.get("where") and not any(map(_is_filtered, self._held)):
            yield "where"
        for place, target in enumerate(self._mapping.targets):
            yield from self._of_table(place, target)
        yield from self._of_checks()
        yield from self._of_finding()

    def _of_table(self, place: int, target: Target) -> Iterator[str]:
        rows = list(self._standing(place))
        if not rows:
            yield str(target)
            return
        for position, column in enumerate(target.columns):
            if not column.name.startswith("_"):  # a warning is no value of the source
                yield from self._of_column(place, column, [row[position] for row in rows])
        if not any(place in _deleted(example) for example in self._held):
            yield f"delete of {target} ({target.on_delete})"
        if self._may_change(target) and not any(_gets_another_key(place, example) for example in self._held):
            yield f"{target} gets another key"

    def _may_change(self, target: Target) -> bool:
        """Tell whether anything but the source's own key makes its key."""
        fixed = {("", name) for name in self._mapping.source_key}
        return any({*self._origin(target, column).uses} - fixed for column in target.columns[: len(target.key)])

    def _of_column(self, place: int, column: Column, values: list[object]) -> Iterator[str]:
        target = self._mapping.targets[place]
        if all(value is None for value in values):
            yield f"{target}.{column.name}"
        may_be_empty = self._origin(target, column).uses and not column.required and not column.raw_of
        if may_be_empty and not any(value is None for value in values):
            yield f"{target}.{column.name} empty"
        for code in sorted(column.warns - column.never):
            if f"{code} {column.name}" not in set(self._warnings(place)):
                yield f"warning {code} {self._name(target, column)}"

    def _standing(self, place: int) -> Iterator[Candidate]:
        for example in self._held:
            for wanted in _stages(example):
                yield from wanted.expected[place] if wanted.expected else ()

    def _of_checks(self) -> Iterator[str]:
        """Yield the checks that refuse no row, and those that warn of none."""
        broken = {(one.code, one.detail) for one in self._refusals}
        for place, written in enumerate(self._written):
            warned = {warning.partition(" ")[0] for warning in self._warnings(place)}
            for check in written.get("checks") or ():
                refuses = check["error"] in self._mapping.codes
                if (check["error"], check["rule"]) not in broken if refuses else check["error"] not in warned:
                    yield f"check {check['rule']}"

    def _warnings(self, place: int) -> Iterator[str]:
        """Yield what the rows of one table are warned of, as `CODE column`."""
        if self._mapping.targets[place].columns[-1].name == WARNINGS:
            for row in self._standing(place):
                yield from row[-1] or ()  # type: ignore[misc] # a list of texts, by the column's name

    def _of_finding(self) -> Iterator[str]:
        """Yield the look-ups that may find nothing and always find something, or the other way round."""
        inputs = self._mapping.inputs
        for lookup in (lookup for lookup in self._mapping.lookups if lookup.missing is None):
            places = [place for place, used in enumerate(inputs) if used.alias == lookup.alias and used.column]
            rows = [row for example in self._held for row in _rows_with_outcome(example)]
            found = {any(row[place] is not None for place in places) for row in rows}
            if places and False not in found:
                yield f"look-up {lookup.alias} finds nothing"
            if places and True not in found:
                yield f"look-up {lookup.alias} finds a row"


def _rows(example: Example) -> Iterator[tuple[object, ...]]:
    yield example.row
    yield from (later.row for later in example.then if later.row is not None)


def _rows_with_outcome(example: Example) -> Iterator[tuple[object, ...]]:
    yield from (one.row for one in _stages(example) if one.expected and one.row is not None)


def _is_filtered(example: Example) -> bool:
    return any(one.expected is None and one.code is None and one.row is not None for one in _stages(example))


def _deleted(example: Example) -> Iterator[int]:
    """Yield the places of the targets that have a row when the source row is deleted."""
    for before, later in _steps(example):
        if later.row is None:
            yield from (place for place, rows in enumerate(before.expected or ()) if rows)


def _gets_another_key(place: int, example: Example) -> bool:
    """Tell whether a row has left the table and another one of the same source row stands there."""
    return any(later.gone[place] and later.expected and later.expected[place] for _, later in _steps(example))


def _stages(example: Example) -> tuple[Example | Later, ...]:
    return example, *example.then


def _steps(example: Example) -> Iterator[tuple[Example | Later, Later]]:
    """Yield every step behind the one before it; the example itself is the first."""
    before: Example | Later = example
    for later in example.then:
        yield before, later
        before = later


def _asked_for(target: Target) -> Iterator[Column]:
    yield from (column for column in target.columns if not column.name.startswith("_") and not column.raw_of)


def _is_always(earlier: Tree, target: Tree) -> bool:
    """Tell whether a source row that comes to a target has been through an earlier one."""
    return not earlier.get("explode") and earlier.get("when") in (None, target.get("when"))


def _is_numbered(written: Tree) -> bool:
    """Tell whether the parts of a row have keys of their own: their number stands in it, or what differs in each."""
    explode = written["explode"]
    parts: list[dict[str, str]] = explode.get("from") or []
    different = {name for name in (parts[0] if parts else ()) if len({part[name] for part in parts}) == len(parts)}
    numbers = {name for name in different if all(_CONSTANT.fullmatch(part[name]) for part in parts)}
    key = [written["columns"][name] for name in written["key"]]
    rules = {one["expr"] if isinstance(one, dict) else one for one in key}
    return bool(rules & (numbers | {explode.get("seq")}))


def _asked(origin: Origin, column: Column, before: list[tuple[Origin, Column]]) -> frozenset[str]:
    """Return the codes of a column that no column before it refuses a row with first."""
    if not origin.uses:
        return frozenset()
    read = {code for one, other in before if {*one.uses} & {*origin.uses} for code in other.codes - other.fits}
    fit = {code for one, other in before if one.rule == origin.rule for code in other.fits}
    fits = column.fits & {refusal.REQUIRED} if _is_long(column) else column.fits
    return ((column.codes - column.fits - read) | (fits - fit)) - column.never


def _is_long(column: Column) -> bool:
    """Tell whether a text that is too long for the column is too long to be written, and read, as an example."""
    size = re.fullmatch(r"character varying\((\d+)\)", column.type)
    return size is not None and int(size[1]) > _READABLE

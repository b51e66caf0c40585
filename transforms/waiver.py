"""Values that somebody has decided on, instead of those that a mapping or a fold would work out itself.

A waiver says of some columns of one source row which value they have, or that they have none. Everything else comes out
as the mapping has it, and is checked with those values as with any others: a value that a row check, a key or the
column itself does not take is refused as if the source had said it. One of a fold says so of the row that several
source rows make together: of what it lacks, or what of it cannot stay; what is decided goes before whatever they say.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import replace

from transforms.expression.code import bind
from transforms.mapping import Normalise, Target
from transforms.model import Field
from transforms.normalise import RowPlan, TargetPlan, compile_plan
from transforms.vocabulary.field import Terms, canonical_value

Values = Map[str, str | None]
"""By column, in each table that has it: a value as text (`true`, `2026-04-12`, an instant with its offset) or None."""


class UnfitError(Exception):
    """A waiver that no row can have: `column` and, in words, why."""

    def __init__(self, column: str, why: str) -> None:
        super().__init__(f"{column}: {why}")
        self.column = column
        self.why = why


def waive(plan: RowPlan, targets: Sequence[Target], fields: Map[str, Field], terms: Terms, values: Values) -> Normalise:
    """Return the function from inputs to candidates in which some columns have other values.

    Raises UnfitError for a column that no target has, that has to have a value and is given none, and for a text that
    is no value of the column's field.
    """
    for name in values:
        if not any(
            column.name == name and column.field and not column.raw_of for one in targets for column in one.columns
        ):
            raise UnfitError(name, "no table of the mapping has such a column")
    pairs = zip(plan.targets, targets, strict=True)
    return compile_plan(
        replace(plan, targets=tuple(_waived(each, target, fields, terms, values) for each, target in pairs))
    )


def decide(target: Target, fields: Map[str, Field], terms: Terms, values: Values) -> Map[str, object]:
    """Return what some columns of a folded row have instead of what is said of them, as canonical values.

    Raises UnfitError as `waive` does, and for a column of the key: by that contributions are one row.
    """
    columns = {column.name: column for column in target.columns if column.field and not column.raw_of}
    decided: dict[str, object] = {}
    for name, text in values.items():
        if name not in columns:
            raise UnfitError(name, f"{target} has no such column")
        if name in target.key:
            raise UnfitError(name, "it is of the key, which all contributions have")
        column = columns[name]
        decided[name] = _value(name, text, fields[column.field], terms, required=column.required)
    return decided


def _waived(plan: TargetPlan, target: Target, fields: Map[str, Field], terms: Terms, values: Values) -> TargetPlan:
    instead = {
        column.name: _value(column.name, values[column.name], fields[column.field], terms, required=column.required)
        for column in target.columns
        if column.name in values and column.field and not column.raw_of
    }
    # The rest of a column's plan stays: what it may be warned of decides whether the table has warnings at all.
    columns = tuple(
        replace(each, code=bind(instead[each.name]), steps=()) if each.name in instead else each
        for each in plan.columns
    )
    return replace(plan, columns=columns)


def _value(name: str, text: str | None, field: Field, terms: Terms, *, required: bool) -> object:
    if text is None:
        if required:
            raise UnfitError(name, "it is of the key, or has to have a value: it cannot be left out")
        return None
    value = canonical_value(field, text, terms) if text == text.strip() != "" else None
    if value is None:
        raise UnfitError(name, f"this is no value of the field `{field.name}`")
    return value

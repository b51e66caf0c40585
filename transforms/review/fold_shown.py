"""What of a fold its examples show: each column's rule deciding, what is required and missing, and deleted rows.

A rule decides where contributions that count say different values of its column: for `first` and `last` in an order,
for `owner` if the owner is among them (a value is enough where only one mapping speaks of the column). Where deleted
rows go on contributing, one that does not count beside a live one has to be shown, and a row that is a tombstone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from transforms.errors import Refused
from transforms.fold import counting, fold_said
from transforms.mapping import ORDER, Column, Fold, FoldExample, Mapping, Rule, Target
from transforms.refusal import REQUIRED

_NOT_COUNTED: Final = "what a deleted row says beside a live one"
_TOMBSTONE: Final = "a row of which all source rows are deleted"


def unshown_codes(fold: Fold, held: list[FoldExample], mappings: tuple[Mapping, ...]) -> Iterator[str]:
    """Yield the codes that a folded row can be refused with and that no example shows, each with its column."""
    reached = {_refused_column(fold, example) for example in held if example.code}
    for name in _may_lack_a_value(fold, mappings):
        if name not in reached:
            yield f"{REQUIRED} {name}"


def _refused_column(fold: Fold, example: FoldExample) -> str:
    try:
        fold_said(fold, example.said)
    except Refused as refused:
        return refused.field
    raise AssertionError(f"an example that holds is refused: {example.name}")


def unshown_rules(fold: Fold, held: list[FoldExample], mappings: tuple[Mapping, ...]) -> Iterator[str]:
    """Yield what else of the fold none of the examples shows, in words."""
    rows = [example for example in held if example.expected is not None]
    targets = [target for _, target in _contributing(fold, mappings)]
    for name, rule in fold.rules.items():
        speaking = [target for target in targets if _column(target, name)]
        if rule.take == "owner" and len(speaking) < 2:
            if not any(example.expected and example.expected[name] is not None for example in rows):
                yield name
        elif not any(_decides(name, rule, example) for example in rows):
            yield f"{name}: {rule.take}{f' {rule.owner}' if rule.owner else ''} of several values"
    if any(target.on_delete == "tombstone" for target in targets):
        if not any(len({one.deleted for one in example.said}) > 1 for example in rows):
            yield _NOT_COUNTED
        if not any(example.marked for example in rows):
            yield _TOMBSTONE


def _contributing(fold: Fold, mappings: tuple[Mapping, ...]) -> Iterator[tuple[str, Target]]:
    """Yield source and target of each mapping that contributes."""
    for mapping in mappings:
        yield from ((mapping.source.schema, target) for target in mapping.targets if str(target) == str(fold))


def _column(target: Target, name: str) -> Column | None:
    return next((column for column in target.columns if column.name == name), None)


def _may_lack_a_value(fold: Fold, mappings: tuple[Mapping, ...]) -> Iterator[str]:
    """Yield the required columns that a contribution may leave open, and stand alone."""
    for name in (column.name for column in fold.target.columns if column.required and column.name in fold.rules):
        for source, target in _contributing(fold, mappings):
            column, rule = _column(target, name), fold.rules[name]
            if column is None or not column.required or (rule.take == "owner" and rule.owner != source):
                yield name
                break


def _decides(name: str, rule: Rule, example: FoldExample) -> bool:
    saying = [one for one in counting(example.said) if one.values.get(name) is not None]
    if len({repr(one.values[name]) for one in saying}) < 2:
        return False
    if rule.take == "owner":
        return any(one.source == rule.owner for one in saying)
    return rule.take == "max" or len({repr(one.values.get(ORDER)) for one in saying}) > 1

"""What a dictionary makes of rows, mapping by mapping: examples, and each of them with one value changed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from tests.unit.transforms.touched.edit import NEW
from transforms.errors import DictionaryError, Refused
from transforms.mapping import WARNINGS, Fold, Input, Mapping, Target
from transforms.model import Dictionary

Row = dict[Input, object]
FOUND = (0, 1, 2)


class Outcomes:
    """A dictionary's, worked out once: of `many` rows of each mapping at most."""

    def __init__(self, dictionary: Dictionary, many: int) -> None:
        self.dictionary = dictionary
        self._many = many

    @cached_property
    def rows(self) -> dict[str, list[tuple[Row, str]]]:
        """The rows of each mapping by name, and what becomes of them."""
        return {one.name: [(row, outcome(one, row)) for row in self._rows(one)] for one in self.dictionary.mappings}

    def _rows(self, mapping: Mapping) -> list[Row]:
        examples = [dict(zip(mapping.inputs, example.row, strict=True)) for example in mapping.examples]
        changed = [row for example in examples for row in _changed(example, examples)]
        random.Random(0).shuffle(changed)
        return [*examples, *changed][: self._many]


def _changed(row: Row, examples: list[Row]) -> Iterator[Row]:
    for name in row:
        values = {repr(other[name]): other[name] for other in examples}
        new = FOUND if name.column is None else (None, *NEW) if name.declared in ("text", "char") else (None,)
        for value in (*values.values(), *new):
            if repr(value) != repr(row[name]):
                yield {**row, name: value}


def outcome(mapping: Mapping, row: Row) -> str:
    """Return what becomes of a row, as text: 1.0 is not 1.00, and NaN is itself."""
    try:
        found = mapping.normalise([row.get(name) for name in mapping.inputs])
    except Refused as refused:
        return f"{refused} {refused.waits_for} {refused.waits_key}"
    except DictionaryError:
        return "DIC-151"
    if found is None:
        return "filtered"
    rows: list[Any] = []
    for target, candidates in zip(mapping.targets, found, strict=True):
        names = [column.name for column in target.columns]
        rows += [(str(target), {WARNINGS: None, **dict(zip(names, values, strict=True))}) for values in candidates]
    return repr([(table, sorted(values.items())) for table, values in rows])


def shape(mapping: Mapping) -> str:
    """Return all else that is derived by."""
    return repr((mapping.source, mapping.lookups, [_target_shape(target) for target in mapping.targets]))


def fold_shape(fold: Fold) -> str:
    """Return all that rows are folded by."""
    return repr((_target_shape(fold.target), sorted(fold.rules.items(), key=str), fold.order))


def _target_shape(target: Target) -> tuple[object, ...]:
    columns = [(one.name, one.type, one.required) for one in target.columns if one.name != WARNINGS]
    return (str(target), target.key, target.references, target.on_delete, target.contributes, target.history, columns)

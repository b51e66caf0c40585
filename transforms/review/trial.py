"""Every example of a dictionary run at once: which do not hold, and what of a mapping or a fold none of them shows.

Shown should be: every code that it can refuse a row with, a row that `where` leaves out, a row of each table, a value
of each column, a row that each check refuses or warns of, a row with and a row without what a look-up may find; and of
expressions each WHEN and ELSE of a CASE, each argument that a COALESCE takes, and both outcomes of `when` and `skip`;
and of each table what becomes of a row whose source row is deleted. Of a fold: `transforms.review.fold_shown`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from transforms.errors import DictionaryError, Fault, Place, Refused
from transforms.expression.branch import Branch, Branches
from transforms.load import EXAMPLE_FAILED, read
from transforms.mapping import WARNINGS, Example, Fold, Mapping
from transforms.outcome import run_example, run_fold_example
from transforms.review.fold_shown import unshown_codes, unshown_rules


@dataclass(frozen=True, slots=True)
class Failure:
    """An example that does not hold; each line of `diff` is one thing that came out otherwise than it says.

    `mapping` names a fold where the example is one of a fold.
    """

    mapping: str
    example: str
    place: Place
    diff: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unreached:
    """What no example that holds shows: codes by which a mapping, or a fold, can refuse a row, and rules, in words."""

    mapping: str
    codes: tuple[str, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of running `examples` examples."""

    examples: int
    failures: tuple[Failure, ...]
    unreached: tuple[Unreached, ...]


def try_examples(folder: Path | None = None) -> Trial:
    """Run every example of the dictionary in `folder` (None: the packaged one).

    Raises `DictionaryError` when it has other faults: a mapping that does not compile cannot be tried.
    """
    branches = Branches()
    dictionary, faults = read(folder, branches)
    if dictionary is None:
        raise DictionaryError(faults)
    untaken = list(branches.untaken())
    failures = [
        *(failure for mapping in dictionary.mappings for failure in _failures(mapping, faults)),
        *(failure for fold in dictionary.folds for failure in _fold_failures(fold, faults)),
    ]
    failed = {(failure.mapping, failure.example) for failure in failures}
    trees = json.loads(dictionary.content)
    unreached = [
        _unreached(mapping, failed, trees[f"mappings/{mapping.name}.yaml"], untaken) for mapping in dictionary.mappings
    ]
    unreached += (_unreached_of_fold(fold, failed, dictionary.mappings) for fold in dictionary.folds)
    return Trial(
        dictionary.examples, tuple(failures), tuple(found for found in unreached if found.codes or found.rules)
    )


def _failures(mapping: Mapping, faults: list[Fault]) -> Iterator[Failure]:
    for example in mapping.examples:
        if diff := run_example(mapping, example):
            yield Failure(mapping.name, example.name, _place(f"mappings/{mapping.name}", example.name, faults), diff)


def _fold_failures(fold: Fold, faults: list[Fault]) -> Iterator[Failure]:
    for example in fold.examples:
        if diff := run_fold_example(fold, example):
            yield Failure(str(fold), example.name, _place(f"folds/{fold}", example.name, faults), diff)


def _place(file: str, example: str, faults: list[Fault]) -> Place:
    for fault in faults:
        if (
            fault.code == EXAMPLE_FAILED
            and _is_in(fault.place, file)
            and fault.message.startswith(f"example `{example}`:")
        ):
            return fault.place
    return Place(f"{file}.yaml")


def _is_in(place: Place, file: str) -> bool:
    """Whether it is in a file of that folder and name, in whichever layer."""
    return PurePosixPath(place.file).parts[-2:] == PurePosixPath(f"{file}.yaml").parts


def _unreached_of_fold(fold: Fold, failed: set[tuple[str, str]], mappings: tuple[Mapping, ...]) -> Unreached:
    held = [example for example in fold.examples if (str(fold), example.name) not in failed]
    return Unreached(str(fold), tuple(unshown_codes(fold, held, mappings)), tuple(unshown_rules(fold, held, mappings)))


def _unreached(mapping: Mapping, failed: set[tuple[str, str]], tree: Map[str, Any], untaken: list[Branch]) -> Unreached:
    held = [example for example in mapping.examples if (mapping.name, example.name) not in failed]
    codes = mapping.codes - {code for example in held for code in _codes(example)}
    rules = [
        *_unfiltered(held, tree),
        *_empty(mapping, held),
        *_unbroken(mapping, held, tree),
        *_unfound(mapping, held),
        *_undeleted(mapping, held),
    ]
    rules += [
        f"line {branch.place.line}: {branch.told}"
        for branch in untaken
        if _is_in(branch.place, f"mappings/{mapping.name}")
    ]
    return Unreached(mapping.name, tuple(sorted(codes)), tuple(rules))


def _codes(example: Example) -> Iterator[str | None]:
    yield example.code
    yield from (later.code for later in example.then)


def _unfiltered(held: list[Example], tree: Map[str, Any]) -> Iterator[str]:
    if tree.get("where") and not any(example.expected is None and example.code is None for example in held):
        yield "where"


def _empty(mapping: Mapping, held: list[Example]) -> Iterator[str]:
    """Yield the tables without a row, and the columns without a value; a warning is no value of the source."""
    for place, target in enumerate(mapping.targets):
        rows = [row for example in held if example.expected is not None for row in example.expected[place]]
        if not rows:
            yield str(target)
            continue
        for position, column in enumerate(target.columns):
            if not column.name.startswith("_") and all(row[position] is None for row in rows):
                yield f"{target}.{column.name}"


def _unbroken(mapping: Mapping, held: list[Example], tree: Map[str, Any]) -> Iterator[str]:
    """Yield the checks that refuse no row, and those that warn of none."""
    broken = {_refusal(mapping, example) for example in held if example.code}
    for place, target in enumerate(tree.get("targets") or [tree["target"]]):
        warned = {warning.partition(" ")[0] for warning in _warnings(mapping, held, place)}
        for check in target.get("checks") or ():
            refuses = check["error"] in mapping.codes
            if (check["error"], check["rule"]) not in broken if refuses else check["error"] not in warned:
                yield f"check {check['rule']}"


def _warnings(mapping: Mapping, held: list[Example], place: int) -> Iterator[str]:
    """Yield what the rows of one table are warned of, as `CODE column`."""
    if mapping.targets[place].columns[-1].name == WARNINGS:
        for example in held:
            for row in example.expected[place] if example.expected is not None else ():
                yield from row[-1] or ()  # type: ignore[misc] # a list of texts, by the column's name


def _unfound(mapping: Mapping, held: list[Example]) -> Iterator[str]:
    """Yield the look-ups that may find nothing and always find something, or the other way round."""
    for lookup in (lookup for lookup in mapping.lookups if lookup.missing is None):
        places = [place for place, used in enumerate(mapping.inputs) if used.alias == lookup.alias and used.column]
        found = {any(example.row[place] is not None for place in places) for example in held if example.expected}
        if places and False not in found:
            yield f"look-up {lookup.alias} finds nothing"
        if places and True not in found:
            yield f"look-up {lookup.alias} finds a row"


def _undeleted(mapping: Mapping, held: list[Example]) -> Iterator[str]:
    """Yield the tables of which no row is seen when its source row is deleted, with what becomes of it."""
    shown = {place for example in held for place in _deleted(example)}
    for place, target in enumerate(mapping.targets):
        if place not in shown:
            yield f"delete of {target} ({target.on_delete})"


def _deleted(example: Example) -> Iterator[int]:
    """Yield the places of the targets that have a row when the source row is deleted."""
    standing = example.expected
    for later in example.then:
        if later.row is None:
            yield from (place for place, rows in enumerate(standing or ()) if rows)
        standing = later.expected


def _refusal(mapping: Mapping, example: Example) -> tuple[str, str]:
    try:
        mapping.normalise(example.row)
    except Refused as refused:
        return refused.code, refused.detail
    return "", ""

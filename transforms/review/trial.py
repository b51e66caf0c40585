"""Every example of a dictionary run at once: which do not hold, and what none of them shows.

What should be shown of a mapping and of a fold, `transforms.review.unreached` and `transforms.review.fold_shown` say;
and of expressions each WHEN and ELSE of a CASE, each argument that a COALESCE takes, and both outcomes of `when` and of
`skip`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from transforms.errors import DictionaryError, Fault, Place
from transforms.expression.branch import Branch, Branches
from transforms.load import EXAMPLE_FAILED, read
from transforms.mapping import Fold, Mapping
from transforms.outcome import run_example, run_fold_example
from transforms.review.dependency import origins
from transforms.review.fold_shown import unshown_codes, unshown_rules
from transforms.review.unreached import Origins, Reach


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
    """What no example that holds shows of a mapping or a fold: codes, each with where it arises; rules, in words."""

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
    known: Origins = {(one.mapping, one.table, one.column): one for one in origins(dictionary)}
    unreached = [
        _unreached(mapping, failed, trees[f"mappings/{mapping.name}.yaml"], untaken, known)
        for mapping in dictionary.mappings
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


def _unreached(
    mapping: Mapping, failed: set[tuple[str, str]], tree: Map[str, Any], untaken: list[Branch], known: Origins
) -> Unreached:
    held = [example for example in mapping.examples if (mapping.name, example.name) not in failed]
    reach = Reach(mapping, held, tree, known)
    ways = (
        f"line {branch.place.line}: {branch.told}"
        for branch in untaken
        if _is_in(branch.place, f"mappings/{mapping.name}")
    )
    return Unreached(mapping.name, reach.codes(), (*reach.rules(), *ways))

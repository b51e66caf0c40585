"""Every example of a dictionary run at once: which do not hold, and which refusals of a mapping none of them shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from transforms.errors import DictionaryError, Fault, Place
from transforms.example import run_example
from transforms.load import EXAMPLE_FAILED, read
from transforms.mapping import Mapping

_EACH = re.compile(r"; (?=\w+ is )")  # between what is said of one column and of the next


@dataclass(frozen=True, slots=True)
class Failure:
    """An example that does not hold; each line of `diff` is one thing that came out otherwise than it says."""

    mapping: str
    example: str
    place: Place
    diff: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unreached:
    """The codes with which a mapping can refuse a row although no example that holds shows it."""

    mapping: str
    codes: tuple[str, ...]


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
    dictionary, faults = read(folder)
    if dictionary is None:
        raise DictionaryError(faults)
    failures = [failure for mapping in dictionary.mappings for failure in _failures(mapping, faults)]
    failed = {(failure.mapping, failure.example) for failure in failures}
    unreached = [_unreached(mapping, failed) for mapping in dictionary.mappings]
    count = sum(len(mapping.examples) for mapping in dictionary.mappings)
    return Trial(count, tuple(failures), tuple(found for found in unreached if found.codes))


def _failures(mapping: Mapping, faults: list[Fault]) -> list[Failure]:
    told = [(example.name, run_example(mapping, example)) for example in mapping.examples]
    return [
        Failure(mapping.name, name, _place(mapping.name, name, faults), tuple(_EACH.split(words)))
        for name, words in told
        if words is not None
    ]


def _place(mapping: str, example: str, faults: list[Fault]) -> Place:
    for fault in faults:
        in_mapping = PurePosixPath(fault.place.file).name == f"{mapping}.yaml"
        if fault.code == EXAMPLE_FAILED and in_mapping and fault.message.startswith(f"example `{example}`:"):
            return fault.place
    return Place(f"mappings/{mapping}.yaml")


def _unreached(mapping: Mapping, failed: set[tuple[str, str]]) -> Unreached:
    shown = {example.code for example in mapping.examples if (mapping.name, example.name) not in failed}
    return Unreached(mapping.name, tuple(sorted(mapping.codes - shown)))

"""Mappings that declare columns as their mirrors have them by now: a patch of their files, for a steward to review."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from transforms.errors import Faults, Place
from transforms.load import PACKAGED
from transforms.yaml.document import Node, Scalar, Table, parse_document


@dataclass(frozen=True, slots=True)
class Redeclaration:
    """A column of a mapping's source row (`alias` "") or look-up, and what it has to be declared as."""

    mapping: str
    alias: str
    column: str
    declared: str


def patches(folder: Path | None, wanted: Iterable[Redeclaration]) -> dict[str, str]:
    """Return a unified diff for each file of a mapping that has to be otherwise, by its path inside the dictionary.

    A mapping that the folder does not have is that of the packaged dictionary below it.
    """
    by_file: defaultdict[str, list[Redeclaration]] = defaultdict(list)
    for one in wanted:
        by_file[f"mappings/{one.mapping}.yaml"].append(one)
    roots = [folder or PACKAGED, PACKAGED]
    paths = {file: next((root / file for root in roots if (root / file).is_file()), None) for file in by_file}
    found = {file: _patch(file, path, by_file[file]) for file, path in paths.items() if path is not None}
    return {file: patch for file, patch in found.items() if patch}


def _patch(file: str, path: Path, wanted: Iterable[Redeclaration]) -> str:
    text = path.read_text(encoding="utf-8")
    before = text.splitlines(keepends=True)
    after = list(before)
    # From the end on: a line may declare several, and what is behind a place moves.
    for place, old, new in sorted(_edits(parse_document(file, text, Faults()), wanted), reverse=True):
        line = after[place.line - 1]
        after[place.line - 1] = line[: place.column - 1] + new + line[place.column - 1 + len(old) :]
    return "".join(difflib.unified_diff(before, after, f"a/{file}", f"b/{file}"))


def _edits(tree: Node | None, wanted: Iterable[Redeclaration]) -> Iterator[tuple[Place, str, str]]:
    """Yield where a declaration stands, how it reads, and how it has to."""
    for one in wanted:
        way = ("lookups", one.alias) if one.alias else ("source",)
        found = tree
        for key in (*way, "columns", one.column):
            found = found.entries[key][1] if isinstance(found, Table) and key in found.entries else None
        if isinstance(found, Scalar) and found.text != one.declared:
            yield found.inner or found.place, found.text, one.declared

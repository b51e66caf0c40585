"""What the parts of the page look up: the files as they are written, and who uses what."""

from __future__ import annotations

import json
from collections.abc import Mapping as Map
from functools import cached_property
from typing import Any

from transforms.model import Dictionary
from transforms.review.dependency import FOLD, ROWS, Kind, Origin, names_of, origins
from transforms.review.site.anchor import anchor
from transforms.review.site.document import Outcome, Ref

Tree = Map[str, Any]


class Index:
    """A dictionary with its written files, and its dependencies both ways."""

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary = dictionary
        self._trees: Tree = json.loads(dictionary.content)
        self._origins = origins(dictionary)
        self._by_target = {(one.mapping, one.table, one.column): one for one in self._origins}

    def tree(self, kind: str, name: str) -> Tree:
        """Return a file of one entry as it is written: `mappings`, `codesets`, `folds`."""
        tree: Tree = self._trees[f"{kind}/{name}.yaml"]
        return tree

    def origin(self, mapping: str, table: str, column: str) -> Origin:
        """Return how a mapping makes a canonical column."""
        return self._by_target[mapping, table, column]

    def columns_of(self, kind: Kind, name: str) -> tuple[Ref, ...]:
        """Return the canonical columns (`*`: the rows of a table) that a definition has a part in."""
        return self._used[kind].get(name, ())

    def fillers(self, table: str, column: str) -> tuple[Ref, ...]:
        """Return the mappings that fill a canonical column."""
        return self._filled.get((table, column), ())

    def mappings_of(self, code: str) -> tuple[Ref, ...]:
        """Return the mappings that can hold a row by a code."""
        return self._refused.get(code, ())

    @cached_property
    def _filled(self) -> Map[tuple[str, str], tuple[Ref, ...]]:
        found: dict[tuple[str, str], tuple[Ref, ...]] = {}
        for one in self._origins:
            if one.mapping != FOLD and one.column != ROWS:
                # A history is filled by the rules of the table whose versions it has.
                ref = Ref(
                    one.mapping, anchor("rule", one.mapping, one.versions_of or one.table, one.raw_of or one.column)
                )
                found[one.table, one.column] = (*found.get((one.table, one.column), ()), ref)
        return found

    @cached_property
    def _refused(self) -> Map[str, tuple[Ref, ...]]:
        found: dict[str, tuple[Ref, ...]] = {}
        for mapping in self.dictionary.mappings:
            for code in mapping.codes:
                found[code] = (*found.get(code, ()), mapping_ref(mapping.name))
        return found

    @cached_property
    def _used(self) -> Map[Kind, Map[str, tuple[Ref, ...]]]:
        kinds: tuple[Kind, ...] = ("field", "code_set", "unit", "source_column")
        found: dict[Kind, dict[str, dict[Ref, None]]] = {kind: {} for kind in kinds}
        for origin in self._origins:
            ref = column_ref(origin.table, origin.column)
            for kind in kinds:
                for name in names_of(origin, kind):
                    found[kind].setdefault(name, {})[ref] = None
        return {kind: {name: tuple(refs) for name, refs in names.items()} for kind, names in found.items()}

    def field(self, name: str) -> Ref:
        """Return a field by name."""
        return Ref(name, anchor("field", name), self.dictionary.fields[name].label)

    def code_set(self, name: str) -> Ref:
        """Return a code set."""
        return Ref(name, anchor("codeset", name))

    def unit(self, code: str | None) -> Ref | None:
        """Return a unit, None where there is none."""
        return Ref(code, anchor("unit", code), self.dictionary.units[code].label) if code else None

    def error(self, code: str) -> Ref:
        """Return a code of the catalogue."""
        return Ref(code, anchor("error", code), self.dictionary.errors[code].label)

    def held(self, code: str) -> Outcome:
        """Return that a row is held with a code."""
        return Outcome(self.error(code), "held")


def table_ref(table: str) -> Ref:
    """Return a canonical table."""
    return Ref(table, anchor("table", table))


def column_ref(table: str, column: str) -> Ref:
    """Return a canonical column; `*` leads to its table."""
    return Ref(f"{table}.{column}", anchor("table", table) if column == ROWS else anchor("column", table, column))


def mapping_ref(name: str) -> Ref:
    """Return a mapping."""
    return Ref(name, anchor("mapping", name))


def source_column_ref(mirror: str, column: str, shown: str) -> Ref:
    """Return a column of a source, shown as a mapping calls it."""
    return Ref(shown, anchor("source-column", mirror, column))

"""A version of the dictionary as an activation needs it, and what of it has to be derived anew."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from cdc.derive.turn import Version
from transforms.domain import Domain, group_mappings
from transforms.mapping import WARNINGS, Fold, Mapping, Target
from transforms.model import Dictionary
from transforms.review.dependency import FOLD
from transforms.review.difference import touched

_NO_SHAPE = frozenset({WARNINGS})
"""Columns that tables have whether a mapping fills them or not."""
SHADOW_DOMAIN = "shadow"
"""The name of what is derived in the shadow: one domain, however many there are of the tables that it replaces."""


@dataclass(frozen=True, slots=True)
class Edition:
    """One version: how it is called, and what it derives."""

    version: Version
    mappings: tuple[Mapping, ...]
    folds: tuple[Fold, ...] = ()

    @classmethod
    def of(cls, dictionary: Dictionary) -> Edition:
        """Return a dictionary's."""
        return cls(Version.of(dictionary), dictionary.derived, dictionary.folds)

    @property
    def digest(self) -> str:
        """The digest of its content."""
        return self.version.digest

    def domains(self) -> tuple[Domain, ...]:
        """Return the domains that it is derived in."""
        return group_mappings(self.mappings, self.folds)

    def filled(self) -> dict[str, Target]:
        """Return every canonical table, by mappings and by folds."""
        own = [target for mapping in self.mappings for target in mapping.targets if not target.contributes]
        return {str(target): target for target in (*own, *(fold.target for fold in self.folds))}

    def names_of(self, tables: Collection[str]) -> list[str]:
        """Return the mappings and folds that have a part in these tables: what held rows are said to be of."""
        mappings = [one.name for one in self.mappings if any(str(target) in tables for target in one.targets)]
        return [*mappings, *(str(fold) for fold in self.folds if str(fold) in tables)]


def reshaped(old: Edition, new: Edition) -> list[str]:
    """Return the canonical tables that are of another shape by the new edition, or that only one of both has."""
    before, after = _shapes(old), _shapes(new)
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _shapes(edition: Edition) -> dict[str, object]:
    orders = {str(fold): fold.order for fold in edition.folds}
    return {
        name: (
            {column.name: column.type for column in target.columns if column.name not in _NO_SHAPE},
            *(target.key, target.explodes, orders.get(name)),
        )
        for name, target in edition.filled().items()
    }


@dataclass(frozen=True, slots=True)
class Change:
    """What can come out otherwise by itself: mappings by name, canonical tables as `schema.table`."""

    mappings: frozenset[str]
    tables: frozenset[str]

    @classmethod
    def between(cls, old: Dictionary, new: Dictionary) -> Change:
        """Ask the dependency index of both versions."""
        found = touched(old, new)
        return cls(
            frozenset(origin.mapping for origin in found if origin.mapping != FOLD),
            frozenset(origin.table for origin in found),
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """What is derived in the shadow, and which of its tables change places with those that consumers read.

    The others are what those refer to: their rows decide who is held, and the shadow is at a cut of its own.
    """

    domain: Domain
    swapped: tuple[str, ...]

    @property
    def tables(self) -> tuple[str, ...]:
        """All canonical tables of the shadow."""
        own = {str(target) for mapping in self.domain.mappings for target in mapping.targets}
        return tuple(sorted(own))


def scope_of(edition: Edition, change: Change) -> Scope:
    """Return what an edition has to derive because of a change."""
    swapped = _affected(edition, change)
    needed = _with_parents(edition, swapped)
    mappings = tuple(
        sorted(
            (one for one in edition.mappings if any(str(target) in needed for target in one.targets)),
            key=lambda one: one.name,
        )
    )
    folds = tuple(fold for fold in edition.folds if str(fold) in needed)
    return Scope(Domain(SHADOW_DOMAIN, mappings, folds), tuple(sorted(swapped)))


def _affected(edition: Edition, change: Change) -> set[str]:
    """Return the tables that can come out otherwise: a refusal spreads to siblings, and along required references."""
    filled = edition.filled()
    found = set(change.tables & filled.keys())
    before = -1
    while len(found) != before:
        before = len(found)
        for mapping in edition.mappings:
            found |= _affected_of(mapping, change, found)
        found |= {name for name, target in filled.items() if not found.isdisjoint(_parents(target))}
    return found


def _affected_of(mapping: Mapping, change: Change, found: set[str]) -> set[str]:
    if mapping.name.removesuffix(".history") in change.mappings:
        return {str(target) for target in mapping.targets}
    own = {str(target) for target in mapping.targets if not target.contributes}
    return set() if own.isdisjoint(found) else own


def _with_parents(edition: Edition, tables: set[str]) -> set[str]:
    """Return tables with what they refer to, and with all that the mappings say that have a part in them."""
    filled, needed, before = edition.filled(), set(tables), -1
    while len(needed) != before:
        before = len(needed)
        for mapping in edition.mappings:
            own = {str(target) for target in mapping.targets}
            needed |= set() if own.isdisjoint(needed) else own
        needed |= {parent for name in needed & filled.keys() for parent in _parents(filled[name])}
    return needed


def _parents(target: Target) -> Iterator[str]:
    return (f"{one.schema}.{one.table}" for one in target.references if one.required)

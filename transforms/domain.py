"""Which mappings must be derived from one cut: those connected by a mirror or a canonical table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import attrgetter

from transforms.mapping import Fold, Mapping, MirrorRef


@dataclass(frozen=True, slots=True)
class Domain:
    """Mappings that must be cut together, because they share or refer to tables."""

    name: str
    mappings: tuple[Mapping, ...]
    folds: tuple[Fold, ...] = ()

    @property
    def made_of(self) -> dict[str, frozenset[MirrorRef]]:
        """The mirrors of which rows are held, by what these are held by: the one that a mapping reads, by its name.

        Of a fold, by its table, those of all that contribute to it. Versions of rows stand for their rows.
        """
        own = {mapping.name: frozenset({replace(mapping.source, versions=False)}) for mapping in self.mappings}
        said = {fold: [one for one in self.mappings if fold in map(str, one.targets)] for fold in map(str, self.folds)}
        return own | {fold: frozenset[MirrorRef]().union(*(own[one.name] for one in by)) for fold, by in said.items()}

    @property
    def mirrors(self) -> frozenset[MirrorRef]:
        """All mirrors that its rows are made with, those that are looked up too."""
        looked_up = {lookup.mirror for mapping in self.mappings for lookup in mapping.lookups}
        return frozenset(looked_up | {replace(mapping.source, versions=False) for mapping in self.mappings})


def group_mappings(mappings: tuple[Mapping, ...], folds: tuple[Fold, ...] = ()) -> tuple[Domain, ...]:
    """Return the connected groups, sorted by name.

    A group is named after its alphabetically first canonical table, with the schema where another would be named so.
    """
    groups: list[tuple[set[str], list[Mapping]]] = []
    for mapping in mappings:
        tables, members = set(_tables(mapping, folds)), [mapping]
        apart = []
        for group in groups:
            if group[0].isdisjoint(tables):
                apart.append(group)
            else:
                tables |= group[0]
                members += group[1]
        groups = [*apart, (tables, members)]
    firsts = [
        min((target.table, str(target)) for mapping in members for target in mapping.targets) for _, members in groups
    ]
    short = [table for table, _ in firsts]
    names = [table if short.count(table) == 1 else full for table, full in firsts]
    named = zip(names, (members for _, members in groups), strict=True)
    domains = (_domain(name, members, folds) for name, members in named)
    return tuple(sorted(domains, key=attrgetter("name")))


def _domain(name: str, members: list[Mapping], folds: tuple[Fold, ...]) -> Domain:
    filled = {str(target) for mapping in members for target in mapping.targets}
    own = tuple(fold for fold in folds if str(fold) in filled)
    return Domain(name, tuple(sorted(members, key=attrgetter("name"))), own)


def _tables(mapping: Mapping, folds: tuple[Fold, ...]) -> Iterator[str]:
    # A mirror and a canonical table may have the same name (a source called `trace`): keep them apart.
    # The versions of rows are cut together with the rows.
    yield f"mirror {mapping.source.schema}.{mapping.source.table}"
    yield from (f"mirror {lookup.mirror}" for lookup in mapping.lookups)
    filled = {str(target) for target in mapping.targets}
    for target in (*mapping.targets, *(fold.target for fold in folds if str(fold) in filled)):
        yield f"canonical {target}"
        yield from (f"canonical {reference.schema}.{reference.table}" for reference in target.references)

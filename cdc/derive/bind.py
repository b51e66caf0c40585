"""Binds a domain to the mirrors that are there.

Everything that can be wrong between dictionary and target is found here, before the first turn, all at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import count

from cdc.derive.mirror import Mirror
from cdc.derive.names import literal
from cdc.derive.plan import Contribution, Fill, Link, Merge, Origin, Plan, Step
from cdc.errors import FatalError
from transforms.domain import Domain
from transforms.mapping import WARNINGS, Column, Fold, MirrorRef, Target
from transforms.mapping import Mapping as DictionaryMapping
from transforms.value.kind import accepts


def mirror_refs(domain: Domain) -> tuple[MirrorRef, ...]:
    """Return the mirrors that a domain reads."""
    sources = {mapping.source for mapping in domain.mappings}
    looked_up = {lookup.mirror for mapping in domain.mappings for lookup in mapping.lookups}
    return tuple(sorted(sources | looked_up))


def bind(
    domain: Domain, digest: str, mirrors: Mapping[MirrorRef, Mirror], side: str = "", stages: str = "pg_temp"
) -> Plan:
    """Bind a domain to the mirrors, and to the tables of a side. Raises DRV-101 or DRV-102 with every fault."""
    faults = [fault for mapping in domain.mappings for fault in _mirror_faults(mapping, mirrors)]
    if faults:
        raise FatalError("DRV-101", "; ".join(faults))
    faults = list(_target_faults(domain))
    if faults:
        raise FatalError("DRV-102", "; ".join(faults))
    numbers = count()
    steps = tuple(
        _step(number, mapping, mirrors, numbers, (side, stages)) for number, mapping in enumerate(domain.mappings)
    )
    merges = tuple(_merge(fold, steps, numbers, (side, stages)) for fold in domain.folds)
    return Plan(domain.name, digest, steps, merges, tuple(_links((*steps, *merges))), side)


def _step(
    number: int,
    mapping: DictionaryMapping,
    mirrors: Mapping[MirrorRef, Mirror],
    numbers: Iterator[int],
    places: tuple[str, str],
) -> Step:
    looked_up = {lookup.alias: mirrors[lookup.mirror] for lookup in mapping.lookups}
    alone = len(mapping.targets) == 1 and not mapping.targets[0].explodes
    name, take = literal(mapping.name), f"pg_temp.take_{number}"
    outputs = tuple(
        Contribution(next(numbers), name, take, target, alone, *places, literal(mapping.source.schema))
        if target.contributes
        else Fill(next(numbers), name, take, target, alone, *places, mirrors[mapping.source])
        for target in map(_with_warnings, mapping.targets)
    )
    return Step(number, mapping, {"": mirrors[mapping.source], **looked_up}, outputs)


def _with_warnings(target: Target) -> Target:
    """Return the target with room for warnings as its last column: a waiver is one, whatever the mapping warns of."""
    if target.columns[-1:] and target.columns[-1].name == WARNINGS:
        return target
    return replace(target, columns=(*target.columns, Column(WARNINGS, "text[]", required=False)))


def _merge(fold: Fold, steps: tuple[Step, ...], numbers: Iterator[int], places: tuple[str, str]) -> Merge:
    number = next(numbers)
    said = tuple(one for step in steps for one in step.contributions if str(one.target) == str(fold))
    fill = Fill(number, literal(str(fold)), f"pg_temp.take_merge_{number}", fold.target, True, *places)
    return Merge(fold, fill, said)


def _links(origins: tuple[Origin, ...]) -> Iterator[Link]:
    fills = [fill for origin in origins for fill in origin.fills]
    by_target = {str(fill.target): fill for fill in fills}
    for fill in fills:
        for place, reference in enumerate(fill.target.references):
            if reference.required:
                yield Link(fill, by_target[f"{reference.schema}.{reference.table}"], reference, place)


def check_source_keys(domains: Iterable[Domain], mirrors: Mapping[MirrorRef, Mirror]) -> None:
    """Raise DRV-101 where a mapping says another key of its source than the contract: its examples show what is not so.

    Nothing is derived otherwise for it, so that no worker has to stop.
    """
    mappings = [mapping for domain in domains for mapping in domain.mappings if mapping.source_key]
    faults = [
        f"{one.name}: the key of {one.source} is {', '.join(mirrors[one.source].key)}, not {', '.join(one.source_key)}"
        for one in mappings
        if one.source in mirrors and sorted(one.source_key) != sorted(mirrors[one.source].key)
    ]
    if faults:
        raise FatalError("DRV-101", "; ".join(faults))


def _mirror_faults(mapping: DictionaryMapping, mirrors: Mapping[MirrorRef, Mirror]) -> Iterator[str]:
    refs = {"": mapping.source, **{lookup.alias: lookup.mirror for lookup in mapping.lookups}}
    for alias, ref in refs.items():
        if ref not in mirrors:
            keyless = " (of a table without a key there is none)" if ref.versions else ""
            yield f"{mapping.name}: mirror {ref} is not there{keyless}"
            continue
        types = mirrors[ref].types
        for column in sorted(_columns_read(mapping, alias) - types.keys()):
            yield f"{mapping.name}: mirror {ref} has no column {column}"
        for value in (value for value in mapping.inputs if value.alias == alias and value.column in types):
            if value.declared and not accepts(value.declared, types[str(value.column)]):
                yield f"{mapping.name}: {ref}.{value.column} is {types[str(value.column)]}, not {value.declared}"


def _columns_read(mapping: DictionaryMapping, alias: str) -> set[str]:
    read = {value.column for value in mapping.inputs if value.alias == alias and value.column is not None}
    for lookup in mapping.lookups:
        read |= set(lookup.columns) if lookup.alias == alias else set()
        read |= {column for side, column in lookup.sides if side == alias}
    return read


def _target_faults(domain: Domain) -> Iterator[str]:
    said = [target for mapping in domain.mappings for target in mapping.targets]
    filled = [target for target in said if not target.contributes] + [fold.target for fold in domain.folds]
    targets = {str(target): target for target in filled}
    for name in sorted(targets):
        if sum(str(target) == name for target in filled) > 1:
            yield f"{name} is filled more than once"
    for name in sorted({str(target) for target in said if target.contributes} - {str(fold) for fold in domain.folds}):
        yield f"{name} is contributed to, and no fold"
    for target in filled:
        for reference in (reference for reference in target.references if reference.required):
            parent = targets.get(f"{reference.schema}.{reference.table}")
            if parent is None:
                yield f"{target}: {reference.schema}.{reference.table} is not filled by any mapping"
            elif sorted(parent.key) != sorted(reference.target_columns):
                yield f"{target}: the reference to {parent} does not name its key"

"""References between canonical tables: each names another mapping's table and stands for its whole key."""

from __future__ import annotations

from collections.abc import Mapping as Map
from collections.abc import Set
from dataclasses import replace

from transforms.errors import Faults
from transforms.mapping import Fold, Mapping, Reference, Target
from transforms.reading.fold import FoldFound
from transforms.reading.mapping import Draft
from transforms.reading.reference_shape import REFERENCE
from transforms.yaml.document import Scalar
from transforms.yaml.section import Section, read_section, suggest


def resolve_references(
    drafts: list[Draft], folds: list[FoldFound], written: Set[str], faults: Faults
) -> tuple[tuple[Mapping, ...], tuple[Fold, ...]]:
    """Return mappings and folds with their references, by name; what two mappings fill and is no fold is a fault.

    `written` names the tables of all mapping files: nothing is said about references to one whose mapping has faults.
    """
    targets: dict[str, Target] = {str(found.fold): found.fold.target for found in folds}
    said = {str(target) for draft in drafts for target, _ in draft.tables() if target.contributes}
    for found in (found for found in folds if str(found.fold) not in said | written):
        faults.add(found.section.place, "DIC-112", f"no mapping contributes to `{found.fold}`")
    for target, section in (pair for draft in drafts for pair in draft.tables()):
        if str(target) in targets and not target.contributes:
            faults.add(
                section.place_of("table"), "DIC-112", f"`{target}` is filled by another mapping or target already"
            )
        targets.setdefault(str(target), target)
    _check_histories(drafts, targets.keys() | written, faults)
    broken = written - targets.keys()
    resolved = [_with_references(draft, targets, broken, faults) for draft in drafts]
    merged = [_folded(found, targets, broken, faults) for found in folds]
    return tuple(sorted(resolved, key=lambda mapping: mapping.name)), tuple(sorted(merged, key=str))


def _check_histories(drafts: list[Draft], taken: Set[str], faults: Faults) -> None:
    """A history is a table of its own: what else is written to one would end its versions."""
    known = set(taken)
    for target, section in (pair for draft in drafts for pair in draft.tables() if pair[0].history):
        if target.history in known:
            message = f"`{target.history}` is filled otherwise already: name a table for these versions alone"
            faults.add(section.place_of("history"), "DIC-112", message)
        known.add(target.history)


def _folded(found: FoldFound, targets: Map[str, Target], broken: Set[str], faults: Faults) -> Fold:
    target = found.fold.target
    references = _references(target, found.section, targets, broken, faults)
    return replace(found.fold, target=replace(target, references=references))


def _with_references(draft: Draft, targets: Map[str, Target], broken: Set[str], faults: Faults) -> Mapping:
    resolved = (
        target
        if target.contributes
        else replace(target, references=_references(target, section, targets, broken, faults))
        for target, section in draft.tables()
    )
    return replace(draft.mapping, targets=tuple(resolved))


def _references(
    target: Target, section: Section, targets: Map[str, Target], broken: Set[str], faults: Faults
) -> tuple[Reference, ...]:
    references = []
    for node in section.items("references"):
        reference = read_section(node, faults, REFERENCE)
        to = reference and reference.scalar("to")
        if reference and to and to.text not in broken:
            references.append(_read_reference(reference, to, target, targets, faults))
    return tuple(reference for reference in references if reference)


def _read_reference(
    section: Section, to: Scalar, target: Target, targets: Map[str, Target], faults: Faults
) -> Reference | None:
    columns = _read_columns(section, target, faults)
    referred = targets.get(to.text)
    if referred is None:
        faults.add(to.place, "DIC-111", f"no mapping fills table `{to.text}`{suggest(to.text, targets)}")
        return None
    types, key_types = _types(target, columns), _types(referred, referred.key)
    if types != key_types:
        wanted = ", ".join(f"{name} {kind}" for name, kind in zip(referred.key, key_types, strict=True))
        faults.add(section.place_of("columns"), "DIC-131", f"the columns are not of the key of `{to.text}`: {wanted}")
    required = section.flag("required", "true")
    return Reference(columns, referred.schema, referred.table, referred.key, required)


def _read_columns(section: Section, target: Target, faults: Faults) -> tuple[str, ...]:
    names = [column.name for column in target.columns if not column.raw_of]  # what was said is no key of anything
    for scalar in section.texts("columns"):
        if scalar.text not in names:
            faults.add(
                scalar.place, "DIC-122", f"unknown canonical column `{scalar.text}`{suggest(scalar.text, names)}"
            )
    return tuple(scalar.text for scalar in section.texts("columns"))


def _types(target: Target, names: tuple[str, ...]) -> list[str | None]:
    types = {column.name: column.type for column in target.columns}
    return [types.get(name) for name in names]

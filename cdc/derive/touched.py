"""What a source has otherwise than its mirrors, and what of the dictionary hangs on it: a change's blast radius."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cdc.capture.contract import Contract
from cdc.capture.drift_policy import DriftPolicy
from cdc.land.contract.drift import Drift, drift
from transforms.model import Dictionary
from transforms.review.dependency import origins
from transforms.review.redeclared import Redeclaration
from transforms.value.kind import DECLARED, accepts


@dataclass(frozen=True, slots=True)
class Misread:
    """A column that a mapping reads as something that it is not any more. `now` is "" if no mapping can read it."""

    mapping: str
    alias: str
    column: str
    declared: str
    now: str
    is_gone: bool = False

    def __str__(self) -> str:
        file = f"mappings/{self.mapping}.yaml reads {self.column}"
        if self.is_gone:
            return f"{file}, which is gone"
        return f"{file} as {self.declared}, it is {self.now or 'of no type it knows'} now"


@dataclass(frozen=True, slots=True)
class Touched:
    """A difference with what it means: canonical columns that are made of it, and what mappings have to say by now."""

    drift: Drift
    canonical: tuple[str, ...]
    mappings: tuple[Misread, ...]

    @property
    def redeclared(self) -> list[Redeclaration]:
        """How mappings have to declare the column."""
        return [Redeclaration(one.mapping, one.alias, one.column, one.now) for one in self.mappings if one.now]


def touched(
    dictionary: Dictionary, in_force: Iterable[Contract], live: Iterable[Contract], policy: DriftPolicy
) -> Iterator[Touched]:
    """Yield what the live contracts of a source have otherwise than those in force."""
    before = {contract.mirror: contract for contract in in_force}
    made = origins(dictionary)
    for contract in live:
        for one in drift(before.get(contract.mirror), contract, policy):
            read = f"{one.mirror}.{one.column}"
            canonical = tuple(dict.fromkeys(each.target for each in made if one.column and read in each.reads))
            yield Touched(one, canonical, tuple(_misread(dictionary, contract, one)))


def _misread(dictionary: Dictionary, contract: Contract, one: Drift) -> Iterator[Misread]:
    types = {column.name: column.mirror_type for column in contract.columns}
    for mapping in dictionary.mappings:
        aliases = {"": mapping.source, **{lookup.alias: lookup.mirror for lookup in mapping.lookups}}
        for used in mapping.inputs:
            if str(aliases[used.alias]) != one.mirror or used.column != one.column or not used.declared:
                continue
            place = (mapping.name, used.alias, one.column, used.declared)
            if one.column not in types:
                yield Misread(*place, now="", is_gone=True)
            elif not accepts(used.declared, types[one.column]):
                yield Misread(*place, now=next((name for name in DECLARED if accepts(name, types[one.column])), ""))

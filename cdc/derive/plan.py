"""A domain, bound to the mirrors that are there: what each statement of a turn is made from.

Everything that can be wrong between dictionary and target is found here, before the first turn, all at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cdc.derive.mirror import Mirror
from cdc.derive.names import literal, quoted
from cdc.errors import FatalError
from transforms.domain import Domain
from transforms.kind import accepts
from transforms.mapping import Lookup, MirrorRef, Reference
from transforms.mapping import Mapping as DictionaryMapping

META: Mapping[str, str] = {
    "_mapping": "text NOT NULL",
    "_source_key": 'text[] COLLATE "C" NOT NULL',
    "_source_offset": "bigint NOT NULL",
    "_source_ts": "timestamptz",
    "_deleted": "boolean NOT NULL",
    "_dictionary": "text NOT NULL",
    "_derivation": "bigint NOT NULL",
    "_derived_at": "timestamptz NOT NULL",
}
"""What every canonical row says of itself. Offset and time of a tombstone are those of the delete."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One mapping with the tables it reads and writes. Compared by identity: statements are made once per step."""

    number: int
    mapping: DictionaryMapping
    mirrors: Mapping[str, Mirror]

    @property
    def source(self) -> Mirror:
        """The mirror whose rows the mapping maps."""
        return self.mirrors[""]

    @property
    def key(self) -> tuple[str, ...]:
        """The canonical key."""
        return self.mapping.target.key

    @property
    def columns(self) -> tuple[str, ...]:
        """The canonical columns, in the order in which `normalise` returns them."""
        return tuple(column.name for column in self.mapping.target.columns)

    @property
    def name(self) -> str:
        """The mapping's name as a constant."""
        return literal(self.mapping.name)

    @property
    def canonical(self) -> str:
        """The canonical table."""
        return quoted(self.mapping.target.schema, self.mapping.target.table)

    @property
    def held(self) -> str:
        """The table of candidates that are not in the canonical table: held ones, and tombstones that do not count."""
        return quoted(f"{self.mapping.target.schema}_held", self.mapping.target.table)

    @property
    def take(self) -> str:
        """The temporary table of source keys that this turn derives."""
        return f"pg_temp.take_{self.number}"

    @property
    def before(self) -> str:
        """The temporary table of what the canonical table has of them when the turn begins."""
        return f"pg_temp.before_{self.number}"

    @property
    def stage(self) -> str:
        """The temporary table of what comes out for them."""
        return f"pg_temp.stage_{self.number}"

    @property
    def tombstones(self) -> bool:
        """Whether rows that the source has deleted stay, as tombstones."""
        return self.mapping.target.on_delete == "tombstone"

    def is_of(self, row: str, key: str) -> str:
        """Return the condition that a stored row is this mapping's, of the source row with that key."""
        return f"{row}._mapping = {self.name} AND {row}._source_key = {key}"

    def type_of(self, alias: str, column: str) -> str:
        """Return the type of a column of the source row ("") or of a look-up."""
        return self.mirrors[alias].types[column]

    def lookup(self, alias: str) -> Lookup:
        """Return the look-up of that alias."""
        return next(lookup for lookup in self.mapping.lookups if lookup.alias == alias)


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A required reference between two canonical tables; `place` counts the references of the child as declared."""

    child: Step
    parent: Step
    reference: Reference
    place: int


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A domain bound to its tables. `digest` is the dictionary's."""

    name: str
    digest: str
    steps: tuple[Step, ...]
    links: tuple[Link, ...]

    @property
    def mirrors(self) -> tuple[Mirror, ...]:
        """Every mirror that the domain reads, each once, in the order of its name."""
        found = {mirror.ref: mirror for step in self.steps for mirror in step.mirrors.values()}
        return tuple(found[ref] for ref in sorted(found))

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that the domain reads."""
        return tuple(sorted({mirror.ref.schema for mirror in self.mirrors}))


def mirror_refs(domain: Domain) -> tuple[MirrorRef, ...]:
    """Return the mirrors that a domain reads."""
    sources = {mapping.source for mapping in domain.mappings}
    looked_up = {lookup.mirror for mapping in domain.mappings for lookup in mapping.lookups}
    return tuple(sorted(sources | looked_up))


def bind(domain: Domain, digest: str, mirrors: Mapping[MirrorRef, Mirror]) -> Plan:
    """Bind a domain to the mirrors. Raises DRV-101 or DRV-102 with every fault."""
    faults = [fault for mapping in domain.mappings for fault in _mirror_faults(mapping, mirrors)]
    if faults:
        raise FatalError("DRV-101", "; ".join(faults))
    faults = list(_target_faults(domain.mappings))
    if faults:
        raise FatalError("DRV-102", "; ".join(faults))
    steps = tuple(_step(number, mapping, mirrors) for number, mapping in enumerate(domain.mappings))
    return Plan(domain.name, digest, steps, tuple(_links(steps)))


def _step(number: int, mapping: DictionaryMapping, mirrors: Mapping[MirrorRef, Mirror]) -> Step:
    looked_up = {lookup.alias: mirrors[lookup.mirror] for lookup in mapping.lookups}
    return Step(number, mapping, {"": mirrors[mapping.source], **looked_up})


def _links(steps: tuple[Step, ...]) -> Iterator[Link]:
    by_target = {str(step.mapping.target): step for step in steps}
    for step in steps:
        for place, reference in enumerate(step.mapping.target.references):
            if reference.required:
                yield Link(step, by_target[f"{reference.schema}.{reference.table}"], reference, place)


def _mirror_faults(mapping: DictionaryMapping, mirrors: Mapping[MirrorRef, Mirror]) -> Iterator[str]:
    refs = {"": mapping.source, **{lookup.alias: lookup.mirror for lookup in mapping.lookups}}
    for alias, ref in refs.items():
        if ref not in mirrors:
            yield f"{mapping.name}: mirror {ref} is not there"
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
        read |= {match.column for match in lookup.match if lookup.alias == alias}
        read |= {match.source_column for match in lookup.match if match.alias == alias}
    return read


def _target_faults(mappings: tuple[DictionaryMapping, ...]) -> Iterator[str]:
    targets = {str(mapping.target): mapping.target for mapping in mappings}
    for mapping in mappings:
        if sum(str(other.target) == str(mapping.target) for other in mappings) > 1:
            yield f"{mapping.target} is filled by more than one mapping"
        for reference in mapping.target.references:
            parent = targets.get(f"{reference.schema}.{reference.table}")
            if not reference.required:
                continue
            if parent is None:
                yield f"{mapping.name}: {reference.schema}.{reference.table} is not filled by any mapping"
            elif sorted(parent.key) != sorted(reference.target_columns):
                yield f"{mapping.name}: the reference to {parent} does not name its key"

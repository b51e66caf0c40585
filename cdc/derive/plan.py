"""A domain, bound to the mirrors that are there: what each statement of a turn is made from.

Everything that can be wrong between dictionary and target is found here, before the first turn, all at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Final

from cdc.derive.mirror import Mirror
from cdc.derive.names import literal, quoted
from cdc.errors import FatalError
from transforms.domain import Domain
from transforms.mapping import Fold, Lookup, MirrorRef, Reference, Target
from transforms.mapping import Mapping as DictionaryMapping
from transforms.value.kind import accepts

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
"""What every canonical row says of itself. Offset and time of a tombstone are those of the delete; of a row that stays
as it was, those of its last image."""

SHADOW: Final = "_shadow"
"""The side on which tables are derived by another dictionary than the one in force."""


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """What one mapping says of a canonical table. Compared by identity: statements are made once per output.

    `name` is the mapping's, as a constant; `take` the temporary table of the source keys that this turn derives.
    `alone`: of a source row there is at most this one candidate, in this table and in all others. `side` stands behind
    the names of the schemas: "" where consumers read, SHADOW beside it. `stages`: the schema of what comes out.
    """

    number: int
    name: str
    take: str
    target: Target
    alone: bool
    side: str
    stages: str

    @property
    def key(self) -> tuple[str, ...]:
        """The canonical key."""
        return self.target.key

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns, in the order in which `normalise` returns them."""
        return tuple(column.name for column in self.target.columns)

    @property
    def stage(self) -> str:
        """The table of what comes out for it: temporary, but for a whole build."""
        return f"{self.stages}.stage_{self.number}"

    @property
    def codes(self) -> str:
        """The table of what source rows are held for."""
        return f"cdc{self.side}.held"

    @property
    def keeps_deleted(self) -> bool:
        """Whether rows that the source has deleted stay, marked or not."""
        return self.target.on_delete != "delete"

    @property
    def keeps_unmarked(self) -> bool:
        """Whether they stay as they were, so that only the mirror tells which of them are deleted."""
        return self.target.on_delete in ("ignore", "forbid")

    @property
    def forbids(self) -> bool:
        """Whether a source row that is deleted is held for it."""
        return self.target.on_delete == "forbid"

    def is_of(self, row: str, key: str) -> str:
        """Return the condition that a stored row is this mapping's, of the source row with that key."""
        return f"{row}._mapping = {self.name} AND {row}._source_key = {key}"


@dataclass(frozen=True, slots=True, eq=False)
class Fill(Output):
    """A canonical table as one mapping fills it, or a fold; `source` is the mirror that a mapping's rows come from."""

    source: Mirror | None = None

    @property
    def canonical(self) -> str:
        """The canonical table."""
        return quoted(self.target.schema + self.side, self.target.table)

    @property
    def held(self) -> str:
        """The table of candidates that are not canonical rows: held ones, and deleted ones that do not count."""
        return quoted(f"{self.target.schema}_held{self.side}", self.target.table)

    @property
    def held_key(self) -> tuple[str, ...]:
        """The key of that table."""
        return ("_mapping", "_source_key", *(self.key if self.target.explodes else ()))

    @property
    def before(self) -> str:
        """The temporary table of what the canonical table has of what is taken when the turn begins."""
        return f"pg_temp.before_{self.number}"


@dataclass(frozen=True, slots=True, eq=False)
class Contribution(Output):
    """What one mapping contributes to the rows of a fold; `source` is its source, as a constant."""

    source: str

    @property
    def stored(self) -> str:
        """The table of all that is contributed to the fold."""
        return contributions_to(self.target, self.side)


def contributions_to(target: Target, side: str) -> str:
    """Return the table of what is contributed to the rows of a canonical table."""
    return quoted(f"{target.schema}_contribution{side}", target.table)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One mapping with the tables it reads and writes. Compared by identity, as fills are.

    `outputs` are in the order of the mapping's targets; `fills` are those of them that are canonical tables.
    """

    number: int
    mapping: DictionaryMapping
    mirrors: Mapping[str, Mirror]
    outputs: tuple[Output, ...]

    @property
    def fills(self) -> tuple[Fill, ...]:
        """The canonical tables that the mapping fills by itself."""
        return tuple(output for output in self.outputs if isinstance(output, Fill))

    @property
    def contributions(self) -> tuple[Contribution, ...]:
        """What the mapping contributes to folds."""
        return tuple(output for output in self.outputs if isinstance(output, Contribution))

    @property
    def source(self) -> Mirror:
        """The mirror whose rows the mapping maps."""
        return self.mirrors[""]

    @property
    def name(self) -> str:
        """The mapping's name as a constant."""
        return literal(self.mapping.name)

    @property
    def take(self) -> str:
        """The temporary table of source keys that this turn derives."""
        return f"pg_temp.take_{self.number}"

    @property
    def codes(self) -> str:
        """The table of what source rows are held for."""
        return self.outputs[0].codes

    @property
    def alone(self) -> bool:
        """Whether a source row has one candidate at most."""
        return self.outputs[0].alone

    @property
    def keeps_deleted(self) -> bool:
        """Whether rows that the source has deleted stay in some table, marked or not."""
        return any(output.keeps_deleted for output in self.outputs)

    @property
    def keeps_unmarked(self) -> bool:
        """Whether they stay as they were in one of them."""
        return any(output.keeps_unmarked for output in self.outputs)

    @property
    def is_history(self) -> bool:
        """Whether its rows are versions of rows."""
        return self.source.ref.versions

    def images(self, mirror: Mirror) -> tuple[str, ...]:
        """Return the tables in which its rows, or rows that they look up, are found: last images of deleted ones, too,
        where deleted rows stay, or look up as they did."""
        return mirror.images if self.keeps_deleted or self.is_history else (mirror.name,)

    def type_of(self, alias: str, column: str) -> str:
        """Return the type of a column of the source row ("") or of a look-up."""
        return self.mirrors[alias].types[column]

    def lookup(self, alias: str) -> Lookup:
        """Return the look-up of that alias."""
        return next(lookup for lookup in self.mapping.lookups if lookup.alias == alias)


@dataclass(frozen=True, slots=True, eq=False)
class Merge:
    """A fold with the tables it reads and writes: what a row of the canonical table is taken from, is its own key."""

    fold: Fold
    fill: Fill
    contributions: tuple[Contribution, ...]

    @property
    def fills(self) -> tuple[Fill, ...]:
        """The canonical table."""
        return (self.fill,)

    @property
    def outputs(self) -> tuple[Fill, ...]:
        """The same."""
        return (self.fill,)

    @property
    def name(self) -> str:
        """The fold's name as a constant: that of its table."""
        return self.fill.name

    @property
    def take(self) -> str:
        """The temporary table of keys that this turn folds."""
        return self.fill.take

    @property
    def stored(self) -> str:
        """The table of all that is contributed."""
        return contributions_to(self.fold.target, self.fill.side)

    @property
    def codes(self) -> str:
        """The table of what its rows are held for."""
        return self.fill.codes

    @property
    def alone(self) -> bool:
        """There is one row for a key."""
        return True


Origin = Step | Merge


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A required reference between two canonical tables; `place` counts the references of the child as declared."""

    child: Fill
    parent: Fill
    reference: Reference
    place: int


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A domain bound to its tables. `digest` is the dictionary's; `side` tells whose tables they are."""

    name: str
    digest: str
    steps: tuple[Step, ...]
    merges: tuple[Merge, ...]
    links: tuple[Link, ...]
    side: str = ""

    @property
    def books(self) -> str:
        """The schema of the tables that say how far it is, and what is held."""
        return f"cdc{self.side}"

    @property
    def origins(self) -> tuple[Origin, ...]:
        """All that fills canonical tables."""
        return (*self.steps, *self.merges)

    @property
    def names(self) -> tuple[str, ...]:
        """What canonical and held rows of the domain say that they are of: mappings, and folds."""
        return (*(step.mapping.name for step in self.steps), *(str(merge.fold) for merge in self.merges))

    @property
    def fills(self) -> tuple[Fill, ...]:
        """Every canonical table of the domain as it is filled."""
        return tuple(fill for origin in self.origins for fill in origin.fills)

    @property
    def contributions(self) -> tuple[Contribution, ...]:
        """All that is contributed to folds of the domain."""
        return tuple(contribution for step in self.steps for contribution in step.contributions)

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Whatever has a stage."""
        return (*self.fills, *self.contributions)

    def origin_of(self, fill: Fill) -> Origin:
        """Return what fills it."""
        return next(origin for origin in self.origins if fill in origin.fills)

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
        for target in mapping.targets
    )
    return Step(number, mapping, {"": mirrors[mapping.source], **looked_up}, outputs)


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

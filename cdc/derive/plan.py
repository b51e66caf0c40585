"""A domain, bound to the mirrors that are there (`cdc.derive.bind`): what each statement of a turn is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cdc.derive.mirror import Mirror, default_collation
from cdc.derive.names import literal, quoted
from transforms.beside import CONTRIBUTION, HELD
from transforms.mapping import Fold, Lookup, Reference, Target
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
"""What every canonical row says of itself. Offset and time of a tombstone are those of the delete; of a row that stays
as it was, those of its last image."""


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
        return quoted(f"{self.target.schema}{HELD}{self.side}", self.target.table)

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
    return quoted(f"{target.schema}{CONTRIBUTION}{side}", target.table)


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

    def has_key(self, row: str, key: str) -> str:
        """Return the condition that a contribution is to the row with the key in the text array `key`, by an index."""
        types = {column.name: column.type for column in self.fold.target.columns}
        return " AND ".join(
            f"{row}.{quoted(name)} = ({key})[{place}]::{types[name]}{default_collation(types[name])}"
            for place, name in enumerate(self.fill.key, 1)
        )

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

    def mirrors_of(self, origin: Origin) -> tuple[str, ...]:
        """Return the names of the mirrors that its rows are made of: of a fold, those of all that contribute to it.

        Versions of rows stand for their rows: the dictionary classes these.
        """
        steps = (step for step in self.steps if step is origin or _contributes(step, origin))
        found = {mirror.ref for step in steps for mirror in step.mirrors.values()}
        return tuple(sorted({str(replace(ref, versions=False)) for ref in found}))

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that the domain reads."""
        return tuple(sorted({mirror.ref.schema for mirror in self.mirrors}))


def _contributes(step: Step, origin: Origin) -> bool:
    return isinstance(origin, Merge) and any(one in origin.contributions for one in step.contributions)

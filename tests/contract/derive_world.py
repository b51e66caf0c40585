"""Random small domains and what happens to them: sources change, landing writes it down, as the target sees it.

`RandomDomain` is a schema with mappings, `Landing` plays two sources and the landing worker on it: it keeps the truth
in a `World` and writes mirrors, deleted twins, stale marks, journal keys and positions the way landing does.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.contract.derive_model import Image, World
from transforms.domain import Domain
from transforms.errors import Refused
from transforms.history import history_of
from transforms.mapping import (
    Column,
    Fold,
    Input,
    Lookup,
    Mapping,
    Match,
    MirrorRef,
    OnDelete,
    Reference,
    Rule,
    Target,
    Valid,
)

ONE_TARGET = 40
"""Domains with smaller seeds have mappings of one target each."""
FOLDS = 60
"""Domains with smaller seeds have no folds."""
VALID = 80
"""Domains with smaller seeds have no look-ups of rows that are valid for a time."""
POLICIES = 92
"""In domains with smaller seeds a deleted row is a tombstone or goes."""
HISTORIES = 100
"""In domains with smaller seeds no table has a history."""
RULES = (("first",), ("last",), ("max",), ("owner",))

INTEGER, BIG, TEXT = "integer", "bigint", "character varying(8)"
LONG = "character varying(3)"


class RandomDomain:
    """A domain made by a seed: mirrors of two sources, mappings with look-ups, filters, refusals and references."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.seed = seed
        self.keeps = seed % 4 == 0
        """Whether all of it are tombstones that look up by other columns than keys: rare, and easily wrong."""
        self.types: dict[MirrorRef, dict[str, str]] = {}
        self.keys: dict[MirrorRef, tuple[str, ...]] = {}
        for source in ("a", "b"):
            for number in range(self.random.choice((1, 2, 2, 3))):
                self._mirror(MirrorRef(f"{source}{seed}", f"m{number}"))
        count = self.random.choice((2, 3, 3, 4))
        parts = [self._part(number) for number in range(count)]
        mappings = (self._mapping(part, parts) for part in parts)
        if seed >= ONE_TARGET:
            mappings = (self._with_second(mapping, part, parts) for mapping, part in zip(mappings, parts, strict=True))
        self.mappings = tuple(mappings)
        self.folds: tuple[Fold, ...] = ()
        if seed >= FOLDS:
            self._fold(parts)
        self.mappings = tuple(map(with_room_for_warnings, self.mappings))
        if seed >= HISTORIES:
            self.mappings = tuple(mapping for one in self.mappings for mapping in self._with_history(one))

    @property
    def domain(self) -> Domain:
        return Domain(f"d{self.seed}", self.mappings, self.folds)

    def empty_world(self) -> World:
        types = {**self.types, **{ref: {**self.types[of(ref)], **VERSION_TYPES} for ref in self.kept}}
        return World(types, {ref: {} for ref in types}, {ref: {} for ref in types})

    @property
    def kept(self) -> list[MirrorRef]:
        """The change mirrors that mappings read."""
        return sorted({mapping.source for mapping in self.mappings if mapping.source.versions})

    def _with_history(self, mapping: Mapping) -> Iterable[Mapping]:
        """Yield a mapping, and perhaps that of the histories of some of its tables."""
        targets = tuple(
            target if target.contributes or self.random.random() < 0.3 else replace(target, history=f"{target}_history")
            for target in mapping.targets
        )
        changed = replace(mapping, targets=targets)
        history = history_of(changed)
        yield from (changed, history) if history else (changed,)

    def ddl(self) -> str:
        statements = []
        for ref, types in self.types.items():
            columns = ", ".join(f'"{name}" {kind}{collation(kind)}' for name, kind in types.items())
            key = ", ".join(f'"{name}"' for name in self.keys[ref])
            meta = "_offset bigint NOT NULL, _source_ts timestamptz"
            for schema, more in ((ref.schema, ""), (f"{ref.schema}_deleted", DELETED)):
                statements.append(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
                statements.append(
                    f'CREATE TABLE "{schema}"."{ref.table}" ({columns}, {meta}{more}, PRIMARY KEY ({key}))'
                )
        return "; ".join(statements)

    def _on_delete(self) -> OnDelete:
        if self.seed < POLICIES:
            return "tombstone" if self.keeps else self.random.choice(("delete", "tombstone"))
        stays: tuple[OnDelete, ...] = ("tombstone", "ignore", "forbid")
        return self.random.choice(stays if self.keeps else (*stays, "delete"))

    def _mirror(self, ref: MirrorRef) -> None:
        pick = self.random
        types = {"k": pick.choice((INTEGER, INTEGER, INTEGER, TEXT))}
        if pick.random() < 0.3:
            types["l"] = pick.choice((INTEGER, TEXT))
        self.keys[ref] = tuple(types)
        types |= {f"v{number}": pick.choice((INTEGER, INTEGER, INTEGER, TEXT, TEXT, BIG)) for number in range(3)}
        self.types[ref] = types

    def _part(self, number: int) -> Part:
        pick = self.random
        source = pick.choice(sorted(self.types))
        refs = {"": source}
        lookups: list[Lookup] = []
        for place in range(pick.choice((0, 1, 1, 2, 2, 3))):
            lookup = self._lookup(f"l{place}", refs)
            lookups.append(lookup)
            refs[lookup.alias] = lookup.mirror
        key = [(f"k{place}", "", name) for place, name in enumerate(self.keys[source])]
        if pick.random() < 0.5:
            names = [name for name in self.types[source] if name.startswith("v")]
            key = [(f"k{place}", "", pick.choice(names)) for place in range(pick.choice((1, 1, 2)))]
        return Part(number, refs, tuple(lookups), key)

    def _lookup(self, alias: str, refs: dict[str, MirrorRef]) -> Lookup:
        pick = self.random
        mirror = pick.choice(sorted(self.types))
        matches = []
        for _ in range(pick.choice((1, 1, 1, 2))):
            column = pick.choice([*self.types[mirror], *self.keys[mirror] * (0 if self.keeps else 2)])
            other = pick.choice([*refs, list(refs)[-1]])
            names = [
                n for n in self.types[refs[other]] if same_kind(self.types[refs[other]][n], self.types[mirror][column])
            ]
            if not names or pick.random() < 0.15:
                names = list(self.types[refs[other]])
            matches.append(Match(column, other, pick.choice(names)))
        missing = pick.choice(("REF-301", None))
        valid = self._valid(refs, mirror) if self.seed >= VALID and pick.random() < 0.7 else None
        return Lookup(alias, mirror, tuple(matches), missing, valid)

    def _valid(self, refs: dict[str, MirrorRef], mirror: MirrorRef) -> Valid | None:
        alias = self.random.choice(list(refs))
        ats = [name for name, kind in self.types[refs[alias]].items() if kind != TEXT]
        ends = [name for name, kind in self.types[mirror].items() if kind != TEXT]
        if not ats or not ends:
            return None
        return Valid(alias, self.random.choice(ats), self.random.choice(ends), self.random.choice(ends))

    def _mapping(self, part: Part, parts: list[Part]) -> Mapping:
        pick = self.random
        columns = {name: (alias, column) for name, alias, column in part.key}
        references = tuple(self._references(part, parts, columns))
        columns["x"] = self._any_column(part, lambda _: True)
        inputs = tuple(part.inputs(columns.values(), self.types))
        places = [inputs.index(Input(*value)) for value in columns.values()]
        kinds = {name: self._kind(part, value) for name, value in columns.items()}
        target = Target(
            f"c{self.seed}",
            f"t{part.number}",
            (*(Column(name, kinds[name], False) for name in columns), Column("s", LONG, False)),
            tuple(name for name, _, _ in part.key),
            references,
            self._on_delete(),
        )
        rules = [pick.choice(range(len(inputs))) if pick.random() < chance else None for chance in (0.6, 0.5, 0.4)]
        normalise = Rules(part.lookups, inputs, places, *rules)
        return Mapping(f"p{part.number}", part.refs[""], part.lookups, inputs, (target,), normalise)

    def _with_second(self, mapping: Mapping, part: Part, parts: list[Part]) -> Mapping:
        """Let source rows have rows in a second table as well: one, or some, of which each has a number."""
        pick = self.random
        explodes = pick.random() < 0.5
        columns = {"q": self._any_column(part, lambda _: True)}
        if pick.random() < 0.6:  # else rows of several source rows claim one key
            columns |= {name: ("", column) for name, _, column in part.key}
        key = (*columns, "n") if explodes else tuple(columns)
        references = tuple(self._references(part, parts, columns))
        inputs = tuple(dict.fromkeys([*mapping.inputs, *(Input(*value) for value in columns.values())]))
        places = [inputs.index(Input(*value)) for value in columns.values()]
        named = [*columns]
        listed = [Column(name, self._kind(part, columns[name]), False) for name in named if name in key]
        listed += [Column("n", BIG, False)] if explodes else []
        listed += [Column(name, self._kind(part, columns[name]), False) for name in named if name not in key]
        order = [named.index(column.name) if column.name != "n" else None for column in listed]
        on_delete = self._on_delete()
        target = Target(f"c{self.seed}", f"u{part.number}", tuple(listed), key, references, on_delete, explodes)
        parts_of = Parts(places, order, pick.randrange(len(inputs)), explodes=explodes)
        targets = (mapping.targets[0], target)
        first = mapping.normalise
        if pick.random() < 0.3:
            return replace(
                mapping, inputs=inputs, targets=targets[::-1], normalise=lambda row: both(parts_of, first, row)[::-1]
            )
        return replace(mapping, inputs=inputs, targets=targets, normalise=lambda row: both(parts_of, first, row))

    def _fold(self, parts: list[Part]) -> None:
        """Let some mappings contribute to the rows of one more table, and others refer to it."""
        pick = self.random
        kind = pick.choice((BIG, TEXT))
        keyed = [
            (part, self._any_column(part, lambda value, part=part: self._kind(part, value) == kind)) for part in parts
        ]
        chosen = {part.number: column for part, column in keyed if column is not None and pick.random() < 0.8}
        rules = {
            name: Rule(*pick.choice(RULES), pick.choice(sorted({ref.schema for ref in self.types}))) for name in "xyz"
        }
        rules = {name: rule if rule.take == "owner" else Rule(rule.take) for name, rule in rules.items()}
        order = pick.choice((BIG, BIG, ""))
        columns = {"x": BIG, "y": BIG, "z": TEXT}
        references = []
        if pick.random() < 0.5:
            parent = pick.choice(parts)
            kinds = [self._kind(parent, (alias, column)) for _, alias, column in parent.key]
            names = [next((name for name, one in columns.items() if one == wanted), None) for wanted in kinds]
            targets = tuple(name for name, _, _ in parent.key)
            if len(set(names)) == len(names):
                references.append(Reference(tuple(names), f"c{self.seed}", f"t{parent.number}", targets, True))
        listed = (
            Column("k", kind, True),
            *(Column(name, one, name == "x" and pick.random() < 0.3) for name, one in columns.items()),
        )
        target = Target(
            f"c{self.seed}",
            "f",
            (*listed, Column("_conflicts", "jsonb", False), Column("_warnings", "text[]", False)),
            ("k",),
            tuple(references),
            "tombstone",
        )
        if not chosen:
            return
        self.folds = (Fold(target, rules, order),)
        self.mappings = tuple(
            self._contributing(mapping, part, chosen[part.number], order) if part.number in chosen else mapping
            for mapping, part in zip(self.mappings, parts, strict=True)
        )
        self.mappings = tuple(
            self._referring(mapping, part, kind) for mapping, part in zip(self.mappings, parts, strict=True)
        )

    def _contributing(self, mapping: Mapping, part: Part, key: tuple[str, str], order: str) -> Mapping:
        pick = self.random
        columns: dict[str, tuple[str, str]] = {"k": key}
        for name, kind in (("x", BIG), ("y", BIG), ("z", TEXT), ("_order", BIG)):
            column = self._any_column(part, lambda value, kind=kind: self._kind(part, value) == kind)
            if column is not None and (pick.random() < 0.8 or name == "_order") and (order or name != "_order"):
                columns[name] = column
        kinds = {name: self._kind(part, column) for name, column in columns.items()}
        on_delete = self._on_delete()
        said = (
            *(Column(name, kind, name == "k") for name, kind in kinds.items()),
            Column("_warnings", "text[]", False),
        )
        target = Target(f"c{self.seed}", "f", said, ("k",), (), on_delete, contributes=True)
        inputs = tuple(dict.fromkeys([*mapping.inputs, *(Input(*value) for value in columns.values())]))
        places = [inputs.index(Input(*value)) for value in columns.values()]
        first = mapping.normalise

        def normalise(row):
            outcome = first(row)
            values = tuple(row[place] for place in places)
            return (
                None
                if outcome is None
                else (*outcome, ((*values, [f"W-{values[0]}"] if values[0] in (1, "1") else None),))
            )

        return replace(mapping, inputs=inputs, targets=(*mapping.targets, target), normalise=normalise)

    def _referring(self, mapping: Mapping, part: Part, kind: str) -> Mapping:
        """Let the first table refer to the folded one by one of its columns, at times."""
        target = mapping.targets[0]
        names = [column.name for column in target.columns if column.type == kind and column.name not in target.key]
        if target.contributes or not names or self.random.random() < 0.5:
            return mapping
        reference = Reference((self.random.choice(names),), f"c{self.seed}", "f", ("k",), True)
        changed = replace(target, references=(*target.references, reference))
        return replace(mapping, targets=(changed, *mapping.targets[1:]))

    def _kind(self, part: Part, value: tuple[str, str]) -> str:
        return TEXT if self.types[part.refs[value[0]]][value[1]] == TEXT else BIG

    def _references(self, part: Part, parts: list[Part], columns: dict[str, tuple[str, str]]) -> Iterable[Reference]:
        for place in range(self.random.choice((0, 1, 1, 2))):
            parent = self.random.choice(parts)
            chosen = []
            for _, alias, column in parent.key:
                kind = self._kind(parent, (alias, column))
                chosen.append(self._any_column(part, lambda value, kind=kind: self._kind(part, value) == kind))
            if None in chosen:
                continue
            names = [f"r{place}_{number}" for number in range(len(chosen))]
            columns.update(zip(names, chosen, strict=True))
            targets = [name for name, _, _ in parent.key]
            order = self.random.sample(range(len(names)), len(names))
            yield Reference(
                tuple(names[number] for number in order),
                f"c{self.seed}",
                f"t{parent.number}",
                tuple(targets[number] for number in order),
                self.random.random() < 0.85,
            )

    def _any_column(self, part: Part, fits) -> tuple[str, str] | None:
        values = [(alias, name) for alias, ref in part.refs.items() for name in self.types[ref]]
        usable = [value for value in values if fits(value)]
        return self.random.choice(usable) if usable else None


class Part:
    """What of a mapping is decided before its references are: source, look-ups, key."""

    def __init__(self, number: int, refs: dict, lookups: tuple[Lookup, ...], key: list) -> None:
        self.number, self.refs, self.lookups, self.key = number, refs, lookups, key

    def inputs(self, values: Iterable[tuple[str, str]], types: dict) -> Iterable[Input]:
        wanted = [("", name) for name in types[self.refs[""]]]
        for lookup in self.lookups:
            wanted += [(lookup.alias, None), *((match.alias, match.source_column) for match in lookup.match)]
        return (Input(*value) for value in dict.fromkeys([*wanted, *values]))


class Rules:
    """A mapping's `normalise`: look-ups, a filter, a refusal, and a text that is sometimes too long."""

    def __init__(self, lookups, inputs, places, filtered, refused, long) -> None:
        self.lookups = [
            (
                lookup,
                inputs.index(Input(lookup.alias, None)),
                [inputs.index(Input(match.alias, match.source_column)) for match in lookup.match],
            )
            for lookup in lookups
        ]
        self.places, self.filtered, self.refused, self.long = places, filtered, refused, long

    def __call__(self, row):
        if self.filtered is not None and row[self.filtered] in (3, "3"):
            return None
        for lookup, count, values in self.lookups:
            if row[count] == 0 and lookup.missing:
                raise Refused(lookup.missing, lookup.alias, "", str(lookup.mirror), tuple(row[v] for v in values))
            if row[count] == 2:
                raise Refused("REF-302", lookup.alias)
        if self.refused is not None and row[self.refused] in (2, "2"):
            raise Refused("COD-201", "x")
        long = self.long is not None and row[self.long] in (3, "3")
        return (((*(row[place] for place in self.places), "long!" if long else "ok"),),)


class Parts:
    """The candidates of a second table: as many as a value of the row says, or one unless it says none."""

    def __init__(self, places: list[int], order: list[int | None], counted: int, *, explodes: bool) -> None:
        self.places, self.order, self.counted, self.explodes = places, order, counted, explodes

    def __call__(self, row):
        count = int(row[self.counted] or 0)
        numbers = range(min(count, 3)) if self.explodes else range(int(count != 1))
        values = [row[place] for place in self.places]
        return tuple(tuple(number if at is None else values[at] for at in self.order) for number in numbers)


def with_room_for_warnings(mapping: Mapping) -> Mapping:
    """Return the mapping with a column of warnings in each table whose rows must not be deleted."""
    forbids = [target.on_delete == "forbid" and not target.contributes for target in mapping.targets]
    if not any(forbids):
        return mapping
    column = Column("_warnings", "text[]", False)
    targets = tuple(
        replace(target, columns=(*target.columns, column)) if more else target
        for target, more in zip(mapping.targets, forbids, strict=True)
    )
    first = mapping.normalise

    def normalise(row):
        outcome = first(row)
        return outcome and tuple(
            tuple((*candidate, None) for candidate in candidates) if more else candidates
            for candidates, more in zip(outcome, forbids, strict=True)
        )

    return replace(mapping, targets=targets, normalise=normalise)


def both(parts: Parts, first, row):
    """Return the candidates of both tables; what the first one refuses or filters has none in either."""
    outcome = first(row)
    return ((), ()) if outcome is None else (*outcome, parts(row))


VERSION_TYPES = {"_version": BIG, "_op": "text", "_valid_from": "when", "_valid_to": "when", "_old_key": "text"}


def of(ref: MirrorRef) -> MirrorRef:
    """Return the mirror of a change mirror."""
    return replace(ref, versions=False)


def moment(offset: int) -> datetime:
    """Return the time of a commit: there are some at every instant."""
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=offset // 4)


DELETED = ", _deleted_offset bigint NOT NULL, _deleted_ts timestamptz"


def collation(kind: str) -> str:
    return ' COLLATE "C"' if kind == TEXT else ""


def same_kind(left: str, right: str) -> bool:
    return (left == TEXT) == (right == TEXT)


class Landing:
    """Two sources that change at random, and the landing of their changes into the target."""

    def __init__(self, schema: RandomDomain, seed: int, watched: dict[str, list[str]]) -> None:
        self.random = random.Random(seed)
        self.schema, self.watched = schema, watched
        self.world = schema.empty_world()
        self.offset = 0
        self.batches = dict.fromkeys(self.sources, 0)

    @property
    def sources(self) -> list[str]:
        return sorted({ref.schema for ref in self.schema.types})

    def fill(self) -> str:
        """Land a first batch of rows in every mirror."""
        texts = []
        for source in self.sources:
            batch = self._open(source)
            for ref in batch.refs:
                for _ in range(self.random.choice((0, 2, 4, 5))):
                    self._insert(batch, ref)
            texts.append(batch.text())
        return "; ".join(texts)

    def land(self) -> str:
        """Land one batch of one source; returns its SQL."""
        batch = self._open(self.random.choice(self.sources))
        for _ in range(self.random.choice((1, 1, 2, 3, 5))):
            ref = self.random.choice(batch.refs)
            operation = self.random.choices(OPERATIONS, WEIGHTS)[0]
            operation(self, batch, ref)
        return batch.text()

    def _open(self, source: str) -> Batch:
        self.batches[source] += 1
        return Batch(self, source, self.batches[source])

    def _row(self, ref: MirrorRef) -> dict:
        return {name: self.value(kind, name in self.schema.keys[ref]) for name, kind in self.schema.types[ref].items()}

    def value(self, kind: str, key: bool):
        number = self.random.choice((0, 1, 2, 3, 4) if key else (0, 1, 1, 2, 3, None))
        if number is None or kind != TEXT:
            return number
        return f"{number} " if not key and self.random.random() < 0.1 else str(number)

    def existing(self, ref: MirrorRef):
        rows = sorted(self.world.live[ref])
        return self.random.choice(rows) if rows else None

    def _insert(self, batch: Batch, ref: MirrorRef) -> None:
        batch.write(ref, self._row(ref))

    def _update(self, batch: Batch, ref: MirrorRef) -> None:
        key = self.existing(ref)
        if key is not None:
            values = dict(self.world.live[ref][key].values)
            for name in self.random.sample(
                [name for name in values if name.startswith("v")], self.random.choice((0, 1, 2))
            ):
                values[name] = self.value(self.schema.types[ref][name], False)
            batch.write(ref, values)

    def _change_key(self, batch: Batch, ref: MirrorRef) -> None:
        key = self.existing(ref)
        if key is not None:
            values = {**self.world.live[ref][key].values}
            values |= {name: self.value(self.schema.types[ref][name], True) for name in self.schema.keys[ref]}
            batch.delete(ref, key)
            batch.write(ref, values)

    def _delete(self, batch: Batch, ref: MirrorRef) -> None:
        key = self.existing(ref)
        if key is not None:
            batch.delete(ref, key)

    def _delete_and_insert(self, batch: Batch, ref: MirrorRef) -> None:
        key = self.existing(ref)
        if key is not None:
            values = dict(self.world.live[ref][key].values)
            batch.delete(ref, key)
            if self.random.random() < 0.5:
                values["v0"] = self.value(self.schema.types[ref]["v0"], False)
            batch.write(ref, values)

    def _insert_again(self, batch: Batch, ref: MirrorRef) -> None:
        gone = sorted(self.world.deleted[ref])
        if gone:
            values = dict(self.world.deleted[ref][self.random.choice(gone)].values)
            if self.random.random() < 0.9:
                name = self.random.choice(("v0", "v1", "v2"))
                values[name] = self.value(self.schema.types[ref][name], False)
            batch.write(ref, values)

    def _truncate(self, batch: Batch, ref: MirrorRef) -> None:
        batch.truncate(ref)

    def _delete_all(self, batch: Batch, ref: MirrorRef) -> None:
        for key in list(self.world.live[ref]):
            batch.delete(ref, key)

    def _refuse(self, batch: Batch, ref: MirrorRef) -> None:
        key = self.existing(ref)
        batch.refuse(ref, key if key is not None else batch.key_of(ref, self._row(ref)))

    def _heal(self, batch: Batch, ref: MirrorRef) -> None:
        marked = sorted(key for other, key in self.world.stale if other == ref)
        if marked:
            key = self.random.choice(marked)
            if key in self.world.live[ref]:
                batch.write(ref, dict(self.world.live[ref][key].values))


OPERATIONS = [
    Landing._insert,
    Landing._update,
    Landing._change_key,
    Landing._delete,
    Landing._delete_and_insert,
    Landing._insert_again,
    Landing._truncate,
    Landing._delete_all,
    Landing._refuse,
    Landing._heal,
]
WEIGHTS = [30, 30, 8, 14, 4, 16, 2, 3, 5, 16]


class Batch:
    """One landing transaction. A TRUNCATE is a barrier: what came before it is noted before it."""

    def __init__(self, landing: Landing, source: str, number: int) -> None:
        self.landing, self.world, self.source, self.number = landing, landing.world, source, number
        self.refs = sorted(ref for ref in landing.schema.types if ref.schema == source)
        self.noted: list[str] = []
        self.old: dict = {}
        self.touched: dict = {}

    def key_of(self, ref: MirrorRef, values: dict) -> tuple[str, ...]:
        return tuple(str(values[name]) for name in self.landing.schema.keys[ref])

    def write(self, ref: MirrorRef, values: dict) -> None:
        key = self.key_of(ref, values)
        self._touch(ref, key)
        self.world.live[ref][key] = Image(values, self._next())
        self.world.deleted[ref].pop(key, None)
        self.world.stale.discard((ref, key))

    def delete(self, ref: MirrorRef, key: tuple[str, ...]) -> None:
        self._touch(ref, key)
        image = self.world.live[ref].pop(key)
        self.world.deleted[ref][key] = Image(image.values, self._next(), image.offset)

    def refuse(self, ref: MirrorRef, key: tuple[str, ...]) -> None:
        self._touch(ref, key)
        self.world.stale.add((ref, key))

    def truncate(self, ref: MirrorRef) -> None:
        self._note()
        for key in list(self.world.live[ref]):
            self.delete(ref, key)
        self.old.clear()
        self.noted.append(self._journal(ref, "NULL", "t", "NULL"))

    def text(self) -> str:
        """Return the transaction: mirrors, stale marks, journal keys, position."""
        self._note()
        texts = [self._mirror_text(ref, key) for ref, key in sorted(self.touched)]
        for ref in self.landing.schema.kept:
            texts += [self._version_text(ref, key) for other, key in sorted(self.touched) if other == of(ref)]
        position = f"UPDATE cdc.position SET batch = {self.number} WHERE stream = 'cdc.{self.source}'"
        return "; ".join(["BEGIN", *texts, *self.noted, position, "COMMIT"])

    def _next(self) -> int:
        self.landing.offset += 1
        return self.landing.offset

    def _touch(self, ref: MirrorRef, key: tuple[str, ...]) -> None:
        world = self.world
        was = key in world.live[ref], key in world.deleted[ref], (ref, key) in world.stale
        self.touched.setdefault((ref, key), was)
        if (ref, key) not in self.old:
            old = self.old_values(ref, key)
            self.old[ref, key] = "NULL" if old is None else literal(json.dumps(old))

    def old_values(self, ref: MirrorRef, key: tuple[str, ...]) -> dict | None:
        """The watched values before the batch: of the mirror's row, else of the deleted twin's, which says so."""
        names = self.landing.watched.get(str(ref), [])
        live, gone = self.world.live[ref].get(key), self.world.deleted[ref].get(key)
        if not names or (live is None and gone is None):
            return None
        values = (live or gone).values
        old = {name: None if values[name] is None else str(values[name]) for name in names}
        return old if live else {**old, "_deleted": True}

    def _note(self) -> None:
        for (ref, key), old in self.old.items():
            op = "u" if key in self.world.live[ref] else "d"
            self.noted.append(self._journal(ref, array(key), op, old))
        self.old.clear()

    def _version_text(self, ref: MirrorRef, key: tuple[str, ...]) -> str:
        """Keep what the batch, one commit, left a row in, unless it is what it was."""
        world, kept = self.world, self.world.live[ref]
        before = max((place for place in kept if place[:-1] == key), key=lambda place: int(place[-1]), default=None)
        last = None if before is None else kept[before].values
        live = world.live[of(ref)].get(key)
        op = "s" if (of(ref), key) in world.stale else "d" if live is None else "u"
        shown = "d" if last is None else "u" if last["_op"] not in "ds" else last["_op"]
        names = self.landing.schema.types[of(ref)]
        if op == shown and (op != "u" or all(live.values[name] == last[name] for name in names)):
            return "SELECT"
        offset = self._next()
        values = dict.fromkeys(names)
        if live is not None or last is not None:
            values = {name: (live.values if live else last)[name] for name in names}
        else:
            parts = zip(self.landing.schema.keys[of(ref)], key, strict=True)
            values |= {name: part if names[name] == TEXT else int(part) for name, part in parts}
        told = {"_version": offset, "_op": op, "_valid_from": moment(offset), "_valid_to": None, "_old_key": None}
        kept[(*key, str(offset))] = Image({**values, **told}, offset)
        texts = [self._journal(ref, array((*key, str(offset))), "u", "NULL")]
        if before is not None:
            kept[before] = Image({**kept[before].values, "_valid_to": moment(offset)}, kept[before].offset)
            texts.append(self._journal(ref, array(before), "u", "NULL"))
            texts.append(
                f'UPDATE "{ref.stored_in}"."{ref.table}" SET _valid_to = {literal(moment(offset))}'
                f" WHERE _version = {before[-1]} AND {self._has_key(of(ref), key)}"
            )
        listed = ", ".join(f'"{name}"' for name in (*names, *told))
        written = ", ".join(literal(value) for value in (*values.values(), *told.values()))
        texts.append(f'INSERT INTO "{ref.stored_in}"."{ref.table}" ({listed}, _offset) VALUES ({written}, {offset})')
        return "; ".join(texts)

    def _has_key(self, ref: MirrorRef, key: tuple[str, ...]) -> str:
        names = self.landing.schema.keys[ref]
        return " AND ".join(f'"{name}" = {literal(value)}' for name, value in zip(names, key, strict=True))

    def _journal(self, ref: MirrorRef, key: str, op: str, old: str) -> str:
        return (
            "INSERT INTO cdc.journal_key (stream, batch, mirror, key, op, old) VALUES"
            f" ('cdc.{self.source}', {self.number}, '{ref}', {key}, '{op}', {old})"
        )

    def _mirror_text(self, ref: MirrorRef, key: tuple[str, ...]) -> str:
        types, where = self.landing.schema.types[ref], self._has_key(ref, key)
        was_live, was_deleted, was_stale = self.touched[ref, key]
        schemas = [(was_live, ref.schema), (was_deleted, f"{ref.schema}_deleted")]
        texts = [f'DELETE FROM "{schema}"."{ref.table}" WHERE {where}' for was, schema in schemas if was]
        live, gone = self.world.live[ref].get(key), self.world.deleted[ref].get(key)
        for image, schema, more in ((live, ref.schema, ""), (gone, f"{ref.schema}_deleted", ", {}, NULL")):
            if image is not None:
                values = ", ".join(literal(image.values[name]) for name in types)
                offsets = f"{image.offset if image is live else image.was}, NULL" + more.format(image.offset)
                texts.append(f'INSERT INTO "{schema}"."{ref.table}" VALUES ({values}, {offsets})')
        if was_stale:
            texts.append(f"DELETE FROM cdc.stale WHERE mirror = '{ref}' AND key = {array(key)}")
        if (ref, key) in self.world.stale:
            texts.append(
                f"INSERT INTO cdc.stale VALUES ('{ref}', {array(key)}, 'VAL-101', 'cdc.{self.source}', {self.number})"
            )
        return "; ".join(texts)


def literal(value: object) -> str:
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"


def array(key: tuple[str, ...]) -> str:
    return f"ARRAY[{', '.join(map(literal, key))}]::text[]"

"""D, evaluated from scratch in plain Python: what the derive worker must arrive at, however it got there.

    candidates   every source row through its mapping (deleted rows too where the mapping keeps tombstones)
    histories    every version of a row through the same, but those in which there was none, or nobody knows which
    deletes      a deleted row is a tombstone, or stays as it was; where that is forbidden it is held as well
    claims       one live candidate per key, else all of them are held; a deleted row's only where no live row claims
    references   the greatest set in which every required reference resolves; the rest is held
    siblings     a source row has all of its canonical rows, or is held
    folds        what rows contribute to a key is folded to one candidate, column by column

Nothing here is shared with the worker but the mappings themselves.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from transforms.errors import Refused
from transforms.mapping import Fold, Lookup, Mapping, MirrorRef, Reference, Rule, Target

Values = dict[str, Any]
KeyText = tuple[str, ...]


@dataclass
class Image:
    """A row of a mirror, or the last image of a deleted one; `offset` is that of the delete then, `was` the row's."""

    values: Values
    offset: int
    was: int = -1


@dataclass
class World:
    """Everything that D is a function of. `types` tell integers from texts."""

    types: dict[MirrorRef, dict[str, str]]
    live: dict[MirrorRef, dict[KeyText, Image]]
    deleted: dict[MirrorRef, dict[KeyText, Image]]
    stale: set[tuple[MirrorRef, KeyText]] = field(default_factory=set)

    def copy(self) -> World:
        """Return the world as it is now; images are never changed, only replaced."""
        live, deleted = ({ref: dict(rows) for ref, rows in images.items()} for images in (self.live, self.deleted))
        return World(self.types, live, deleted, set(self.stale))


@dataclass(frozen=True)
class Row:
    """A candidate."""

    values: tuple[Any, ...]
    mapping: str
    source_key: KeyText
    offset: int
    deleted: bool


@dataclass(frozen=True)
class Held:
    """Why a source row is held."""

    code: str
    waits_for: str | None = None
    waits_key: tuple[str | None, ...] | None = None


@dataclass
class Outcome:
    """Canonical rows by table, held rows by (mapping, source key)."""

    canonical: dict[str, set[Row]]
    held: dict[tuple[str, KeyText], Held]


def evaluate(mappings: tuple[Mapping, ...], world: World, folds: tuple[Fold, ...] = ()) -> Outcome:
    """Return D(world)."""
    targets = [target for mapping in mappings for target in mapping.targets if not target.contributes]
    targets += [fold.target for fold in folds]
    outcome = Outcome({str(target): set() for target in targets}, {})
    said = [row for mapping in mappings for row in _candidates(mapping, world, outcome.held)]
    rows = [row for row in said if not row.target.contributes]
    sources = {mapping.name: mapping.source.schema for mapping in mappings}
    rows += [row for fold in folds for row in _fold(fold, said, sources, outcome.held)]
    claims = _Claims(targets, rows)
    claims.drop_unresolved()
    for place, row in enumerate(claims.rows):
        if claims.counts(place):
            outcome.canonical[str(row.target)].add(row.row)
    outcome.held.update(claims.held())
    kept = [row for place, row in enumerate(claims.rows) if claims.counts(place)]
    for row in (*kept, *(row for row in said if row.target.contributes)):
        if row.gone and row.target.on_delete == "forbid":
            outcome.held.setdefault(row.source, Held("DEL-101"))
    return outcome


@dataclass(frozen=True)
class _Candidate:
    """A candidate with the target that it is for; `place` is the target's among those of its mapping.

    `gone`: the source has deleted the row, whatever the candidate says of that.
    """

    row: Row
    target: Target
    place: int
    gone: bool

    @property
    def source(self) -> tuple[str, KeyText]:
        return self.row.mapping, self.row.source_key

    @property
    def values(self) -> Values:
        return dict(zip((column.name for column in self.target.columns), self.row.values, strict=True))

    @property
    def key(self) -> tuple[Any, ...]:
        values = self.values
        return tuple(values[name] for name in self.target.key)


def _candidates(mapping, world, held):
    images = [(key, image, False) for key, image in world.live[mapping.source].items()]
    if any(target.on_delete != "delete" for target in mapping.targets):
        images += [(key, image, True) for key, image in world.deleted[mapping.source].items()]
    versions = mapping.source.versions
    for key, image, deleted in images:
        found = {"": [(key, image)]}
        if versions and (image.values["_op"] == "d" or (image.values["_op"] == "s" and image.values["_valid_to"])):
            continue
        for lookup in mapping.lookups:
            found[lookup.alias] = _look_up(mapping, lookup, found, deleted or versions, world)
        stale = _first_stale(mapping, found, world)
        if versions and image.values["_op"] == "s":
            stale = f"{mapping.source.schema}.{mapping.source.table}", key[:-1]
        if stale is not None:
            held[mapping.name, key] = Held("STL-101", str(stale[0]), stale[1])
            continue
        try:
            outcome = mapping.normalise([_input(value, found) for value in mapping.inputs])
        except Refused as refused:
            waits = None if refused.waits_key is None else tuple(_text(value) for value in refused.waits_key)
            held[mapping.name, key] = Held(refused.code, refused.waits_for, waits)
            continue
        wanted = [
            (target, place, values)
            for place, (target, rows) in enumerate(
                zip(mapping.targets, outcome or ((),) * len(mapping.targets), strict=True)
            )
            for values in rows
            if not deleted or target.on_delete != "delete"
        ]
        if any(_does_not_fit(target, values) for target, _, values in wanted):
            held[mapping.name, key] = Held("DRV-201")
            continue
        for target, place, values in wanted:
            unmarked = deleted and target.on_delete in ("ignore", "forbid")
            offset = image.was if unmarked else image.offset
            row = Row(_warned(target, values, deleted), mapping.name, key, offset, deleted and not unmarked)
            yield _Candidate(row, target, place, deleted)


def _warned(target: Target, values, deleted: bool) -> tuple[Any, ...]:
    """Return the values; with the warning that the row should be there, as text where it is compared as such."""
    if target.on_delete != "forbid" or (target.contributes and not deleted):
        return tuple(values)
    *others, warnings = values
    told = [*(warnings or ()), *(["DEL-101 _deleted"] if deleted else [])]
    return (*others, told if target.contributes else json.dumps(told) if told else None)


def _fold(fold: Fold, said: list[_Candidate], sources: dict[str, str], held) -> Iterator[_Candidate]:
    """Yield the folded rows; what all contributions leave open that is required is held for it."""
    by_key = defaultdict(list)
    for row in said:
        if str(row.target) == str(fold):
            by_key[row.key].append(row)
    for key, rows in by_key.items():
        live = [row for row in rows if not row.row.deleted]
        counted = live or rows
        values = dict(zip(fold.target.key, key, strict=True))
        values |= {name: _taken(name, rule, counted, sources) for name, rule in fold.rules.items()}
        values["_conflicts"] = _conflicts(fold, values, counted)
        told = {f"{row.row.mapping} {each}" for row in counted for each in row.values.get("_warnings") or ()}
        values["_warnings"] = json.dumps(sorted(told)) if told else None
        source_key = tuple(map(str, key))
        if any(column.required and values[column.name] is None for column in fold.target.columns):
            held[str(fold), source_key] = Held("REQ-101")
            continue
        offset = max(row.row.offset for row in counted)
        ordered = tuple(values[column.name] for column in fold.target.columns)
        yield _Candidate(Row(ordered, str(fold), source_key, offset, not live), fold.target, 0, not live)


def _taken(name: str, rule: Rule, rows: list[_Candidate], sources: dict[str, str]) -> Any:
    def rank(row: _Candidate) -> tuple:
        order = row.values.get("_order")
        latest = -order if order is not None and rule.take != "first" else order
        return order is None, latest or 0, sources[row.row.mapping], row.row.mapping, row.row.source_key

    found = [row for row in sorted(rows, key=rank) if row.values.get(name) is not None]
    if rule.take == "owner":
        found = [row for row in found if sources[row.row.mapping] == rule.owner]
    if rule.take == "max":
        return max((row.values[name] for row in found), default=None)
    return found[0].values[name] if found else None


def _conflicts(fold: Fold, values: Values, rows: list[_Candidate]) -> str | None:
    told = [
        {
            "column": name,
            "mapping": row.row.mapping,
            "source_key": list(row.row.source_key),
            "value": str(row.values[name]),
        }
        for name in sorted(fold.rules)
        for row in sorted(rows, key=lambda row: (row.row.mapping, row.row.source_key))
        if row.values.get(name) is not None and row.values[name] != values[name]
    ]
    return json.dumps(told, sort_keys=True) if told else None


def _look_up(mapping: Mapping, lookup: Lookup, found, deleted: bool, world: World):
    wanted = [_value(found[match.alias], match.source_column) for match in lookup.match]
    refs = {"": mapping.source, **{other.alias: other.mirror for other in mapping.lookups}}

    def matches(image: Image) -> bool:
        return all(
            _same(
                image.values[match.column],
                world.types[lookup.mirror][match.column],
                value,
                world.types[refs[match.alias]][match.source_column],
            )
            for match, value in zip(lookup.match, wanted, strict=True)
        )

    moment = _value(found[lookup.valid.alias], lookup.valid.at) if lookup.valid else None

    def is_valid(image: Image) -> bool:
        if lookup.valid is None:
            return True
        start, end = image.values[lookup.valid.start], image.values[lookup.valid.end]
        return moment is not None and (start is None or start <= moment) and (end is None or moment < end)

    def those_of(images) -> list:
        return [(key, image) for key, image in sorted(images.items()) if matches(image) and is_valid(image)]

    return those_of(world.live[lookup.mirror]) or (those_of(world.deleted[lookup.mirror]) if deleted else [])


def _same(left: Any, left_type: str, right: Any, right_type: str) -> bool:
    if left is None or right is None:
        return False
    if left_type == right_type:
        return left == right
    return str(left).rstrip(" ") == str(right).rstrip(" ")


def _value(rows, column: str) -> Any:
    return rows[0][1].values[column] if len(rows) == 1 else None


def _input(value, found) -> Any:
    rows = found[value.alias]
    return min(len(rows), 2) if value.column is None else _value(rows, value.column)


def _first_stale(mapping: Mapping, found, world: World):
    refs = {"": mapping.source, **{lookup.alias: lookup.mirror for lookup in mapping.lookups}}
    for alias, ref in refs.items():
        for key, _ in found[alias]:
            if (ref, key) in world.stale:
                return ref, key
    return None


def _does_not_fit(target: Target, values) -> bool:
    for column, value in zip(target.columns, values, strict=True):
        if value is None:
            if column.required or column.name in target.key:
                return True
        elif column.type == "character varying(3)" and len(value.rstrip(" ")) > 3:
            return True
    return False


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


class _Claims:
    """Which candidates count: what speaks against each of itself, and against another one of its source row."""

    def __init__(self, targets: list[Target], rows: list[_Candidate]) -> None:
        self.rows = rows
        self.codes: dict[int, Held] = {}
        self.shadowed: set[int] = set()
        self._keys = {str(target): target.key for target in targets}
        by_key = defaultdict(list)
        for place, row in enumerate(rows):
            by_key[str(row.target), row.key].append(place)
        for places in by_key.values():
            self._claim(places)

    def _claim(self, places: list[int]) -> None:
        live = [place for place in places if not self.rows[place].gone]
        if len(live) > 1:
            self.codes.update((place, Held("KEY-201")) for place in live)
        gone = [place for place in places if place not in live]
        if not live and gone:
            gone.remove(max(gone, key=lambda place: (self.rows[place].row.offset, self.rows[place].row.source_key)))
        self.shadowed.update(gone)

    def held_sources(self) -> set[tuple[str, KeyText]]:
        return {self.rows[place].source for place in self.codes}

    def counts(self, place: int) -> bool:
        """Whether the candidate is in its canonical table."""
        return place not in self.shadowed and self.rows[place].source not in self.held_sources()

    def drop_unresolved(self) -> None:
        """Hold what does not resolve until all does; only then say what each waits for."""
        changed = True
        while changed:
            there = self._there()
            opens = [place for place in self._sound() if self._first_open(place, there)]
            changed = bool(opens)
            self.codes.update((place, Held("REF-301")) for place in opens)
        there = self._there()
        for place, held in self.codes.items():
            if held.code == "REF-301":
                reference, values = self._first_open(place, there)
                self.codes[place] = Held("REF-301", f"{reference.schema}.{reference.table}", tuple(map(_text, values)))

    def held(self) -> Values:
        """What each source row is held for: by its first target, and there by the smallest key."""
        by_source = defaultdict(list)
        for place in self.codes:
            by_source[self.rows[place].source].append(place)
        first = {
            source: min(places, key=lambda place: (self.rows[place].place, self.rows[place].key))
            for source, places in by_source.items()
        }
        return {source: self.codes[place] for source, place in first.items()}

    def _sound(self) -> list[int]:
        return [place for place in range(len(self.rows)) if place not in self.codes and place not in self.shadowed]

    def _there(self) -> set[tuple[str, tuple[Any, ...]]]:
        held = self.held_sources()
        return {
            (str(row.target), row.key)
            for place, row in enumerate(self.rows)
            if place not in self.shadowed and row.source not in held
        }

    def _first_open(self, place: int, there) -> tuple[Reference, tuple[Any, ...]] | None:
        row, values = self.rows[place], self.rows[place].values
        for reference in row.target.references:
            wanted = dict(zip(reference.target_columns, (values[name] for name in reference.columns), strict=True))
            if not reference.required or None in wanted.values():
                continue
            parent = f"{reference.schema}.{reference.table}"
            if (parent, tuple(wanted[name] for name in self._keys[parent])) not in there:
                return reference, tuple(values[name] for name in reference.columns)
        return None

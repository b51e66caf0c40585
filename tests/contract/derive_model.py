"""D, evaluated from scratch in plain Python: what the derive worker must arrive at, however it got there.

    candidates   every source row through its mapping (deleted rows too where the mapping keeps tombstones)
    claims       one live candidate per key, else all of them are held; a tombstone only where no live row claims
    references   the greatest set in which every required reference resolves; the rest is held

Nothing here is shared with the worker but the mappings themselves.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from transforms.errors import Refused
from transforms.mapping import Lookup, Mapping, MirrorRef, Reference

Values = dict[str, Any]
KeyText = tuple[str, ...]


@dataclass
class Image:
    """A row of a mirror, or the last image of a deleted one; `offset` is that of the delete then."""

    values: Values
    offset: int


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


def evaluate(mappings: tuple[Mapping, ...], world: World) -> Outcome:
    """Return D(world)."""
    outcome = Outcome({str(mapping.target): set() for mapping in mappings}, {})
    claimants: dict[str, dict[tuple[Any, ...], Row]] = {}
    for mapping in mappings:
        candidates = list(_candidates(mapping, world, outcome.held))
        claimants[str(mapping.target)] = _claims(mapping, candidates, outcome.held)
    _drop_unresolved(mappings, claimants, outcome.held)
    for table, rows in claimants.items():
        outcome.canonical[table] = set(rows.values())
    return outcome


def _candidates(mapping, world, held):
    images = [(key, image, False) for key, image in world.live[mapping.source].items()]
    if mapping.target.on_delete == "tombstone":
        images += [(key, image, True) for key, image in world.deleted[mapping.source].items()]
    for key, image, deleted in images:
        found = {"": [(key, image)]}
        for lookup in mapping.lookups:
            found[lookup.alias] = _look_up(mapping, lookup, found, deleted, world)
        stale = _first_stale(mapping, found, world)
        if stale is not None:
            held[mapping.name, key] = Held("STL-101", str(stale[0]), stale[1])
            continue
        try:
            values = mapping.normalise([_input(value, found) for value in mapping.inputs])
        except Refused as refused:
            waits = None if refused.waits_key is None else tuple(_text(value) for value in refused.waits_key)
            held[mapping.name, key] = Held(refused.code, refused.waits_for, waits)
            continue
        if values is None:
            continue
        if _does_not_fit(mapping, values):
            held[mapping.name, key] = Held("DRV-201")
            continue
        yield Row(tuple(values), mapping.name, key, image.offset, deleted)


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

    rows = [(key, image) for key, image in sorted(world.live[lookup.mirror].items()) if matches(image)]
    if deleted and not rows:
        rows = [(key, image) for key, image in sorted(world.deleted[lookup.mirror].items()) if matches(image)]
    return rows


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


def _does_not_fit(mapping: Mapping, values) -> bool:
    for column, value in zip(mapping.target.columns, values, strict=True):
        if value is None:
            if column.required or column.name in mapping.target.key:
                return True
        elif column.type == "character varying(3)" and len(value.rstrip(" ")) > 3:
            return True
    return False


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _claims(mapping: Mapping, candidates: list[Row], held) -> dict[tuple[Any, ...], Row]:
    names = [column.name for column in mapping.target.columns]
    places = [names.index(name) for name in mapping.target.key]
    by_key = defaultdict(list)
    for row in candidates:
        by_key[tuple(row.values[place] for place in places)].append(row)
    kept = {}
    for key, rows in by_key.items():
        live = [row for row in rows if not row.deleted]
        if len(live) > 1:
            held.update({(mapping.name, row.source_key): Held("KEY-201") for row in live})
        elif live:
            kept[key] = live[0]
        else:
            kept[key] = max(rows, key=lambda row: (row.offset, row.source_key))
    return kept


def _drop_unresolved(mappings, claimants, held) -> None:
    """Remove what does not resolve until all does; only then say what each waits for."""
    keys = {str(mapping.target): mapping.target.key for mapping in mappings}
    dropped: list[tuple[Mapping, Row]] = []
    changed = True
    while changed:
        changed = False
        for mapping in mappings:
            rows = claimants[str(mapping.target)]
            for key, row in list(rows.items()):
                if _first_open(mapping, row, claimants, keys) is not None:
                    del rows[key]
                    dropped.append((mapping, row))
                    changed = True
    for mapping, row in dropped:
        reference, values = _first_open(mapping, row, claimants, keys)
        waits_key = tuple(_text(value) for value in values)
        held[mapping.name, row.source_key] = Held("REF-301", f"{reference.schema}.{reference.table}", waits_key)


def _first_open(mapping: Mapping, row: Row, claimants, keys) -> tuple[Reference, tuple[Any, ...]] | None:
    values = dict(zip((column.name for column in mapping.target.columns), row.values, strict=True))
    for reference in mapping.target.references:
        wanted = dict(zip(reference.target_columns, (values[name] for name in reference.columns), strict=True))
        if not reference.required or None in wanted.values():
            continue
        parent = f"{reference.schema}.{reference.table}"
        if tuple(wanted[name] for name in keys[parent]) not in claimants[parent]:
            return reference, tuple(values[name] for name in reference.columns)
    return None

"""What may be seen in the target at any moment: a prefix of each source's commits, and D of such prefixes.

Both are known from the histories alone: mirrors from their fold, canonical tables from the model of D over that fold.
Each function yields what is wrong, in words; nothing is wrong if it yields nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from tests.contract.derive_model import Image, Outcome, World, evaluate
from tests.faults.history import Row, State
from tests.faults.picture import Document, Picture
from tests.faults.tables import TABLES
from tests.faults.topic import Topic
from transforms.load import load
from transforms.mapping import MirrorRef

# What tells one look-up value from another of a different type; texts of whatever length are one type.
_TYPES: Final = {"integer": "integer", "numeric(6,2)": "numeric"}


@dataclass
class Judge:
    """Knows what the sources did and by which dictionary it is derived."""

    topics: Mapping[str, Topic]
    dictionary: Path

    def __post_init__(self) -> None:
        self._outcomes: dict[tuple[int, ...], Outcome] = {}

    @cached_property
    def mappings(self) -> Any:
        return load(self.dictionary).mappings

    def mirrors(self, picture: Picture) -> Iterator[str]:
        """Every source shows a state that it had, with all that belongs to it. Says nothing inside of a snapshot."""
        for topic in self.topics.values():
            position = picture.positions.get(topic.name)
            landed = 0 if position is None else topic.records_before(position["next_offset"])
            state = topic.history.expected(landed)
            if state is not None and landed:
                yield from _differences(topic, state, picture)

    def canonical(self, picture: Picture) -> Iterator[str]:
        """Canonical rows and what is held are D of what the watermarks stand for; nothing while a source has none."""
        marks = picture.watermarks
        domain = [topic for source, topic in self.topics.items() if source in ("north", "south")]
        if any(topic.name not in marks for topic in domain):
            if any(picture.canonical.values()) or picture.held:
                yield "canonical rows without watermarks"
            return
        cut = tuple(topic.records_before(marks[topic.name]) for topic in domain)
        outcome = self._outcome(domain, cut)
        if outcome is not None:
            yield from self._wrong(outcome, picture, cut)

    def derived(self, picture: Picture, sources: Iterable[str]) -> Iterator[str]:
        """Hold canonical rows and what is held against D of the mirrors that the same picture shows."""
        yield from self._wrong(evaluate(self.mappings, _world_shown(picture, sources)), picture, ())

    def _outcome(self, domain: list[Topic], cut: tuple[int, ...]) -> Outcome | None:
        if cut not in self._outcomes:
            states = [topic.history.expected(records) for topic, records in zip(domain, cut, strict=True)]
            known = [state for state in states if state is not None]
            if len(known) < len(states):
                return None
            self._outcomes[cut] = evaluate(self.mappings, _world(domain, known))
        return self._outcomes[cut]

    def _wrong(self, outcome: Outcome, picture: Picture, cut: tuple[int, ...]) -> Iterator[str]:
        for target in (target for mapping in self.mappings for target in mapping.targets):
            table = target.table
            columns = [column.name for column in target.columns]
            wanted = {
                (row.source_key, row.values, row.offset, row.deleted) for row in outcome.canonical[f"trace.{table}"]
            }
            found = {
                (
                    tuple(row["_source_key"]),
                    tuple(row[name] for name in columns),
                    row["_source_offset"],
                    row["_deleted"],
                )
                for row in picture.canonical[table]
            }
            yield from _unequal(f"trace.{table} at {cut}", wanted, found)
        held = {(*key, held.code, held.waits_for, held.waits_key) for key, held in outcome.held.items()}
        seen = {
            (row["mapping"], tuple(row["source_key"]), row["code"], row["waits_for"], _tuple(row["waits_key"]))
            for row in picture.held
        }
        yield from _unequal(f"cdc.held at {cut}", held, seen)


def _differences(topic: Topic, state: State, picture: Picture) -> Iterator[str]:
    source = topic.history.source
    for table in TABLES[source]:
        mirror = f"{source}.{table}"
        for name, rows, found in (
            (mirror, state.live[table], picture.mirrors[mirror]),
            (f"deleted {mirror}", state.deleted[table], picture.deleted[mirror]),
        ):
            wanted = {_expected_row(topic, row) for row in rows.values()}
            yield from _unequal(name, wanted, {_found_row(row, TABLES[source][table]) for row in found})
        stale = {row["key"][0] for row in picture.stale if row["mirror"] == mirror}
        yield from _unequal(f"stale {mirror}", {str(key) for key in state.stale[table]}, stale)


def _expected_row(topic: Topic, row: Row) -> tuple[Any, ...]:
    deleted = None if row.deleted is None else topic.offsets[row.deleted]
    return (*_typed(row.values).values(), topic.offsets[row.event], deleted)


def _found_row(row: Document, columns: Iterable[str]) -> tuple[Any, ...]:
    return (*(row[name] for name in columns), row["_offset"], row.get("_deleted_offset"))


def _typed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: Decimal(value) if name == "weight" else value for name, value in values.items()}


def _world(domain: list[Topic], states: list[State]) -> World:
    world = World({}, {}, {})
    for topic, state in zip(domain, states, strict=True):
        for table, columns in TABLES[topic.history.source].items():
            ref = MirrorRef(topic.history.source, table)
            world.types[ref] = {name: _TYPES.get(kind, "text") for name, kind in columns.items()}
            world.live[ref] = {
                (str(key),): Image(_typed(row.values), topic.offsets[row.event])
                for key, row in state.live[table].items()
            }
            world.deleted[ref] = {
                (str(key),): Image(_typed(row.values), topic.offsets[row.deleted or 0])
                for key, row in state.deleted[table].items()
            }
            world.stale |= {(ref, (str(key),)) for key in state.stale[table]}
    return world


def _world_shown(picture: Picture, sources: Iterable[str]) -> World:
    world = World({}, {}, {})
    for source in sources:
        for table, columns in TABLES[source].items():
            ref, mirror = MirrorRef(source, table), f"{source}.{table}"
            world.types[ref] = {name: _TYPES.get(kind, "text") for name, kind in columns.items()}
            world.live[ref] = {(str(row["id"]),): Image(row, row["_offset"]) for row in picture.mirrors[mirror]}
            world.deleted[ref] = {
                (str(row["id"]),): Image(row, row["_deleted_offset"]) for row in picture.deleted[mirror]
            }
            world.stale |= {(ref, tuple(row["key"])) for row in picture.stale if row["mirror"] == mirror}
    return world


def _unequal(name: str, wanted: set[Any], found: set[Any]) -> Iterator[str]:
    if wanted != found:
        yield f"{name}: missing {sorted(wanted - found, key=str)[:3]}, wrong {sorted(found - wanted, key=str)[:3]}"


def _tuple(values: list[Any] | None) -> tuple[Any, ...] | None:
    return None if values is None else tuple(values)

"""A batch in the pieces in which cascades (`cdc.land.change.cascade`) make it be written, and their effects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Protocol

from cdc.capture.contract import Contract
from cdc.change import Change, Event
from cdc.land.change.cascade import Action, Cascades
from cdc.land.change.decode import Item
from cdc.land.mirror.writer import MirrorWriter

# Children that are held in memory at a time.
CHUNK = 5000

Row = dict[str, Any]


@dataclass(slots=True)
class Segment:
    """A part of a batch: first the items of all tables, then the actions, in order; `changed` are mirrors of those."""

    items: defaultdict[str, list[Item]] = field(default_factory=lambda: defaultdict(list))
    actions: list[Action] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)


def segments(cascades: Cascades, items: Iterable[tuple[Event, str, tuple[Item, ...]]]) -> Iterator[Segment]:
    """Cut a batch where an action has to be done before what follows: at the next event of a table that it changes."""
    segment = Segment()
    if not cascades:
        for _, mirror, found in items:
            segment.items[mirror] += found
        yield segment
        return
    rows = list(items)
    events: list[Event | None] = [None, *(event for event, _, _ in rows), None]
    for place, (event, mirror, found) in enumerate(rows):
        if mirror in segment.changed:
            yield segment
            segment = Segment()
        segment.items[mirror] += found
        actions = list(cascades.actions(event, events[place + 2], events[place]))
        if actions:
            segment.actions += actions
            segment.changed.update(cascades.below(event.table))
    yield segment


class Tables(Protocol):
    """Where the effects go: `cdc.land.tables`."""

    def writer(self, contract: Contract) -> MirrorWriter:
        """Return the writer of a mirror."""

    def write_effects(self, contract: Contract, changes: list[Change]) -> None:
        """Write changes that no event tells of."""


def perform(tables: Tables, cascades: Cascades, actions: Iterable[Action]) -> None:
    """Do what the keys say, and what follows from it for the children's children.

    Deletes of one key are done together; an update may make the rows that the next one looks for.
    """
    for _, group in groupby(actions, key=_together):
        _perform(tables, cascades, list(group))


def _together(action: Action) -> tuple[str, str, int]:
    return action.child.mirror, action.key.name, -1 if action.new is None else action.offset


def _perform(tables: Tables, cascades: Cascades, actions: list[Action]) -> None:
    child, key = actions[0].child, actions[0].key
    writer = tables.writer(child)
    olds = [action.old for action in actions]
    while found := writer.matching(key.columns, olds, CHUNK):
        changes: list[Change] = []
        further: list[Action] = []
        for place, values in found:
            action = actions[place - 1]
            before: Row = dict(zip((column.name for column in child.columns), values, strict=True))
            after = None if action.new is None else {**before, **dict(zip(key.columns, action.new, strict=True))}
            changes += _changes(child, before, after, action)
            further += _further(cascades, child, before, after, action)
        tables.write_effects(child, changes)
        perform(tables, cascades, further)


def _changes(child: Contract, before: Row, after: Row | None, action: Action) -> Iterator[Change]:
    old_key = tuple(before[name] for name in child.key)
    place = (action.offset, action.source_ts)
    if after is None:
        yield Change(place[0], "d", old_key, {}, place[1])
        return
    key = tuple(after[name] for name in child.key)
    if list(map(str, key)) != list(map(str, old_key)):
        yield Change(place[0], "d", old_key, {}, place[1])
    yield Change(place[0], "c", key, after, place[1], old_key, is_whole=True)


def _further(cascades: Cascades, child: Contract, before: Row, after: Row | None, action: Action) -> Iterator[Action]:
    for grandchild, key in cascades.keys_of(child.source_table):
        old = tuple(before[name] for name in key.parent_columns)
        new = None if after is None else tuple(after[name] for name in key.parent_columns)
        rule = key.on_delete if new is None else key.on_update
        if rule is None or None in old or new == old:
            continue
        changed = (None,) * len(old) if rule == "set null" else new
        yield Action(grandchild, key, old, changed, action.offset, action.source_ts)

"""Rows of the source that share a key: a declared key is an assumption, and nothing in the source holds it up.

A second row of a key is refused (VAL-107) where it shows: it is inserted or moved to a key that has a row, or one
snapshot generation brings the key twice. From then on nobody can tell which of the rows a change is of, so every change
of that key is refused, until a generation brings it once or the table is truncated. That also holds where the second
row stays for a statement only.

What is not a second row: an update in place, a row that was read beside the stream, a row that a later generation
brings again, a key that was left (deleted, moved away) before it is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cdc.change import Change, Event, Key, Refusal
from cdc.land.change.decode import detached
from cdc.land.change.fold import DUPLICATE


@dataclass(slots=True)
class Claim:
    """A key as the mirror has it: whether a row of the source has it, or several, and what brought it last.

    `offset` is the last one that the mirror, or the mark of its stale row, knows of; -1 if there is neither.
    """

    taken: bool = False
    doubled: bool = False
    offset: int = -1

    @classmethod
    def of(cls, row_offset: int | None, code: str | None, stale_offset: int | None) -> Claim:
        """Build it from the offset of the mirror's row, code and offset of its stale mark; a mark means a row, too."""
        offsets = [offset for offset in (row_offset, stale_offset) if offset is not None]
        return cls(bool(offsets), code == DUPLICATE, max(offsets, default=-1))


class Claims:
    """The keys that one stretch of a table's changes names. `generation_from` is where the open generation began."""

    def __init__(
        self, mirror: str, known: Mapping[Key, Claim], events: Mapping[int, Event], generation_from: int | None
    ) -> None:
        self._mirror = mirror
        self._known = known
        self._events = events
        self._generation_from = generation_from
        self._left: set[int] = set()

    def admit(self, changes: Iterable[Change | Refusal]) -> Iterator[Change | Refusal]:
        """Yield what may land, in order, and a refusal for what may not."""
        for change in changes:
            event = self._events[change.offset]
            if isinstance(change, Change) and change.op == "d":
                yield from self._leave(change, event)
            elif isinstance(change, Change) and change.old_key is not None:
                yield from self._move(change, change.old_key)
            elif event.op == "r" and event.snapshot != "incremental":
                yield self._read(change)
            elif event.op == "c" or change.offset in self._left:
                yield self._arrive(change)
            else:
                yield self._stay(change)

    def _leave(self, change: Change, event: Event) -> Iterator[Change | Refusal]:
        claim = self._known[change.key]
        self._left.add(change.offset)
        if not claim.doubled:
            claim.taken = False
            yield change
        elif event.op == "d":
            yield self._refusal(change)
        # Else it is half of an update; the other half is refused, and says so.

    def _move(self, change: Change, old_key: Key) -> Iterator[Change | Refusal]:
        """Take a change that carries on the row of another key: left by an event before, or by this update itself."""
        old = self._known[old_key]
        if old.doubled:
            yield self._arrive(detached(change))
            return
        if change.op == "u":
            old.taken = False
        arrived = self._arrive(change)
        if isinstance(arrived, Refusal) and change.op == "u":
            yield Change(change.offset, "d", old_key, {}, change.source_ts)
        yield arrived

    def _read(self, change: Change | Refusal) -> Change | Refusal:
        claim = self._known[change.key]
        if self._generation_from is not None and claim.offset >= self._generation_from:
            claim.doubled = True
            return self._refusal(change)
        claim.taken, claim.doubled, claim.offset = True, False, change.offset
        return change

    def _arrive(self, change: Change | Refusal) -> Change | Refusal:
        claim = self._known[change.key]
        claim.doubled |= claim.taken
        return self._stay(change)

    def _stay(self, change: Change | Refusal) -> Change | Refusal:
        claim = self._known[change.key]
        claim.taken = True
        return self._refusal(change) if claim.doubled else change

    def _refusal(self, change: Change | Refusal) -> Refusal:
        return Refusal(change.offset, change.key, DUPLICATE, self._mirror)


def keys_of(changes: Iterable[Change | Refusal]) -> list[Key]:
    """Return every key that the changes name, each once."""
    keys: dict[Key, None] = {}
    for change in changes:
        keys[change.key] = None
        if isinstance(change, Change) and change.old_key is not None:
            keys[change.old_key] = None
    return list(keys)


def may_double(changes: Iterable[Change | Refusal], events: Mapping[int, Event]) -> bool:
    """Tell whether any change may bring a row to a key: none does if all delete or update in place."""
    left: set[int] = set()
    for change in changes:
        op = events[change.offset].op
        if op in ("c", "r") or change.offset in left or (isinstance(change, Change) and change.old_key is not None):
            return True
        if op == "u" and isinstance(change, Change) and change.op == "d":
            left.add(change.offset)
    return False

"""The commits of a batch: which of them an offset belongs to, and where two of them have to be told apart.

A mirror shows what a batch came to; its change mirror (`cdc.land.mirror.versions`) shows what each commit came to. So
the changes of a table that keeps its changes are written in pieces in which no key is touched by two commits. A commit
is known by its first offset; what was read by a snapshot was committed at nobody knows which time, so each row that was
read is one by itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import TypeVar

from cdc.change import Change, Key, Refusal
from cdc.land.change.decode import Stretch
from cdc.stream.unit import Unit

T = TypeVar("T")


@dataclass(slots=True)
class Commits:
    """The units of a batch by first offset, ascending: the commit that each of them is, None for rows that were read.

    `times` are the commits' by the source's clock: rows of one commit may have different ones. Of a piece, `refused`
    are the times of refused changes by offset, and `moves` the keys that rows were moved to, each with the last one
    that one came from.
    """

    starts: list[int] = field(default_factory=list)
    versions: list[int | None] = field(default_factory=list)
    times: list[datetime | None] = field(default_factory=list)
    refused: dict[int, datetime | None] = field(default_factory=dict)
    moves: dict[Key, Key] = field(default_factory=dict)

    @classmethod
    def of(cls, units: Iterable[Unit]) -> Commits:
        """Return those of a batch; of a part of a large transaction the commit is that of the whole."""
        commits = cls()
        for unit in units:
            commits.starts.append(unit.first_offset)
            whole = unit.whole or unit
            commits.versions.append(None if unit.id is None else whole.first_offset)
            commits.times.append(None if unit.id is None else whole.source_ts)
        return commits

    def piece(self, changes: Sequence[Change | Refusal], refused: dict[int, datetime | None]) -> Commits:
        """Return those of some changes."""
        offsets = [change.offset for change in changes]
        first = max(bisect_right(self.starts, min(offsets, default=0)) - 1, 0)
        units = slice(first, bisect_right(self.starts, max(offsets, default=0)))
        return Commits(self.starts[units], self.versions[units], self.times[units], refused, _moved(changes))

    def version(self, offset: int) -> int:
        """Return the version that a row gets from the change at an offset; of another batch, the offset itself."""
        version = _at(self.versions, bisect_right(self.starts, offset))
        return offset if version is None else version

    def time(self, offset: int, told: datetime | None) -> datetime | None:
        """Return when the change at an offset was committed; `told` is the time that it has itself."""
        time = _at(self.times, bisect_right(self.starts, offset))
        return told if time is None else time

    def pieces(self, stretches: Iterable[Stretch]) -> Iterator[Stretch]:
        """Cut stretches between commits, so that no key is touched by two of them within one."""
        for stretch in stretches:
            piece = Stretch()
            touched: dict[Key, int] = {}
            for version, commit in groupby(stretch.changes, key=lambda change: self.version(change.offset)):
                changes = list(commit)
                keys = [key for change in changes for key in _keys(change)]
                if any(touched.get(key, version) != version for key in keys):
                    yield piece
                    piece, touched = Stretch(), {}
                piece.changes += changes
                touched.update(dict.fromkeys(keys, version))
            piece.truncation = stretch.truncation
            yield piece


def _at(values: Sequence[T], place: int) -> T | None:
    return values[place - 1] if place else None


def _moved(changes: Iterable[Change | Refusal]) -> dict[Key, Key]:
    return {
        change.key: change.old_key
        for change in changes
        if isinstance(change, Change) and change.old_key is not None and change.old_key != change.key
    }


def _keys(change: Change | Refusal) -> Sequence[Key]:
    if isinstance(change, Change) and change.old_key is not None:
        return change.key, change.old_key
    return (change.key,)

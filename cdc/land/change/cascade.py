"""InnoDB's cascades: what a change of a parent did to its children, of which the log has nothing.

The contract of a child knows its foreign keys (`cdc.capture.cascade`); landing does what they say, at the place of the
parent's event: everything before it is written first, everything behind it later. Folded to one end of a batch a
cascade would meet rows that were not there yet, or miss some that were.

Not seen is what a session with `foreign_key_checks = 0` does to a parent: it performs no action, and the log does not
say so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdc.capture.cascade import Cascade
from cdc.capture.contract import Contract
from cdc.change import Event, Kind
from cdc.stream.row import RowDecoder

Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Action:
    """What one key has to do for one change of a parent's row: children that have `old` get `new`, or are deleted.

    `new` is None for a delete; for an update that sets NULL it is all None.
    """

    child: Contract
    key: Cascade
    old: Values
    new: Values | None
    offset: int
    source_ts: datetime | None


class Cascades:
    """The cascading keys of a source's contracts, by the parent's table."""

    def __init__(self, contracts: Iterable[Contract], decoders: Mapping[str, RowDecoder]) -> None:
        self._decoders = decoders
        self._mirrors = {contract.source_table: contract for contract in contracts}
        self._keys: defaultdict[str, list[tuple[Contract, Cascade]]] = defaultdict(list)
        for contract in self._mirrors.values():
            for key in contract.cascades:
                self._keys[key.parent].append((contract, key))

    def __bool__(self) -> bool:
        return bool(self._keys)

    def keys_of(self, table: str) -> Sequence[tuple[Contract, Cascade]]:
        """Return the keys that refer to a table, each with its child."""
        return self._keys.get(table, ())

    def below(self, table: str) -> dict[str, Contract]:
        """Return the contracts that actions on a table may change, by mirror."""
        found: dict[str, Contract] = {}
        waiting = [table]
        while waiting:
            for child, _ in self.keys_of(waiting.pop()):
                if child.mirror not in found:
                    found[child.mirror] = child
                    waiting.append(child.source_table)
        return found

    def actions(self, event: Event, following: Event | None, before: Event | None) -> Iterator[Action]:
        """Yield what the keys do for an event. Raises FatalError LND-103 for a value that cannot be read.

        A changed primary key comes as the delete of one row and the insert of another: `following` and `before` are the
        events beside this one, which may be the other half.
        """
        keys = self.keys_of(event.table)
        if not keys or event.kind is not Kind.ROW or event.op not in "cud":
            return
        if event.op == "d":
            if not _is_moved(event, following):
                yield from self._deleted(keys, event)
        elif event.op == "u":
            yield from self._updated(keys, event, event)
        elif before is not None and _is_moved(before, event):
            yield from self._updated(keys, before, event)

    def _deleted(self, keys: Iterable[tuple[Contract, Cascade]], event: Event) -> Iterator[Action]:
        for child, key in keys:
            old = self._values(event, event.before, key.parent_columns)
            if key.on_delete is not None and None not in old:
                new = None if key.on_delete == "cascade" else (None,) * len(old)
                yield Action(child, key, old, new, event.record.offset, event.source_ts)

    def _updated(self, keys: Iterable[tuple[Contract, Cascade]], old: Event, event: Event) -> Iterator[Action]:
        for child, key in keys:
            if key.on_update is None:
                continue
            before = self._values(old, old.before, key.parent_columns)
            after = self._values(event, event.after, key.parent_columns)
            if before != after and None not in before:
                new = after if key.on_update == "cascade" else (None,) * len(after)
                yield Action(child, key, before, new, event.record.offset, event.source_ts)

    def _values(self, event: Event, image: bytes | None, names: Sequence[str]) -> Values:
        return self._decoders[event.table].columns(event, image, names)


def _is_moved(event: Event, following: Event | None) -> bool:
    """Tell whether a delete and the event behind it are the two halves of a changed key."""
    return (
        following is not None
        and event.op == "d"
        and following.op == "c"
        and following.record.old_key is not None
        and (following.table, following.transaction) == (event.table, event.transaction)
        and following.place[:-1] == event.place[:-1]
    )

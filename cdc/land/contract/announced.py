"""A catalogue of MariaDB or MySQL held against what the stream has announced so far.

The catalogue is ahead of the stream, and its defaults are those of now. Schema events stand in order among the rows: a
column comes and goes with the event that says so, and what older rows hold of it is settled by that event.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from cdc.capture.contract import ColumnContract, Contract
from cdc.capture.default_mariadb import is_added_with
from cdc.errors import FatalError
from cdc.land.contract.ignored import still_ignored
from cdc.stream.schema_change import REPLACED, AnnouncedColumn, SchemaChange

_SHOWN = 200  # characters of a statement


def as_announced(
    in_force: Contract | None, catalogue: Contract, changes: Sequence[SchemaChange], awaited: str | None
) -> tuple[Contract | None, Contract]:
    """Return the contract in force, its dropped columns named, and the table's contract at this place of the stream.

    `awaited` is a column that a row has already. A new column counts as computed unless event and catalogue agree on
    its default. Raises FatalError TGT-113 where one statement took a column and brought one, where a dropped one
    returns, and where the table was dropped, renamed, or replaced by another one.
    """
    if in_force is None:
        return None, catalogue
    now = _Now(in_force, catalogue)
    for change in changes:
        if change.concerns(catalogue.source_table):
            now.follow(change)
    if awaited is not None:
        now.brought.setdefault(awaited, None)
    dropped = now.all_dropped()
    before = dataclasses.replace(in_force, dropped=tuple(c.name for c in in_force.columns if c.name in dropped))
    columns = tuple(_columns(before, catalogue, now.brought, now.required))
    return before, dataclasses.replace(
        catalogue,
        columns=columns,
        announced=tuple(now.last or ()),
        announced_at=now.offset,
        ignored=still_ignored(in_force, catalogue),
    )


def newly_required(in_force: Contract, source_table: str, changes: Sequence[SchemaChange]) -> tuple[str, ...]:
    """Return the columns that allowed NULL until one of the changes, in the order of the contract.

    What was NULL in them is something else since, of which no event tells. A snapshot brings all rows anew.
    """
    required = {
        column.name
        for change in changes
        if change.concerns(source_table) and change.offset > in_force.announced_at and not change.is_snapshot
        for column in change.columns or ()
        if not column.nullable
    }
    live = (column for column in in_force.columns if column.name not in in_force.dropped)
    return tuple(column.name for column in live if column.nullable and column.name in required)


class _Now:
    """The table at this place of the stream.

    `last` are the columns of its last event (None before the first one), at `offset`; `brought` is what events brought
    and the contract in force does not have.
    """

    def __init__(self, in_force: Contract, catalogue: Contract) -> None:
        self._mirror = catalogue.mirror
        self._skipped = {*in_force.omitted, *in_force.without, *catalogue.skipped}
        self._mirrored = {column.name for column in in_force.columns}
        # What is ignored counts: under another name it would be new, and nobody has its values.
        self._known = self._mirrored | {one.name for one in in_force.ignored}
        self._present = {column.name for column in catalogue.columns}
        self._dropped = set(in_force.dropped)
        self.last: dict[str, None] | None = dict.fromkeys(in_force.announced) or None
        self.offset = in_force.announced_at
        self.brought: dict[str, AnnouncedColumn | None] = {}
        self.required: set[str] = set()

    def follow(self, change: SchemaChange) -> None:
        """Take the next change; one that was taken before, and whose batch did not land, is nothing new."""
        if change.offset <= self.offset:
            return
        if change.kind == "DROP" and not change.is_snapshot:
            raise FatalError("TGT-113", f"{self._mirror}: the table was dropped")
        if change.kind == REPLACED:
            raise FatalError("TGT-113", f"{self._mirror}: {change.statement[:_SHOWN]}")
        if change.columns is None:
            return
        seen = {c.name: c for c in change.columns if not c.generated and c.name not in self._skipped}
        before = self._before(seen.keys(), is_snapshot=change.is_snapshot)
        gone, new = before - seen.keys(), seen.keys() - before
        if gone and new:
            raise FatalError("TGT-113", f"{self._mirror}: {_list(gone)} gone, {_list(new)} come")
        if new & self._dropped:
            raise FatalError("TGT-113", f"{self._mirror}: {_list(new & self._dropped)} dropped, and come again")
        self._dropped |= gone & self._mirrored
        self.required |= {column.name for column in seen.values() if not column.nullable}
        self.brought = {name: column for name, column in self.brought.items() if name not in gone}
        for name in new - self._known:
            self.brought[name] = seen[name]
        self.last, self.offset = dict.fromkeys(seen), change.offset

    def all_dropped(self) -> set[str]:
        """Return the columns that events took, and those that neither the stream has now nor the source."""
        nowhere = set() if self.last is None else self._mirrored - self.last.keys() - self._present
        return self._dropped | nowhere

    def _before(self, seen: Set[str], *, is_snapshot: bool) -> Set[str]:
        """Return the columns before an event. Before the first one the contract's file may be ahead of the stream."""
        if self.last is not None:
            return self.last.keys()
        live = self._known - self._dropped
        is_ahead = live >= seen and live - seen <= self._present
        return live & seen if is_snapshot or is_ahead else live


def _columns(
    in_force: Contract, catalogue: Contract, brought: Mapping[str, AnnouncedColumn | None], required: Set[str]
) -> Iterator[ColumnContract]:
    """Yield the catalogue's columns that the stream has come to, then those that it has yet to leave."""
    live = {column.name: column for column in in_force.columns if column.name not in in_force.dropped}
    for column in catalogue.columns:
        if column.name in live:
            yield column if column.name in required else _still_optional(column, live[column.name])
        elif column.name in brought:
            yield _brought(column, brought[column.name])
    present = {column.name for column in catalogue.columns}
    yield from (column for name, column in live.items() if name not in present)


def _still_optional(column: ColumnContract, in_force: ColumnContract) -> ColumnContract:
    """Return what the catalogue has of a column, which forbids NULL only from an event on."""
    if column.nullable or not in_force.nullable:
        return column
    return dataclasses.replace(column, nullable=True, zero_date_is_null=in_force.zero_date_is_null)


def _brought(column: ColumnContract, announced: AnnouncedColumn | None) -> ColumnContract:
    if announced is not None and is_added_with(column, announced.default, nullable=announced.nullable):
        return column
    return dataclasses.replace(column, default=None, computed_default=True)


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))

"""Columns that came to the source and are not mirrored: its connector file says `column_added: ignore`.

The contract in force keeps them on record, with the place since when. Their values are in the journal, as the events
have them, and in no mirror: one that is taken in later is filled by a new snapshot only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from cdc.capture.contract import ColumnContract, Contract, Ignored


def without_ignored(in_force: Contract, live: Contract) -> Contract:
    """Return a catalogue's contract without the columns that are ignored, which are on record there.

    A new column that may be one of them under another name has values that no event brought: it counts as computed. One
    that was mirrored, and goes by the name of an ignored one now, is returned: nobody may take it for that one.
    """
    ignored = still_ignored(in_force, live)
    if not ignored:
        return live
    present = {column.name for column in live.columns}
    gone = [one for one in ignored if one.name not in present]
    names = {one.name for one in ignored}
    known = {column.name for column in in_force.columns}
    columns = tuple(
        column if column.name in known else _doubted(column, gone)
        for column in live.columns
        if column.name not in names
    )
    return dataclasses.replace(live, columns=columns, ignored=ignored)


def still_ignored(in_force: Contract, live: Contract) -> tuple[Ignored, ...]:
    """Return what goes on being ignored: not what the connector file leaves out now, and no mirrored column."""
    said = {*live.omitted, *live.without}
    mirrored = {column.number for column in in_force.columns if column.number is not None}
    numbers = {column.name: column.number for column in live.columns}
    return tuple(one for one in in_force.ignored if one.name not in said and numbers.get(one.name) not in mirrored)


def ignore(live: Contract, names: Iterable[str], since: str, offset: int) -> Contract:
    """Return a contract in which these columns are ignored from now on; `since` and `offset` as of `Ignored`."""
    ignored = tuple(Ignored(name, since, offset, live.column(name).number) for name in names)
    new = {one.name for one in ignored}
    columns = tuple(column for column in live.columns if column.name not in new)
    return dataclasses.replace(live, columns=columns, ignored=(*live.ignored, *ignored))


def _doubted(column: ColumnContract, gone: Iterable[Ignored]) -> ColumnContract:
    if any(None in (one.number, column.number) or one.number == column.number for one in gone):
        return dataclasses.replace(column, default=None, computed_default=True)
    return column

"""What is in force for a table once a contract came that differs from the one before.

Columns come and go, types get wider. What would leave rows of the mirror behind the source is refused: a renamed
column, another one under the name of one that was dropped, a change that may have altered values without an event.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from cdc.capture.contract import ColumnContract, Contract
from cdc.capture.policy import NOT_IN_FORCE, is_token
from cdc.errors import FatalError
from cdc.land.contract.narrowing import is_narrowing
from cdc.land.contract.widening import is_widening
from cdc.stream.geometric import GEOMETRIC

_NAMED = ("enum", "set")


def merge(in_force: Contract | None, wanted: Contract, *, live: bool = False) -> Contract:
    """Return `wanted` plus the columns that only the contract in force has, which come last.

    A dropped column stays: events that were written before the drop may still be in the stream. One that is left out
    goes, and events that carry it are read without it. `live` says that
    `wanted` is what the source has now. A file may be behind the mirror: it neither drops a column nor narrows one, and
    forgets none that is generated.
    Raises FatalError TGT-110, TGT-113, TGT-115.
    """
    if in_force is None:
        return wanted
    before = {column.name: column for column in in_force.columns}
    names = {column.name for column in wanted.columns}
    kept = tuple(column for column in in_force.columns if column.name not in {*names, *wanted.without})
    new = [column for column in wanted.columns if column.name not in before]
    _refuse_renamed(wanted.mirror, (column for column in kept if column.name not in in_force.dropped), new)
    columns = [
        _followed(wanted.mirror, before[column.name], column, live=live)
        if column.name in before
        else _come(in_force, column)
        for column in wanted.columns
    ]
    omitted = tuple(name for name in wanted.omitted if name not in {column.name for column in kept})
    if not live:
        omitted += tuple(name for name in in_force.omitted if name not in {*names, *wanted.skipped})
    dropped = in_force.dropped
    if live:
        if set(wanted.cascades) != set(in_force.cascades):
            raise FatalError("TGT-115", f"{wanted.mirror}: {_keys_that_differ(in_force, wanted)}")
        _refuse_returned(in_force, wanted)
        dropped = tuple(column.name for column in kept)
    else:
        dropped = tuple(name for name in dropped if name not in wanted.without)
    last = max(wanted, in_force, key=lambda contract: contract.announced_at)
    return dataclasses.replace(
        wanted,
        columns=(*columns, *kept),
        omitted=omitted,
        dropped=dropped,
        announced=last.announced,
        announced_at=last.announced_at,
        published=in_force.published if wanted.published is None else wanted.published,
        relation=in_force.relation if wanted.relation is None else wanted.relation,
        accepted=in_force.accepted,
    )


def is_published_anew(in_force: Contract, wanted: Contract) -> bool:
    """Tell whether the table left its publication and came back, or is another one under its name.

    What happened in between, or to the rows of the first one, is in no log.
    """
    pairs = ((in_force.published, wanted.published), (in_force.relation, wanted.relation))
    return any(None not in pair and pair[0] != pair[1] for pair in pairs)


def _keys_that_differ(in_force: Contract, wanted: Contract) -> str:
    differ = set(wanted.cascades) ^ set(in_force.cascades)
    return ", ".join(sorted({cascade.name for cascade in differ}))


def _refuse_renamed(mirror: str, gone: Iterable[ColumnContract], new: list[ColumnContract]) -> None:
    """Raise if a new column may be an old one under another name; only the catalogue's numbers can tell."""
    for column in gone:
        for other in new:
            if None in (column.number, other.number) or column.number == other.number:
                raise FatalError("TGT-113", f"{mirror}: {column.name} is gone, {other.name} has come")


def _refuse_returned(in_force: Contract, wanted: Contract) -> None:
    """Raise if a dropped column is there again: it is another one, and the mirror still has the first one's values."""
    for name in in_force.dropped:
        for column in wanted.columns:
            if column.name == name and (column.number is None or column.number != in_force.column(name).number):
                raise FatalError("TGT-113", f"{wanted.mirror}.{name}: was dropped, and has come again")


def _come(in_force: Contract, column: ColumnContract) -> ColumnContract:
    """Return a new column. One that was generated or left out before holds values that no event has brought."""
    if column.name in in_force.skipped:
        return dataclasses.replace(column, default=None, computed_default=True)
    return column


def _followed(mirror: str, old: ColumnContract, new: ColumnContract, *, live: bool) -> ColumnContract:
    place = f"{mirror}.{new.name}"
    if old.decoder != new.decoder and (is_token(old) or is_token(new)):
        raise FatalError(NOT_IN_FORCE, place)
    number = old.number if new.number is None else new.number
    if None not in (old.number, new.number) and old.number != new.number:
        raise FatalError("TGT-113", f"{place}: was dropped, and has come again")
    if _is_unsigned(new) and not _is_unsigned(old):
        # A server that is not strict turns negative values into 0, and writes no event.
        raise FatalError("TGT-110", f"{place}: was {old.type}, is {new.type}")
    if live:
        if is_narrowing(old, new):
            raise FatalError("TGT-110", f"{place}: was {_described(old)}, is {_described(new)}")
        # What older rows came to hold was settled when the column came.
        new = dataclasses.replace(new, default=old.default, computed_default=old.computed_default)
    elif is_widening(new.mirror_type, old.mirror_type) or (
        new.mirror_type == old.mirror_type and is_narrowing(old, new)
    ):
        new = dataclasses.replace(
            new, type=old.type, mirror_type=old.mirror_type, decoder=old.decoder, charset=old.charset
        )
    if not live and old.nullable:
        new = dataclasses.replace(new, nullable=True, zero_date_is_null=old.zero_date_is_null)
    return dataclasses.replace(new, number=number, decoder=_decoder(place, old, new))


def _decoder(place: str, old: ColumnContract, new: ColumnContract) -> str:
    """Return the decoder that reads events from before and after the change."""
    same = old.mirror_type == new.mirror_type or is_widening(old.mirror_type, new.mirror_type)
    if not same or old.decoder == new.decoder or (old.decoder in _NAMED and new.decoder == "text"):
        return new.decoder
    # Debezium sends these as structures since 3.7; before, all but points as the hex of their text.
    if old.decoder == "text_hex" and new.decoder in GEOMETRIC:
        return new.decoder
    if {old.decoder, new.decoder} == {"int", "tinyint1"}:
        return "tinyint1"
    raise FatalError("TGT-110", f"{place}: was {old.type}, is {new.type}")


def _described(column: ColumnContract) -> str:
    return column.type if column.charset is None else f"{column.type} ({column.charset})"


def _is_unsigned(column: ColumnContract) -> bool:
    return column.decoder not in _NAMED and " unsigned" in column.type

"""What a source's catalogue has otherwise than the contracts in force, and what landing does about it.

Most of it is followed as it comes: columns come and go, types get wider. The connector file may say to stop at that
(TGT-119) until a person accepts it, or to ignore columns that come. Where nobody can tell what rows that are there
hold now, landing always stops (TGT-110 to TGT-113, TGT-115): once that is accepted the mirror is given what the source
has, its rows count as behind the source, and a new snapshot brings them.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from cdc.capture.contract import ColumnContract, Contract
from cdc.capture.drift_policy import (
    COLUMN_ADDED,
    COLUMN_DROPPED,
    EVOLVE,
    EVOLVING,
    HALT,
    IGNORE,
    TYPE_WIDENED,
    DriftPolicy,
    policy_for,
)
from cdc.capture.policy import NOT_IN_FORCE, is_token
from cdc.errors import FatalError
from cdc.land.contract.ignored import without_ignored
from cdc.land.contract.merge import merge
from cdc.land.contract.widening import is_widening

LOST = "_before_"
"""Between a column's name and the batch up to which it was what it was."""
_NAME_BYTES = 63  # of an identifier of PostgreSQL
HALTED = "TGT-119"
"""The code of a difference that landing would follow, if the connector file did not say to stop."""
_UNKNOWN_DEFAULT = "TGT-112"
BY_SNAPSHOT = frozenset({"TGT-110", _UNKNOWN_DEFAULT, "TGT-113", "TGT-115"})
"""The codes of what nobody can follow, and a new snapshot brings."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference of a table, or of its `column`. `stops` is the code with which landing stops, "" if it does not.

    `kind` is one of those that a connector file has a policy for, with the `policy` that it names, or both are "".
    `ignored_since` is when landing came to ignore the column (ISO 8601), "" of one that is not ignored.
    """

    mirror: str
    column: str
    what: str
    stops: str = ""
    kind: str = ""
    policy: str = ""
    ignored_since: str = ""

    @property
    def is_ignorable(self) -> bool:
        """Tell whether landing is to ignore it from now on."""
        return self.policy == IGNORE and not self.stops and not self.ignored_since


@dataclass(frozen=True, slots=True)
class Accepted:
    """A contract as it is once the source's is accepted; `renamed` columns keep what they held, under other names.

    `by_snapshot` says that a new snapshot has to bring its rows, `awaited` are columns that landing will come to.
    """

    contract: Contract
    renamed: tuple[tuple[str, str], ...]
    by_snapshot: bool = False
    awaited: tuple[str, ...] = ()


def drift(in_force: Contract | None, live: Contract, policy: DriftPolicy = EVOLVING) -> tuple[Drift, ...]:
    """Return what is otherwise, column by column, then what is ignored."""
    if in_force is None:
        return (Drift(live.mirror, "", "captured, and without a contract in force", "LND-102"),)
    rest = without_ignored(in_force, live)
    return (*differences(in_force, rest, policy), *_on_record(rest, live))


def _on_record(rest: Contract, live: Contract) -> Iterator[Drift]:
    types = {column.name: column.type for column in live.columns}
    for one in rest.ignored:
        what = f"{types.get(one.name, 'gone by now')}, ignored"
        yield Drift(live.mirror, one.name, what, kind=COLUMN_ADDED, policy=IGNORE, ignored_since=one.since)


def differences(in_force: Contract, live: Contract, policy: DriftPolicy) -> tuple[Drift, ...]:
    """Return what is otherwise, and what landing does about it; `live` is without what is ignored already."""
    return tuple(_governed(in_force, one, policy) for one in _differences(in_force, live))


def _governed(in_force: Contract, one: Drift, policy: DriftPolicy) -> Drift:
    """Return a difference with what the connector file says. What nobody can follow stops, whatever that is."""
    if not one.kind:
        return one
    said = EVOLVE if (one.column, one.what) in in_force.accepted else policy_for(policy, one.kind)
    stops = one.stops
    if said == HALT:
        stops = stops or HALTED
    elif said == IGNORE and stops == _UNKNOWN_DEFAULT:
        stops = ""  # its rows need no value
    return dataclasses.replace(one, stops=stops, policy=said)


def _differences(in_force: Contract, live: Contract) -> Iterator[Drift]:
    mirror = live.mirror
    if in_force.key != live.key:
        yield Drift(mirror, "", f"key ({', '.join(in_force.key)}) -> ({', '.join(live.key)})", "TGT-111")
    if set(in_force.cascades) != set(live.cascades):
        differ = {cascade.name for cascade in set(in_force.cascades) ^ set(live.cascades)}
        yield Drift(mirror, "", f"cascading foreign keys: {', '.join(sorted(differ))}", "TGT-115")
    if None not in (in_force.relation, live.relation) and in_force.relation != live.relation:
        yield Drift(mirror, "", "another table under the old name", "TGT-113")
    before = {column.name: column for column in in_force.columns if column.name not in in_force.dropped}
    names: set[str] = {column.name for column in live.columns}
    gone = [column for name, column in before.items() if name not in {*names, *live.skipped}]
    new = [column for column in live.columns if column.name not in before]
    for column in new:
        yield _come(in_force, live, column, gone)
    for column in gone:
        code = "TGT-113" if any(_may_be(column, other) for other in new) else ""
        yield Drift(mirror, column.name, f"{column.type} is gone", code, COLUMN_DROPPED)
    for column in live.columns:
        if column.name in before:
            yield from _changed(mirror, before[column.name], column)


def _come(in_force: Contract, live: Contract, column: ColumnContract, gone: list[ColumnContract]) -> Drift:
    returned = column.name in in_force.dropped
    unclear = returned or any(_may_be(other, column) for other in gone)
    what = f"{column.type} has come{' again' if returned else ''}"
    code = "TGT-113" if unclear else _UNKNOWN_DEFAULT if column.computed_default else ""
    return Drift(live.mirror, column.name, what, code, COLUMN_ADDED)


def _may_be(gone: ColumnContract, new: ColumnContract) -> bool:
    """Tell whether one may be the other under another name; only numbers of the catalogue could tell."""
    return None in (gone.number, new.number) or gone.number == new.number


def _changed(mirror: str, old: ColumnContract, new: ColumnContract) -> Iterator[Drift]:
    if None not in (old.number, new.number) and old.number != new.number:
        yield Drift(mirror, new.name, f"{old.type} was dropped, another one has come", "TGT-113")
    elif is_token(old) != is_token(new) or (is_token(new) and old.decoder != new.decoder):
        yield Drift(mirror, new.name, f"kept by {old.decoder}, to be kept by {new.decoder}", NOT_IN_FORCE)
    elif (old.type, old.charset, old.mirror_type) != (new.type, new.charset, new.mirror_type):
        code = "" if _follows(old, new) else "TGT-110"
        yield Drift(mirror, new.name, f"{_shown(old)} -> {_shown(new)}", code, TYPE_WIDENED)
    elif old.nullable and not new.nullable:
        yield Drift(mirror, new.name, "may not be NULL any more")
    elif new.nullable and not old.nullable:
        yield Drift(mirror, new.name, "may be NULL")


def _follows(old: ColumnContract, new: ColumnContract) -> bool:
    """Tell whether landing follows: as `merge` would, for the one column."""
    if old.mirror_type != new.mirror_type and not is_widening(old.mirror_type, new.mirror_type):
        return False
    one = Contract("s.t", "s.t", (), "primary", (old,))
    try:
        merge(one, dataclasses.replace(one, columns=(new,)), live=True)
    except FatalError:
        return False
    return True


def _shown(column: ColumnContract) -> str:
    return column.type if column.charset is None else f"{column.type} ({column.charset})"


def accept(in_force: Contract, live: Contract, batch: int) -> Accepted:
    """Return the contract by which rows of a new snapshot land; `batch` is the last one of the stream before it.

    A column whose values nobody can tell any more is a new one, and the old one is kept beside it: in no contract, so
    that nothing that lands writes it. Raises FatalError TGT-111 for another key: no row of the mirror could be told
    from another one; TGT-118 where values of before would stand beside tokens.
    """
    if in_force.key != live.key:
        raise FatalError("TGT-111", f"{live.mirror}: key ({', '.join(in_force.key)}), source ({', '.join(live.key)})")
    before = {column.name: column for column in in_force.columns}
    for column in live.columns:
        if any(one.stops == NOT_IN_FORCE for one in _changed(live.mirror, before.get(column.name, column), column)):
            raise FatalError(NOT_IN_FORCE, f"{live.mirror}.{column.name}")
    aside = {
        column.name: _aside(column.name, batch)
        for column in live.columns
        if column.name in before and (column.name in in_force.dropped or not _is_same(before[column.name], column))
    }
    for name in aside:
        if name in live.key:
            raise FatalError("TGT-111", f"{live.mirror}.{name}: a column of the key has another type")
    names = {column.name for column in live.columns}
    kept = tuple(
        dataclasses.replace(column, number=None)
        for column in in_force.columns
        if column.name not in {*aside, *names, *live.without}
    )
    columns = tuple(
        dataclasses.replace(column, default=None, computed_default=False)
        if column.name in aside or column.name not in before
        else dataclasses.replace(column, default=before[column.name].default, computed_default=False)
        for column in live.columns
    )
    contract = dataclasses.replace(
        live,
        columns=(*columns, *kept),
        dropped=tuple(column.name for column in kept),
        announced=(),
        announced_at=in_force.announced_at,
    )
    return Accepted(contract, tuple(sorted(aside.items())), by_snapshot=True)


def _aside(name: str, batch: int) -> str:
    """Return the name under which a column is kept. A long one would be cut off, and two be alike then."""
    tail = f"{LOST}{batch}"
    if len((name + tail).encode()) <= _NAME_BYTES:
        return name + tail
    tail = f"_{hashlib.sha256(name.encode()).hexdigest()[:8]}{tail}"
    return name.encode()[: _NAME_BYTES - len(tail)].decode(errors="ignore") + tail


def _is_same(old: ColumnContract, new: ColumnContract) -> bool:
    """Tell whether the mirror's column has room for what the source's holds now."""
    same_column = None in (old.number, new.number) or old.number == new.number
    return same_column and (old.mirror_type == new.mirror_type or is_widening(old.mirror_type, new.mirror_type))

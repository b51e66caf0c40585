"""The contracts in force: what the mirrors of a source really are, in `cdc.contract`.

They start as the reviewed files and only grow: a column that the source gained while the service ran is added at once,
because the stream waits for it, a type gets wider; the files catch up with `cdc source contract`. The connector file
may say to stop at that, or to ignore columns that come.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from cdc.capture.contract import Contract, from_document, to_document
from cdc.capture.drift_policy import COLUMN_DROPPED, EVOLVING, HALT, DriftPolicy
from cdc.errors import FatalError
from cdc.land.contract.announced import as_announced, newly_required
from cdc.land.contract.drift import Drift, differences
from cdc.land.contract.ignored import ignore, without_ignored
from cdc.land.contract.merge import merge
from cdc.land.mirror.ddl import Step, apply_mirrors
from cdc.stream.row import NewColumn
from cdc.stream.schema_change import SchemaChange


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a stream that carries schema events has said since the last look: changes, and a column that a row has."""

    changes: Sequence[SchemaChange] = ()
    unknown: NewColumn | None = None


def read_contracts_in_force(connection: psycopg.Connection, source: str) -> tuple[Contract, ...]:
    """Return the contracts that the mirrors of `source` have been made by, in order of the mirrors' names."""
    rows = connection.execute(
        "SELECT mirror, content FROM cdc.contract WHERE source = %s ORDER BY mirror", (source,)
    ).fetchall()
    return tuple(from_document(content, f"cdc.contract {mirror}") for mirror, content in rows)


def put_in_force(connection: psycopg.Connection, source: str, contracts: Iterable[Contract]) -> tuple[Step, ...]:
    """Merge `contracts`, which come from files, into those in force and let the mirrors grow.

    A file was reviewed: it takes in what landing would stop at. What landing has ignored stays ignored.

    Runs inside the caller's transaction. Returns the DDL steps that were done, after which deriving sessions have to
    be renewed (`renew_sessions`). Raises FatalError TGT-110 to TGT-113.
    """
    in_force = _by_mirror(connection, source)
    merged = [_from_file(in_force.get(contract.mirror), contract) for contract in contracts]
    steps = apply_mirrors(connection, merged)
    write_contracts(connection, source, [contract for contract in merged if contract != in_force.get(contract.mirror)])
    return steps


def follow_source(
    connection: psycopg.Connection,
    source: str,
    catalogue: Iterable[Contract],
    announcement: Announcement | None,
    policy: DriftPolicy = EVOLVING,
    offset: int = 0,
) -> tuple[Step, ...]:
    """Do the same with what the live source's catalogue has; None is a source whose stream announces nothing.

    `policy` is what the connector file says of changes, `offset` the stream's next. Raises FatalError TGT-119 too.
    """
    in_force = _by_mirror(connection, source)
    changed = []
    for contract in catalogue:
        before = in_force.get(contract.mirror)
        if before is None:
            merged = contract
        elif announcement is None:
            merged = follow(before, before, without_ignored(before, contract), policy, offset)
        else:
            merged = _follow_announced(connection, before, contract, announcement, policy, offset)
        if merged != before:
            changed.append(merged)
    steps = apply_mirrors(connection, changed) if changed else ()
    write_contracts(connection, source, changed)
    return steps


def _follow_announced(
    connection: psycopg.Connection,
    in_force: Contract,
    contract: Contract,
    announcement: Announcement,
    policy: DriftPolicy,
    offset: int,
) -> Contract:
    unknown = announcement.unknown
    awaited = unknown.column if unknown is not None and unknown.mirror == contract.mirror else None
    _refuse_nulls(connection, in_force, newly_required(in_force, contract.source_table, announcement.changes))
    before, wanted = as_announced(in_force, contract, announcement.changes, awaited)
    return follow(in_force, before or in_force, wanted, policy, offset)


def follow(in_force: Contract, before: Contract, live: Contract, policy: DriftPolicy, offset: int) -> Contract:
    """Return the contract by which landing goes on; `before` is the one in force, columns that went named dropped.

    Raises FatalError TGT-110, TGT-113, TGT-115 for what nobody can follow, TGT-119 for what the connector file stops.
    """
    found = differences(before, live, policy)
    if before is not in_force:
        found += _went(in_force, live, policy)
    new = [one.column for one in found if one.is_ignorable]
    wanted = ignore(live, new, datetime.now(UTC).isoformat(timespec="seconds"), offset) if new else live
    merged = merge(before, wanted, live=True)
    for one in found:
        if one.policy == HALT:
            raise FatalError(one.stops, f"{one.mirror}.{one.column}: {one.what}")
    come = {(one.column, one.what) for one in found}
    return dataclasses.replace(merged, accepted=tuple(each for each in in_force.accepted if each not in come))


def _went(in_force: Contract, live: Contract, policy: DriftPolicy) -> tuple[Drift, ...]:
    """Return the columns that events took. What they brought is no other name of one: they tell the two apart."""
    known = {column.name for column in in_force.columns}
    rest = dataclasses.replace(live, columns=tuple(column for column in live.columns if column.name in known))
    return tuple(one for one in differences(in_force, rest, policy) if one.kind == COLUMN_DROPPED)


def _from_file(in_force: Contract | None, contract: Contract) -> Contract:
    return merge(in_force, contract if in_force is None else without_ignored(in_force, contract))


def renew_sessions(connection: psycopg.Connection, steps: Iterable[Step]) -> None:
    """After the commit of steps that changed a type: end the sessions that derive, whose plans have the old one.

    They begin again at once, as after any lost connection.
    """
    if any(step.changes_type for step in steps):
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'cdc derive %'"
            " AND datname = current_database() AND pg_has_role(usesysid, 'USAGE')"
        )


def _refuse_nulls(connection: psycopg.Connection, contract: Contract, columns: Iterable[str]) -> None:
    """Raise if a mirror has NULL where the source has none from here on; a server that is not strict has put 0 or ''.

    All that was streamed before has landed.
    """
    table = Identifier(contract.schema, contract.table)
    for name in columns:
        query = SQL("SELECT EXISTS (SELECT FROM {} WHERE {} IS NULL)").format(table, Identifier(name))
        row = connection.execute(query).fetchone()
        if row is not None and row[0]:
            raise FatalError("TGT-110", f"{contract.mirror}.{name}: has NULL, which the source forbids from now on")


def _by_mirror(connection: psycopg.Connection, source: str) -> dict[str, Contract]:
    return {contract.mirror: contract for contract in read_contracts_in_force(connection, source)}


def write_contracts(connection: psycopg.Connection, source: str, contracts: Iterable[Contract]) -> None:
    """Put contracts in force as they are."""
    for contract in contracts:
        connection.execute(
            "INSERT INTO cdc.contract (source, mirror, content) VALUES (%s, %s, %s)"
            " ON CONFLICT (source, mirror) DO UPDATE SET content = EXCLUDED.content, updated_at = now()",
            (source, contract.mirror, Jsonb(to_document(contract))),
        )

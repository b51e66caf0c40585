"""The contracts in force: what the mirrors of a source really are, in `cdc.contract`.

They start as the reviewed files and only grow: a column that the source gained while the service ran is added at once,
because the stream waits for it, a type gets wider; the files catch up with `cdc source contract`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psycopg
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from cdc.capture.contract import Contract, from_document, to_document
from cdc.errors import FatalError
from cdc.land.contract.announced import as_announced, newly_required
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

    Runs inside the caller's transaction. Returns the DDL steps that were done, after which deriving sessions have to
    be renewed (`renew_sessions`). Raises FatalError TGT-110 to TGT-113.
    """
    in_force = _by_mirror(connection, source)
    merged = [merge(in_force.get(contract.mirror), contract) for contract in contracts]
    steps = apply_mirrors(connection, merged)
    write_contracts(connection, source, [contract for contract in merged if contract != in_force.get(contract.mirror)])
    return steps


def follow_source(
    connection: psycopg.Connection, source: str, catalogue: Iterable[Contract], announcement: Announcement | None
) -> tuple[Step, ...]:
    """Do the same with what the live source's catalogue has; None is a source whose stream announces nothing."""
    in_force = _by_mirror(connection, source)
    changed = []
    for contract in catalogue:
        before, wanted = in_force.get(contract.mirror), contract
        if announcement is not None:
            unknown = announcement.unknown
            awaited = unknown.column if unknown is not None and unknown.mirror == contract.mirror else None
            if before is not None:
                _refuse_nulls(connection, before, newly_required(before, contract.source_table, announcement.changes))
            before, wanted = as_announced(before, contract, announcement.changes, awaited)
        merged = merge(before, wanted, live=True)
        if merged != in_force.get(contract.mirror):
            changed.append(merged)
    steps = apply_mirrors(connection, changed) if changed else ()
    write_contracts(connection, source, changed)
    return steps


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

"""The contracts in force: what the mirrors of a source really are, in `cdc.contract`.

They start as the reviewed files and only grow: a column that the catalogue gained while the service ran is added at
once, because the stream waits for it; the files catch up with `cdc source contract`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import psycopg
from psycopg.types.json import Jsonb

from cdc.capture.contract import Contract, from_document, to_document
from cdc.land.mirror import Step, apply_mirrors


def read_contracts_in_force(connection: psycopg.Connection, source: str) -> tuple[Contract, ...]:
    """Return the contracts that the mirrors of `source` have been made by, in order of the mirrors' names."""
    rows = connection.execute(
        "SELECT mirror, content FROM cdc.contract WHERE source = %s ORDER BY mirror", (source,)
    ).fetchall()
    return tuple(from_document(content, f"cdc.contract {mirror}") for mirror, content in rows)


def put_in_force(connection: psycopg.Connection, source: str, contracts: Iterable[Contract]) -> tuple[Step, ...]:
    """Merge `contracts` into those in force and let the mirrors grow, inside the caller's transaction.

    Returns the DDL steps that were done. Raises FatalError TGT-110, TGT-111, TGT-112.
    """
    in_force = {contract.mirror: contract for contract in read_contracts_in_force(connection, source)}
    merged = [merge(in_force.get(contract.mirror), contract) for contract in contracts]
    changed = [contract for contract in merged if contract != in_force.get(contract.mirror)]
    steps = apply_mirrors(connection, merged)
    for contract in changed:
        connection.execute(
            "INSERT INTO cdc.contract (source, mirror, content) VALUES (%s, %s, %s)"
            " ON CONFLICT (source, mirror) DO UPDATE SET content = EXCLUDED.content, updated_at = now()",
            (source, contract.mirror, Jsonb(to_document(contract))),
        )
    return steps


def merge(in_force: Contract | None, wanted: Contract) -> Contract:
    """Return `wanted` plus the columns that only the contract in force has, which come last.

    A dropped column stays in the contract: events that were written before the drop may still be in the stream.
    """
    if in_force is None:
        return wanted
    names = {column.name for column in wanted.columns}
    kept = tuple(column for column in in_force.columns if column.name not in names)
    omitted = tuple(name for name in wanted.omitted if name not in {column.name for column in kept})
    return dataclasses.replace(wanted, columns=(*wanted.columns, *kept), omitted=omitted)

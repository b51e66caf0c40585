"""A source's catalogue accepted as it is: its contracts in force, mirrors made to fit, their rows behind the source.

To be followed by a new snapshot: until it brings a row, that is stale, and what derives from it keeps its last values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from cdc.capture.contract import Contract
from cdc.capture.keyless import ORIGIN
from cdc.land.contract.drift import Accepted, accept
from cdc.land.contract.in_force import read_contracts_in_force, write_contracts
from cdc.land.mirror.ddl import Step, apply_mirrors
from cdc.land.mirror.table import MirrorTable
from transforms.beside import CHANGE, DELETED

Connection = psycopg.Connection[Any]


def accept_contracts(connection: Connection, source: str, stream: str, live: Iterable[Contract]) -> tuple[Step, ...]:
    """Put contracts of the live source in force, inside the caller's transaction; return what was done to mirrors.

    Nobody may land the stream meanwhile. Raises FatalError TGT-111, TGT-121 as `accept` and `apply_mirrors` do.
    """
    before = {contract.mirror: contract for contract in read_contracts_in_force(connection, source)}
    row = connection.execute("SELECT batch, next_offset FROM cdc.position WHERE stream = %s", (stream,)).fetchone()
    batch, offset = row or (0, 0)
    wanted = [
        accept(before[contract.mirror], contract, batch) if contract.mirror in before else Accepted(contract, ())
        for contract in live
    ]
    renaming = [step for accepted in wanted for step in _renaming(connection, accepted)]
    for step in renaming:
        connection.execute(step.statement)
    done = apply_mirrors(connection, [accepted.contract for accepted in wanted])
    write_contracts(connection, source, [accepted.contract for accepted in wanted])
    for accepted in wanted:
        if accepted.contract.mirror in before:
            _mark_all(connection, accepted.contract, stream, offset)
    return (*renaming, *done)


def _renaming(connection: Connection, accepted: Accepted) -> Iterator[Step]:
    contract = accepted.contract
    for schema in (contract.schema, contract.schema + DELETED, contract.schema + CHANGE):
        there = connection.execute(
            "SELECT FROM pg_tables WHERE schemaname = %s AND tablename = %s", (schema, contract.table)
        ).fetchone()
        for old, new in accepted.renamed if there is not None else ():
            statement = SQL("ALTER TABLE {} RENAME COLUMN {} TO {}").format(
                Identifier(schema, contract.table), Identifier(old), Identifier(new)
            )
            yield Step(f"keep column {schema}.{contract.table}.{old} as {new}", statement, changes_type=True)


def _mark_all(connection: Connection, contract: Contract, stream: str, offset: int) -> None:
    """Mark all rows of a mirror as behind the source. A table without a key has no row that could be marked."""
    if contract.key_origin == ORIGIN:
        return
    table = MirrorTable(contract)
    connection.execute(
        SQL(
            'INSERT INTO cdc.stale (mirror, key, code, stream, "offset") SELECT {text}, {key}, %s, %s, %s FROM {name} m'
            " ON CONFLICT DO NOTHING"
        ).format(text=table.text, key=table.key_array("m"), name=table.name),
        ("TGT-110", stream, offset),
    )

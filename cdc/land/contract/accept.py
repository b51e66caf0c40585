"""A source's catalogue accepted as it is: its contracts in force, mirrors made to fit.

What landing stops at because nobody can tell what rows hold is to be followed by a new snapshot: until it brings a row,
that is stale, and what derives from it keeps its last values. What only the connector file stops needs none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from cdc.capture.contract import Contract
from cdc.capture.keyless import ORIGIN
from cdc.capture.source import Source
from cdc.land.contract.drift import HALTED, Accepted, accept, differences
from cdc.land.contract.ignored import ignore, without_ignored
from cdc.land.contract.in_force import read_contracts_in_force, write_contracts
from cdc.land.contract.merge import merge
from cdc.land.mirror.ddl import Step, apply_mirrors
from cdc.land.mirror.table import MirrorTable
from transforms.beside import CHANGE, DELETED

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What accepting did: steps at mirrors, the mirrors whose rows a new snapshot has to bring, and the columns
    (`schema.table.column`) at which landing will not stop once it comes to them in the stream.
    """

    steps: tuple[Step, ...]
    by_snapshot: tuple[str, ...]
    awaited: tuple[str, ...]


def accept_contracts(
    connection: Connection, source: Source, live: Iterable[Contract], *, with_ignored: bool, stopped: Container[str]
) -> Outcome:
    """Put contracts of the live source in force, inside the caller's transaction.

    `with_ignored` takes in columns that are ignored, or were to be. `stopped` are mirrors at which landing has stopped
    for what the stream says and a catalogue does not tell. Nobody may land the stream meanwhile. Raises FatalError
    TGT-111, TGT-118, TGT-121 as `accept` and `apply_mirrors` do.
    """
    before = {contract.mirror: contract for contract in read_contracts_in_force(connection, source.name)}
    row = connection.execute(
        "SELECT batch, next_offset FROM cdc.position WHERE stream = %s", (source.stream,)
    ).fetchone()
    batch, offset = row or (0, 0)
    wanted = [
        _Table(source, before[contract.mirror], contract, with_ignored=with_ignored).accepted(
            batch, offset, is_stopped=contract.mirror in stopped
        )
        if contract.mirror in before
        else Accepted(contract, (), by_snapshot=True)
        for contract in live
    ]
    renaming = [step for accepted in wanted for step in _renaming(connection, accepted)]
    for step in renaming:
        connection.execute(step.statement)
    done = apply_mirrors(connection, [accepted.contract for accepted in wanted])
    write_contracts(connection, source.name, [accepted.contract for accepted in wanted])
    for accepted in wanted:
        if accepted.by_snapshot and accepted.contract.mirror in before:
            _mark_all(connection, accepted.contract, source.stream, offset)
    return Outcome(
        (*renaming, *done),
        tuple(accepted.contract.mirror for accepted in wanted if accepted.by_snapshot),
        tuple(f"{each.contract.mirror}.{column}" for each in wanted for column in each.awaited),
    )


class _Table:
    """One table whose catalogue is to be accepted. Unless it is `with_ignored`, what is ignored stays so."""

    def __init__(self, source: Source, in_force: Contract, live: Contract, *, with_ignored: bool) -> None:
        self._source = source
        self._in_force = in_force
        self._with_ignored = with_ignored
        self._live = live if with_ignored else without_ignored(in_force, live)
        self._found = differences(in_force, without_ignored(in_force, live), source.drift)

    def accepted(self, batch: int, offset: int, *, is_stopped: bool) -> Accepted:
        """Return the contract that is to be in force; the stream has landed up to `batch` and `offset`."""
        returns = self._with_ignored and bool(self._in_force.ignored)
        if is_stopped or returns or any(one.stops not in ("", HALTED) for one in self._found):
            return accept(self._in_force, self._without_new(offset), batch)
        if self._source.kind == "postgresql":
            # Whether the table was away for a while is for landing to see, which puts it on record.
            live = dataclasses.replace(self._without_new(offset), published=None, relation=None)
            return Accepted(merge(self._in_force, live, live=True), ())
        return self._for_landing()

    def _without_new(self, offset: int) -> Contract:
        new = [one.column for one in self._found if one.is_ignorable and not self._with_ignored]
        return ignore(self._live, new, datetime.now(UTC).isoformat(timespec="seconds"), offset) if new else self._live

    def _for_landing(self) -> Accepted:
        """Let landing pass: only the stream says from which event on it is so, and what rows of before hold then."""
        passed = [one for one in self._found if one.stops or (one.is_ignorable and self._with_ignored)]
        accepted = dict.fromkeys((*self._in_force.accepted, *((one.column, one.what) for one in passed)))
        contract = dataclasses.replace(self._in_force, accepted=tuple(accepted))
        return Accepted(contract, (), awaited=tuple(one.column for one in passed))


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
            without = SQL("ALTER TABLE {} ALTER COLUMN {} DROP DEFAULT").format(
                Identifier(schema, contract.table), Identifier(new)
            )
            yield Step(f"let new rows of {schema}.{contract.table} have nothing in {new}", without)


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

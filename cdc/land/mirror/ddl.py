"""Mirrors, their deleted twins and change mirrors as DDL: planned from contracts and catalogue, then applied.

A mirror only ever grows: it is created, it gets columns, a column's type gets wider. Any other change of a type and a
changed key are refused, because the rows that are there cannot be altered into what the source holds. A column that
the contract does not have (any more) stays, unless the connector file leaves it out on purpose: nothing would keep its
values true.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import psycopg
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from cdc.capture.contract import ColumnContract, Contract
from cdc.columns import CHANGE_COLUMNS, DELETED_COLUMNS, SERVICE_COLUMNS
from cdc.errors import FatalError
from cdc.land.contract.widening import is_widening
from cdc.store.storage import ROOM_FOR_UPDATES
from transforms.beside import CHANGE, DELETED

_TEXT_TYPES = ("text", "character")


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of a plan and what it does, in words (`create mirror erp.t_ICItem`)."""

    title: str
    statement: Composed
    changes_type: bool = False


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One of a contract's tables: its schema, key and service columns."""

    schema: str
    key: tuple[str, ...]
    service: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Existing:
    """What the target's catalogue has of one table."""

    types: dict[str, str]
    key: tuple[str, ...]


def plan_mirrors(connection: psycopg.Connection, contracts: Iterable[Contract]) -> tuple[Step, ...]:
    """Return what has to be done so that every contract has its mirror and its deleted twin; nothing is written.

    Raises FatalError TGT-110 (type), TGT-111 (key) or TGT-112 (default that nobody can tell).
    """
    contracts = tuple(contracts)
    steps: list[Step] = []
    kept = {mirror for (mirror,) in connection.execute("SELECT mirror FROM cdc.change_mirror").fetchall()}
    schemas = {f"{contract.schema}{more}" for contract in contracts for more in ("", DELETED)}
    schemas |= {contract.schema + CHANGE for contract in contracts if contract.mirror in kept}
    for name in sorted(schemas):
        if connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", (name,)).fetchone() is None:
            steps.append(Step(f"create schema {name}", SQL("CREATE SCHEMA {}").format(Identifier(name))))
    for contract in contracts:
        steps += _table_steps(connection, contract, _Wanted(contract.schema, contract.key, SERVICE_COLUMNS))
        steps += _table_steps(connection, contract, _Wanted(contract.schema + DELETED, contract.key, DELETED_COLUMNS))
        if contract.mirror in kept:
            key = (*contract.key, "_version")
            steps += _table_steps(connection, contract, _Wanted(contract.schema + CHANGE, key, CHANGE_COLUMNS))
        steps += _cascade_indexes(connection, contract)
    return tuple(steps)


def apply_mirrors(connection: psycopg.Connection, contracts: Iterable[Contract]) -> tuple[Step, ...]:
    """Plan and do it, inside the caller's transaction. Returns the steps that were done; none if all was there.

    Raises FatalError TGT-117 where the session's role does not own the mirrors (`cdc target grants`).
    """
    steps = plan_mirrors(connection, contracts)
    try:
        for step in steps:
            connection.execute(step.statement)
    except psycopg.errors.InsufficientPrivilege as error:
        raise FatalError("TGT-117", "; ".join(step.title for step in steps)) from error
    return steps


def _table_steps(connection: psycopg.Connection, contract: Contract, wanted: _Wanted) -> Iterator[Step]:
    existing = _existing(connection, wanted.schema, contract.table)
    table = Identifier(wanted.schema, contract.table)
    name = f"{wanted.schema}.{contract.table}"
    if existing is None:
        yield Step(f"create table {name}", _create(table, contract, wanted))
        return
    if existing.key != wanted.key:
        raise FatalError("TGT-111", f"{name}: key ({', '.join(existing.key)}), contract ({', '.join(wanted.key)})")
    yield from _without(contract, existing, table, name)
    for column in contract.columns:
        if column.name in wanted.service:
            raise FatalError("TGT-110", f"{name}.{column.name}: the service has a column of this name")
        held = existing.types.get(column.name)
        if held is None:
            _require_known_default(connection, table, column, name)
            addition = SQL("ALTER TABLE {} ADD COLUMN {}").format(table, _column(column, contract))
            yield Step(f"add column {name}.{column.name}", addition)
        elif held != column.mirror_type:
            if not is_widening(held, column.mirror_type):
                raise FatalError("TGT-110", f"{name}.{column.name}: is {held}, contract says {column.mirror_type}")
            title = f"widen column {name}.{column.name} to {column.mirror_type}"
            yield Step(title, _widening(table, column, contract), changes_type=True)


def _cascade_indexes(connection: psycopg.Connection, contract: Contract) -> Iterator[Step]:
    """Plan what a cascade finds its children by, where the mirror's key does not begin with it."""
    for columns in dict.fromkeys(cascade.columns for cascade in contract.cascades):
        name = f"cascade_{hashlib.sha256(repr((contract.mirror, columns)).encode()).hexdigest()[:32]}"
        there = connection.execute(
            "SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = %s AND c.relname = %s",
            (contract.schema, name),
        ).fetchone()
        if there is None and contract.key[: len(columns)] != columns:
            yield Step(
                f"create index on {contract.mirror} ({', '.join(columns)})",
                SQL("CREATE INDEX {} ON {} ({})").format(
                    Identifier(name),
                    Identifier(contract.schema, contract.table),
                    SQL(", ").join(map(Identifier, columns)),
                ),
            )


def _without(contract: Contract, existing: _Existing, table: Composable, name: str) -> Iterator[Step]:
    for column in contract.without:
        if column in existing.types:
            removal = SQL("ALTER TABLE {} DROP COLUMN {}").format(table, Identifier(column))
            yield Step(f"drop column {name}.{column}, which the connector file leaves out", removal, changes_type=True)


def _require_known_default(
    connection: psycopg.Connection, table: Composable, column: ColumnContract, name: str
) -> None:
    if not column.computed_default:
        return
    row = connection.execute(SQL("SELECT EXISTS (SELECT FROM {})").format(table)).fetchone()
    if row is not None and row[0]:
        raise FatalError("TGT-112", f"{name}.{column.name}")


def _create(table: Composable, contract: Contract, wanted: _Wanted) -> Composed:
    columns: list[Composable] = [_column(column, contract) for column in contract.columns]
    columns += [SQL("{} {}").format(Identifier(name), SQL(type_text)) for name, type_text in wanted.service.items()]
    key = SQL(", ").join(Identifier(name) for name in wanted.key)
    listed = SQL(", ").join(columns)
    return SQL("CREATE TABLE {} ({}, PRIMARY KEY ({})) {}").format(table, listed, key, SQL(ROOM_FOR_UPDATES))


def _widening(table: Composable, column: ColumnContract, contract: Contract) -> Composed:
    return SQL("ALTER TABLE {} ALTER COLUMN {} TYPE {}").format(table, Identifier(column.name), _type(column, contract))


def _column(column: ColumnContract, contract: Contract) -> Composed:
    """Return a column's DDL. Its default is what rows hold that were written before the source had the column."""
    parts: list[Composable] = [Identifier(column.name), _type(column, contract)]
    if column.default is not None:
        parts.append(SQL("DEFAULT {}::{}").format(Literal(column.default), SQL(column.mirror_type)))
    return SQL(" ").join(parts)


def _type(column: ColumnContract, contract: Contract) -> Composable:
    mirror_type = SQL(column.mirror_type)  # the contract admits known types only
    if column.name in contract.key and column.mirror_type.startswith(_TEXT_TYPES):
        return SQL('{} COLLATE "C"').format(mirror_type)
    return mirror_type


def _existing(connection: psycopg.Connection, schema: str, table: str) -> _Existing | None:
    rows = connection.execute(
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), array_position(i.indkey::int2[], a.attnum)"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary"
        " WHERE n.nspname = %s AND c.relname = %s",
        (schema, table),
    ).fetchall()
    if not rows:
        return None
    places = {place: name for name, _, place in rows if place is not None}
    return _Existing({name: type_text for name, type_text, _ in rows}, tuple(places[place] for place in sorted(places)))

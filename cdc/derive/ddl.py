"""What the target lacks of the dictionary: canonical tables, tables of held candidates, indexes, watched columns.

The plan is made by comparison with the catalogue, so that it is empty when nothing is to be done, and can be read
before it is run. It only adds. A canonical column that changed or went away is refused here: the values that are there
would need a derivation of their own.

The indexes are those that a small turn needs for not scanning anything: look-ups forward (by what a mirror is looked up
by) and back (by what a row looks up with), candidates by key and by reference. They are named after what they index.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import psycopg

from cdc.capture.contract import Contract
from cdc.derive.mirror import Mirror, index_expression
from cdc.derive.names import columns, literal, literals, quoted
from cdc.derive.plan import META, Plan, Step, bind
from cdc.derive.take import read_by_others
from cdc.errors import FatalError
from transforms.domain import Domain
from transforms.mapping import Match, MirrorRef, Target

Rows = psycopg.Connection[Any]


class Statement(NamedTuple):
    """One step of the plan: what it does in words, and the SQL that does it."""

    title: str
    text: str


def mirrors_of(contracts: Iterable[Contract]) -> dict[MirrorRef, Mirror]:
    """Return the mirrors as contracts describe them, whether they have been made or not."""
    mirrors = {}
    for contract in contracts:
        ref = MirrorRef(contract.schema, contract.table)
        mirrors[ref] = Mirror(ref, {column.name: column.mirror_type for column in contract.columns}, contract.key)
    return mirrors


def plan_target(
    connection: Rows, domains: tuple[Domain, ...], mirrors: Mapping[MirrorRef, Mirror]
) -> tuple[Statement, ...]:
    """Return the statements to run, in order, none if the target is as the domains want it.

    Raises DRV-101 or DRV-102 for a dictionary that does not fit the mirrors, DRV-103 for a table of another shape.
    """
    plans = [bind(domain, "", mirrors) for domain in domains]
    faults: list[str] = []
    statements = [*_schemas(connection, plans)]
    statements += [statement for plan in plans for statement in _tables(connection, plan, faults)]
    if faults:
        raise FatalError("DRV-103", "; ".join(faults))
    indexes = dict(entry for plan in plans for entry in _indexes(plan))
    known = {row[0] for row in connection.execute("SELECT relname FROM pg_class WHERE relkind = 'i'").fetchall()}
    statements += [statement for name, statement in indexes.items() if name not in known]
    return (*statements, *_watched(connection, plans))


def _schemas(connection: Rows, plans: list[Plan]) -> Iterator[Statement]:
    """Domains may share a schema: they are looked at together."""
    schemas = sorted({step.mapping.target.schema for plan in plans for step in plan.steps})
    for schema in (name for base in schemas for name in (base, f"{base}_held")):
        if not connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", (schema,)).rowcount:
            yield Statement(f"create schema {schema}", f"CREATE SCHEMA {quoted(schema)}")


def _tables(connection: Rows, plan: Plan, faults: list[str]) -> Iterator[Statement]:
    for step in plan.steps:
        target = step.mapping.target
        yield from _table(connection, target.schema, target, target.key, faults)
        yield from _table(connection, f"{target.schema}_held", target, ("_mapping", "_source_key"), faults)
    for step in plan.steps:
        yield from _foreign_keys(connection, plan, step)


def _table(
    connection: Rows, schema: str, target: Target, key: tuple[str, ...], faults: list[str]
) -> Iterator[Statement]:
    place, wanted = f"{schema}.{target.table}", _column_texts(target)
    here = _shape(connection, schema, target.table)
    if not here:
        listed = ", ".join(f"{quoted(name)} {text}" for name, text in wanted.items())
        text = f"CREATE TABLE {quoted(schema, target.table)} ({listed}, PRIMARY KEY ({columns(key)}))"
        yield Statement(f"create table {place}", text)
        return
    faults += _faults(place, here, _shape_of(connection, wanted))
    if _key(connection, schema, target.table) != list(key):
        faults.append(f"{place} has another key")
    filled = connection.execute(f"SELECT FROM {quoted(schema, target.table)} LIMIT 1".encode()).rowcount
    for name in (name for name in wanted if name not in here):
        if wanted[name].endswith("NOT NULL") and filled:
            faults.append(f"{place}.{name} is new and required, and the table has rows")
        text = f"ALTER TABLE {quoted(schema, target.table)} ADD COLUMN {quoted(name)} {wanted[name]}"
        yield Statement(f"add column {place}.{name}", text)


Shape = Mapping[str, tuple[object, ...]]


def _faults(place: str, here: Shape, there: Shape) -> Iterator[str]:
    yield from (f"{place}.{name} is not in the dictionary" for name in here if name not in there)
    for name in (name for name in there if name in here and here[name] != there[name]):
        yield f"{place}.{name} has another type, or is required in one of them only"


def _column_texts(target: Target) -> dict[str, str]:
    required = {column.name for column in target.columns if column.required} | set(target.key)
    texts = {column.name: column.type + (" NOT NULL" if column.name in required else "") for column in target.columns}
    return {**texts, **META}


def _shape_of(connection: Rows, wanted: Mapping[str, str]) -> dict[str, tuple[object, ...]]:
    """Return the shape of a table of these columns, as PostgreSQL understands their types."""
    listed = ", ".join(f"{quoted(name)} {text}" for name, text in wanted.items())
    with connection.transaction(force_rollback=True):
        connection.execute(f"CREATE TEMP TABLE probe ({listed}) ON COMMIT DROP".encode())
        row = connection.execute("SELECT nspname FROM pg_namespace WHERE oid = pg_my_temp_schema()").fetchone()
        return _shape(connection, row[0] if row else "", "probe")


def _shape(connection: Rows, schema: str, table: str) -> dict[str, tuple[object, ...]]:
    rows = connection.execute(
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull, attcollation FROM pg_attribute"
        " JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE (nspname, relname) = (%s, %s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        (schema, table),
    ).fetchall()
    return {row[0]: tuple(row[1:]) for row in rows}


def _key(connection: Rows, schema: str, table: str) -> list[str]:
    rows = connection.execute(
        "SELECT attname FROM pg_index i JOIN pg_class c ON c.oid = indrelid JOIN pg_namespace n ON n.oid = relnamespace"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND attnum = ANY (indkey)"
        " WHERE (nspname, relname) = (%s, %s) AND indisprimary ORDER BY array_position(indkey::int2[], attnum)",
        (schema, table),
    ).fetchall()
    return [row[0] for row in rows]


def _foreign_keys(connection: Rows, plan: Plan, step: Step) -> Iterator[Statement]:
    """Deferred, so that the tables of a turn can be written in any order; a turn checks them before it commits."""
    for link in (link for link in plan.links if link.child is step):
        reference = link.reference
        text = (
            f"FOREIGN KEY ({columns(reference.columns)}) REFERENCES {link.parent.canonical}"
            f" ({columns(reference.target_columns)}) DEFERRABLE INITIALLY DEFERRED"
        )
        name = _name("fk", f"{step.canonical} {text}")
        if not connection.execute("SELECT FROM pg_constraint WHERE conname = %s", (name,)).rowcount:
            title = f"add foreign key from {step.mapping.target} to {link.parent.mapping.target}"
            yield Statement(title, f"ALTER TABLE {step.canonical} ADD CONSTRAINT {quoted(name)} {text}")


def _indexes(plan: Plan) -> Iterator[tuple[str, Statement]]:
    for step in plan.steps:
        yield _index(step.canonical, ["_mapping", "_source_key"], unique="UNIQUE ")
        yield _index(step.held, [quoted(name) for name in step.key])
        yield from _look_up_indexes(step)
    for link in plan.links:
        for table in (link.child.canonical, link.child.held):
            yield _index(table, [quoted(name) for name in link.reference.columns])


def _look_up_indexes(step: Step) -> Iterator[tuple[str, Statement]]:
    """Forward: the looked-up mirror by what it is matched by. Back: what it is matched with, by those columns."""
    for lookup in step.mapping.lookups:
        sides: dict[str, list[Match]] = {}
        for match in lookup.match:
            sides.setdefault(match.alias, []).append(match)
        searched = [(match.column, step.type_of(match.alias, match.source_column)) for match in lookup.match]
        yield from _mirror_index(step, lookup.alias, searched)
        for alias, matches in sides.items():
            back = [(match.source_column, step.type_of(lookup.alias, match.column)) for match in matches]
            yield from _mirror_index(step, alias, back)


def _mirror_index(step: Step, alias: str, searched: list[tuple[str, str]]) -> Iterator[tuple[str, Statement]]:
    mirror = step.mirrors[alias]
    if tuple(name for name, _ in searched) == mirror.key[: len(searched)] and all(
        str(index_expression(name, mirror.types[name], other)).startswith('"') for name, other in searched
    ):
        return  # the primary key's own index
    expressions = [index_expression(name, mirror.types[name], other) for name, other in searched]
    usable = [expression for expression in expressions if expression]
    if usable:
        for name in (mirror.name, mirror.deleted) if step.tombstones else (mirror.name,):
            yield _index(name, usable)


def _index(table: str, expressions: list[str], unique: str = "") -> tuple[str, Statement]:
    text = f"ON {table} ({', '.join(expressions)})"
    name = _name("derive", text)
    return name, Statement(f"create index {text.replace(chr(34), '')}", f"CREATE {unique}INDEX {quoted(name)} {text}")


def _name(prefix: str, text: str) -> str:
    return f"{prefix}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _watched(connection: Rows, plans: list[Plan]) -> Iterator[Statement]:
    """Landing keeps the old values of these columns beside each change; they are what `take` works with."""
    steps = tuple(step for plan in plans for step in plan.steps)
    mirrors = {mirror.ref: mirror for plan in plans for mirror in plan.mirrors}
    wanted = {(str(ref), name) for ref in mirrors for name in read_by_others(steps, mirrors[ref])}
    known = set(
        connection.execute(
            f"SELECT mirror, name FROM cdc.watched_column WHERE mirror = ANY ({literals(map(str, mirrors))})".encode()
        ).fetchall()
    )
    for mirror, name in sorted(wanted - known):
        text = f"INSERT INTO cdc.watched_column (mirror, name) VALUES ({literal(mirror)}, {literal(name)})"
        yield Statement(f"watch {mirror}.{name}", text)
    for mirror, name in sorted(known - wanted):
        text = f"DELETE FROM cdc.watched_column WHERE (mirror, name) = ({literal(mirror)}, {literal(name)})"
        yield Statement(f"stop watching {mirror}.{name}", text)

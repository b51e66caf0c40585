"""What the target lacks of the dictionary: canonical tables, tables of held candidates, indexes, watched columns.

The plan is made by comparison with the catalogue, so that it is empty when nothing is to be done, and can be read
before it is run. It never drops a row: a table of another shape is made anew while it is empty, and refused with what
empties it while it is not.

The indexes are those that a small turn needs for not scanning anything: look-ups forward (by what a mirror is looked up
by) and back (by what a row looks up with), candidates by key and by reference. They are named after what they index.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import psycopg

from cdc.capture.contract import Contract
from cdc.capture.keyless import ORIGIN
from cdc.columns import MAPPED_COLUMNS
from cdc.derive.active import stands_beside
from cdc.derive.bind import bind
from cdc.derive.change_mirror import plan_changes, versions_of
from cdc.derive.foreign_key import FOREIGN_KEY_NAME, plan_foreign_keys, referring
from cdc.derive.label import plan_labels
from cdc.derive.mirror import Mirror, index_expression, is_comparable
from cdc.derive.names import literal, literals, quoted
from cdc.derive.plan import Plan, Step
from cdc.derive.statement import Statement, digest_name
from cdc.derive.table import Table, tables_of
from cdc.derive.take import read_by_others
from cdc.errors import FatalError
from transforms.beside import CONTRIBUTION, HELD, SHADOW
from transforms.domain import Domain
from transforms.mapping import Match, MirrorRef

Rows = psycopg.Connection[Any]
_IDENTIFIER = re.compile('"(?:[^"]|"")*"')
Shape = Mapping[str, tuple[object, ...]]
"""What the catalogue says of each column."""


def mirrors_of(contracts: Iterable[Contract]) -> dict[MirrorRef, Mirror]:
    """Return the mirrors as contracts describe them, and change mirrors, whether they have been made or not."""
    mirrors = {}
    for contract in contracts:
        ref = MirrorRef(contract.schema, contract.table)
        types = {column.name: column.mirror_type for column in contract.columns}
        mirrors[ref] = Mirror(ref, {**types, **MAPPED_COLUMNS}, contract.key)
        if contract.key_origin != ORIGIN:
            versions = versions_of(mirrors[ref])
            mirrors[versions.ref] = versions
    return mirrors


def plan_target(
    connection: Rows, domains: tuple[Domain, ...], mirrors: Mapping[MirrorRef, Mirror]
) -> tuple[Statement, ...]:
    """Return the statements to run, in order, none if the target is as the domains want it.

    Raises DRV-101 or DRV-102 for a dictionary that does not fit the mirrors, DRV-103 for a table of another shape,
    DRV-120 where versions of rows cannot be kept.
    """
    plans = [bind(domain, "", mirrors) for domain in domains]
    renewed: set[str] = set()
    tables = [statement for plan in plans for statement in _tables(connection, plan, renewed)]
    dropped, added = plan_foreign_keys(connection, plans, renewed)
    beside = stands_beside(connection)

    def kept(statements: Iterable[Statement]) -> Iterator[Statement]:
        """What landing keeps for nobody is given up: not while another version stands beside that may need it."""
        return (one for one in statements if one.is_needed or not beside)

    return (
        *_schemas(connection, plans),
        *kept(plan_changes(connection, plans)),
        *dropped,
        *tables,
        *added,
        *_missing_indexes(connection, plans, renewed),
        *kept(_watched(connection, plans)),
    )


def _schemas(connection: Rows, plans: list[Plan]) -> Iterator[Statement]:
    """Domains may share a schema: they are looked at together."""
    schemas = sorted({fill.target.schema for plan in plans for fill in plan.fills})
    folded = {merge.fold.target.schema for plan in plans for merge in plan.merges}
    wanted = [name for base in schemas for name in (base, base + HELD)]
    for schema in (*wanted, *sorted(base + CONTRIBUTION for base in folded)):
        if not connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", (schema,)).rowcount:
            yield Statement(f"create schema {schema}", f"CREATE SCHEMA {quoted(schema)}")


def _tables(connection: Rows, plan: Plan, renewed: set[str]) -> list[Statement]:
    """Return what makes the tables fit; what is made anew is added to `renewed`."""
    tables = tables_of(plan)
    statements: list[Statement] = []
    faults: list[str] = []
    for table in tables:
        here = _shape(connection, table.schema, table.name)
        if not here:
            statements.append(Statement(f"create table {table}", table.creation()))
            continue
        wrong = [*_faults(str(table), here, _shape_of(connection, table.columns))]
        if _key(connection, table.schema, table.name) != list(table.key):
            wrong.append(f"{table} has another key")
        filled = _is_filled(connection, table)
        wrong += _missing_values(table, here) if filled else []
        if wrong and not filled:
            wrong = [
                f"{table} has to be made anew, and {name} hangs on it: drop that first"
                for name in hanging_on(connection, table.quoted)
            ]
            renewed.add(table.quoted)
            statements.append(_renewal(table))
        else:
            statements += _additions(table, here)
            statements += plan_labels(connection, table)
        faults += wrong
    if faults:
        raise FatalError("DRV-103", f"{'; '.join(faults)}\n  {_emptying(connection, tables)}")
    return statements


def _is_filled(connection: Rows, table: Table) -> bool:
    return bool(connection.execute(f"SELECT FROM {table.quoted} LIMIT 1".encode()).rowcount)


def _missing_values(table: Table, here: Shape) -> Iterator[str]:
    for name, text in table.columns.items():
        if name not in here and text.endswith("NOT NULL"):
            yield f"{table}.{name} is new and required, and the table has rows"


def _additions(table: Table, here: Shape) -> Iterator[Statement]:
    for name in (name for name in table.columns if name not in here):
        text = f"ALTER TABLE {table.quoted} ADD COLUMN {quoted(name)} {table.columns[name]}{table.labelling(name)}"
        yield Statement(f"add column {table}.{name}", text)


FORGET = "UPDATE cdc.domain SET dictionary = NULL"
"""Whatever is active, the next derivation of each domain is one of everything."""


def _renewal(table: Table) -> Statement:
    title = f"create table {table} anew: it is empty and has another shape; rights on it have to be granted again"
    return Statement(title, f"DROP TABLE {table.quoted}; {table.creation()}; {FORGET}")


def hanging_on(connection: Rows, table: str) -> Iterator[str]:
    """Yield views and foreign keys that somebody else made on a table, quoted: they are not ours to drop."""
    return (str(name) for (name,) in connection.execute(_DEPENDENTS, (table, table)).fetchall())


_DEPENDENTS = f"""
SELECT DISTINCT r.ev_class::regclass::text FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = %s::regclass
UNION SELECT conrelid::regclass || ' (' || conname || ')' FROM pg_constraint
WHERE contype = 'f' AND confrelid = %s::regclass AND conname !~ '{FOREIGN_KEY_NAME}' ORDER BY 1
"""


def _emptying(connection: Rows, tables: list[Table]) -> str:
    """Return in words what lets the plan be made: all of the domain, for a part of it would be no consistent state."""
    there = {table.quoted for table in tables if _shape(connection, table.schema, table.name)}
    listed = ", ".join(sorted(referring(connection, there)))
    return f"these statements empty the domain, and let it be derived anew: TRUNCATE {listed}; {FORGET};"


def _faults(place: str, here: Shape, there: Shape) -> Iterator[str]:
    yield from (f"{place}.{name} is not in the dictionary" for name in here if name not in there)
    for name in (name for name in there if name in here and here[name] != there[name]):
        yield f"{place}.{name} has another type, or is required in one of them only"


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


def _missing_indexes(connection: Rows, plans: list[Plan], renewed: set[str]) -> Iterator[Statement]:
    rows = connection.execute(
        "SELECT c.relname, n.nspname, t.relname FROM pg_index JOIN pg_class c ON c.oid = indexrelid"
        " JOIN pg_class t ON t.oid = indrelid JOIN pg_namespace n ON n.oid = t.relnamespace"
        " WHERE indisvalid AND right(n.nspname, length(%s)) <> %s",  # those of the shadow have the same names
        (SHADOW, SHADOW),
    ).fetchall()
    known = {name for name, *table in rows if quoted(*table) not in renewed}
    indexes = dict(entry for plan in plans for entry in indexes_of(plan))
    return (statement for name, statement in indexes.items() if name not in known)


def indexes_of(plan: Plan) -> Iterator[tuple[str, Statement]]:
    """Yield every index that a domain needs beside primary keys, by name; one of a mirror may come several times."""
    for fill in plan.fills:
        yield _index(fill.canonical, ["_mapping", "_source_key"], unique="" if fill.target.explodes else "UNIQUE ")
        yield _index(fill.held, [quoted(name) for name in fill.key])
    for merge in plan.merges:
        yield _index(merge.stored, [quoted(column) for column in merge.fold.target.key])
    for step in plan.steps:
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
        is_comparable(mirror.types[name], other) for name, other in searched
    ):
        return  # the primary key's own index
    expressions = [index_expression(name, mirror.types[name], other) for name, other in searched]
    usable = [expression for expression in expressions if expression]
    if usable:
        for name in step.images(mirror):
            yield _index(name, usable)


def _index(table: str, expressions: list[str], unique: str = "") -> tuple[str, Statement]:
    text = f"ON {table} ({', '.join(expressions)})"
    name = digest_name("derive", text)
    schema = _IDENTIFIER.match(table)
    here = f"{schema[0] if schema else ''}.{quoted(name)}"
    # One that was interrupted is there, and is not used.
    statement = Statement(
        f"create index {text.replace(chr(34), '')}",
        f"DROP INDEX IF EXISTS {here}; CREATE {unique}INDEX {quoted(name)} {text}",
        table,
        (f"DROP INDEX CONCURRENTLY IF EXISTS {here}", f"CREATE {unique}INDEX CONCURRENTLY {quoted(name)} {text}"),
    )
    return name, statement


def watched_by(plans: Iterable[Plan]) -> set[tuple[str, str]]:
    """Return the columns, as (mirror, name), of which landing has to keep old values for these domains."""
    plans = tuple(plans)
    steps = tuple(step for plan in plans for step in plan.steps)
    mirrors = {mirror.ref: mirror for plan in plans for mirror in plan.mirrors}
    return {(str(ref), name) for ref, mirror in mirrors.items() for name in read_by_others(steps, mirror)}


def _watched(connection: Rows, plans: list[Plan]) -> Iterator[Statement]:
    """Landing keeps the old values of these columns beside each change; they are what `take` works with."""
    mirrors = {str(mirror.ref) for plan in plans for mirror in plan.mirrors}
    wanted = watched_by(plans)
    query = f"SELECT mirror, name FROM cdc.watched_column WHERE mirror = ANY ({literals(mirrors)})"
    known = set(connection.execute(query.encode()).fetchall())
    for mirror, name in sorted(wanted - known):
        text = f"INSERT INTO cdc.watched_column (mirror, name) VALUES ({literal(mirror)}, {literal(name)})"
        yield Statement(f"watch {mirror}.{name}", text)
    for mirror, name in sorted(known - wanted):
        text = f"DELETE FROM cdc.watched_column WHERE (mirror, name) = ({literal(mirror)}, {literal(name)})"
        yield Statement(f"stop watching {mirror}.{name}", text, is_needed=False)

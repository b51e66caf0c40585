"""What an earlier dictionary has left in the target: canonical tables that nobody fills any more, indexes for look-ups.

Nothing of it is dropped by itself. A table is known by its columns and by the held one beside it, an index by its name;
what somebody else made is never among them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import psycopg

from cdc.derive.active import stands_beside
from cdc.derive.ddl import hanging_on, indexes_of
from cdc.derive.names import quoted
from cdc.derive.plan import META, Plan
from cdc.derive.statement import INDEX_NAME, Statement
from cdc.derive.table import PARTS
from cdc.errors import FatalError
from transforms.beside import HELD, SHADOW

Rows = psycopg.Connection[Any]


class Leftover(NamedTuple):
    """A table or an index, `kind`, by `name`, schema included; `mib`: what it takes, `of`: the table of an index."""

    kind: str
    name: str
    mib: int
    of: str = ""


def leftovers(connection: Rows, plans: Collection[Plan]) -> list[Leftover]:
    """Return what none of the plans needs, by kind and name: nothing while another version stands beside them.

    That one needs its tables and indexes when it is put in force, or when it is gone back to.
    """
    if stands_beside(connection):
        return []
    filled = {(fill.target.schema, fill.target.table) for plan in plans for fill in plan.fills}
    tables = connection.execute(_TABLES, (list(META), SHADOW, SHADOW)).fetchall()
    needed = {name for plan in plans for name, _ in indexes_of(plan)}
    indexes = connection.execute(_INDEXES, (INDEX_NAME, SHADOW, SHADOW)).fetchall()
    gone = {(schema, table) for schema, table, _ in tables if (schema, table) not in filled}
    beside = {(f"{schema}{part}", table) for schema, table in gone for part in PARTS}
    return [
        *(Leftover("table", f"{schema}.{table}", mib) for schema, table, mib in tables if (schema, table) in gone),
        *(
            Leftover("index", f"{schema}.{name}", mib, f"{schema}.{table}")
            for schema, name, table, mib in indexes
            if name not in needed and (schema, table) not in beside
        ),
    ]


def plan_drops(connection: Rows, known: Collection[Leftover], names: Collection[str]) -> Iterator[Statement]:
    """Yield what drops the leftovers of these names. Raises DRV-121 for any other name, and for what is in use."""
    by_name = {one.name: one for one in known}
    for name in dict.fromkeys(names):
        if name not in by_name:
            listed = ", ".join(by_name) or "nothing"
            raise FatalError("DRV-121", f"{name} is not left behind; {listed} is")
        one = by_name[name]
        yield _without_index(one) if one.kind == "index" else _without_table(connection, one)


def _without_index(one: Leftover) -> Statement:
    name = quoted(*one.name.split("."))
    title = f"drop index {one.name} of {one.of}: {one.mib} MiB"
    beside = f"DROP INDEX CONCURRENTLY IF EXISTS {name}"
    return Statement(
        title, f"DROP INDEX {name}", quoted(*one.of.split(".")), (beside,), is_needed=False, is_beside=True
    )


def _without_table(connection: Rows, one: Leftover) -> Statement:
    schema, _, name = one.name.partition(".")
    hanging = [*hanging_on(connection, quoted(schema, name))]
    if hanging:
        raise FatalError("DRV-121", f"{', '.join(hanging)} hangs on {one.name}")
    tables = ", ".join(quoted(f"{schema}{part}", name) for part in PARTS)
    return Statement(f"drop table {one.name}: {one.mib} MiB", f"DROP TABLE IF EXISTS {tables}")


_TABLES = f"""
SELECT n.nspname, c.relname, pg_total_relation_size(c.oid) >> 20
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND pg_has_role(c.relowner, 'USAGE')
  AND NOT EXISTS (SELECT FROM unnest(%s::text[]) wanted (name) WHERE NOT EXISTS (SELECT FROM pg_attribute a
                  WHERE a.attrelid = c.oid AND a.attname = wanted.name AND NOT a.attisdropped))
  AND EXISTS (SELECT FROM pg_class h JOIN pg_namespace hn ON hn.oid = h.relnamespace
              WHERE h.relkind = 'r' AND hn.nspname = n.nspname || '{HELD}' AND h.relname = c.relname)
  AND right(n.nspname, length(%s)) <> %s
ORDER BY 1, 2
"""
_INDEXES = """
SELECT n.nspname, c.relname, t.relname, pg_relation_size(c.oid) >> 20
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname ~ %s AND pg_has_role(c.relowner, 'USAGE') AND right(n.nspname, length(%s)) <> %s
ORDER BY 1, 2
"""

"""Foreign keys between canonical tables: those of the dictionary, and none that an earlier one left behind.

They are deferred, so that the tables of a turn can be written in any order; a turn checks them before it commits. Rows
that an earlier dictionary derived may break a new one: it is added without looking at them, and validated by the
derivation that replaces them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, NamedTuple

import psycopg

from cdc.derive.names import columns, literals, quoted
from cdc.derive.plan import Link, Plan
from cdc.derive.statement import Statement, digest_name

FOREIGN_KEY_NAME: Final = "^fk_[0-9a-f]{16}$"
"""What the foreign keys that are made here are called; others are not touched."""

Rows = psycopg.Connection[Any]


class _Known(NamedTuple):
    """A foreign key of the target; quoted tables."""

    name: str
    child: str
    parent: str


def plan_foreign_keys(
    connection: Rows, plans: Collection[Plan], renewed: Collection[str]
) -> tuple[list[Statement], list[Statement]]:
    """Return what to drop, before tables are made, and what to add, after that. `renewed`: tables made anew."""
    wanted = {_name(link): link for plan in plans for link in plan.links}
    known = known_foreign_keys(connection, {fill.canonical for plan in plans for fill in plan.fills})
    kept = {key.name for key in known if key.name in wanted and not {key.child, key.parent} & {*renewed}}
    dropped = [_drop(key) for key in known if key.name not in kept]
    added = [_add(connection, name, link, renewed) for name, link in wanted.items() if name not in kept]
    return dropped, added


def referring(connection: Rows, tables: Collection[str]) -> set[str]:
    """Return quoted tables with all that refer to them by foreign keys that were made here."""
    found, known = set(tables), {*tables}
    while known:
        known = {key.child for key in known_foreign_keys(connection, known) if key.parent in known} - found
        found |= known
    return found


def validate_foreign_keys(connection: Rows, plan: Plan) -> None:
    """Check what was added without a look at the rows; none of them may wait for a deferred check."""
    tables = f"{literals(fill.canonical for fill in plan.fills)}::regclass[]"
    of_tables = f"conrelid::regclass = ANY ({tables}) AND contype = 'f'"
    query = f"SELECT conrelid::regclass, conname FROM pg_constraint WHERE NOT convalidated AND {of_tables}"
    for table, name in connection.execute(query.encode()).fetchall():
        connection.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {quoted(name)}".encode())


def known_foreign_keys(connection: Rows, tables: Collection[str]) -> list[_Known]:
    """Return the foreign keys from or to any of `tables`."""
    listed = list(tables)
    return [_Known(*row) for row in connection.execute(_KNOWN, (listed, listed)).fetchall()]


_KNOWN = f"""
SELECT conname, format('"%%s"."%%s"', cn.nspname, c.relname), format('"%%s"."%%s"', pn.nspname, p.relname)
FROM pg_constraint
JOIN pg_class c ON c.oid = conrelid JOIN pg_namespace cn ON cn.oid = c.relnamespace
JOIN pg_class p ON p.oid = confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
WHERE contype = 'f' AND conname ~ '{FOREIGN_KEY_NAME}'
  AND (conrelid IN (SELECT to_regclass(t) FROM unnest(%s::text[]) t)
    OR confrelid IN (SELECT to_regclass(t) FROM unnest(%s::text[]) t))
ORDER BY conname
"""


def _text(link: Link) -> str:
    reference = link.reference
    return (
        f"FOREIGN KEY ({columns(reference.columns)}) REFERENCES {link.parent.canonical}"
        f" ({columns(reference.target_columns)}) DEFERRABLE INITIALLY DEFERRED"
    )


def _name(link: Link) -> str:
    return digest_name("fk", f"{link.child.canonical} {_text(link)}")


def _drop(key: _Known) -> Statement:
    title = f"drop foreign key from {key.child} to {key.parent}".replace('"', "")
    return Statement(title, f"ALTER TABLE {key.child} DROP CONSTRAINT {quoted(key.name)}")


def _add(connection: Rows, name: str, link: Link, renewed: Collection[str]) -> Statement:
    child = link.child.canonical
    later = " NOT VALID" if child not in renewed and _is_filled(connection, child) else ""
    title = f"add foreign key from {link.child.target} to {link.parent.target}"
    return Statement(title, f"ALTER TABLE {child} ADD CONSTRAINT {quoted(name)} {_text(link)}{later}")


def _is_filled(connection: Rows, table: str) -> bool:
    there = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (table,)).fetchone()
    return there == (True,) and bool(connection.execute(f"SELECT FROM {table} LIMIT 1".encode()).rowcount)

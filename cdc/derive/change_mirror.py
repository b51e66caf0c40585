"""Change mirrors: which tables landing keeps all versions of, because a mapping makes a history of them.

A change mirror begins with the rows that its mirror has: their versions have no beginning. No batch of the source lands
in between, as its position is locked: what it changes is either in the mirror already or becomes a version.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg

from cdc.columns import CHANGE_COLUMNS, SERVICE_COLUMNS
from cdc.derive.mirror import Mirror
from cdc.derive.names import columns, literal, literals, quoted
from cdc.derive.plan import Plan
from cdc.derive.statement import Statement
from cdc.errors import FatalError
from cdc.key import text_template

_OWN = {name: text for name, text in CHANGE_COLUMNS.items() if name not in SERVICE_COLUMNS}


def versions_of(mirror: Mirror) -> Mirror:
    """Return the change mirror of a mirror, whether it has been made or not."""
    spelled = {"timestamptz": "timestamp with time zone"}
    types = {name: text.removesuffix(" NOT NULL") for name, text in _OWN.items()}
    own = {name: spelled.get(text, text) for name, text in types.items()}
    return Mirror(replace(mirror.ref, versions=True), {**mirror.types, **own}, (*mirror.key, "_version"))


def plan_changes(connection: psycopg.Connection[Any], plans: list[Plan]) -> Iterator[Statement]:
    """Yield what is to be kept, and what need not be kept any more, of the tables that the domains read.

    Raises FatalError DRV-120 for a table with a column of a reserved name, and where an older history stands.
    """
    mirrors = {mirror.ref: mirror for plan in plans for mirror in plan.mirrors}
    wanted = {f"{ref.schema}.{ref.table}": mirror for ref, mirror in mirrors.items() if ref.versions}
    read = literals(sorted({f"{ref.schema}.{ref.table}" for ref in mirrors}))
    query = f"SELECT mirror FROM cdc.change_mirror WHERE mirror = ANY ({read})"
    known = {mirror for (mirror,) in connection.execute(query.encode()).fetchall()}
    for name in sorted(wanted.keys() - known):
        ref = wanted[name].ref
        _require_room(connection, wanted[name])
        yield Statement(
            f"keep all versions of {name} from now on; nothing of {ref.schema} lands meanwhile",
            _beginning(name, wanted[name]),
        )
    for name in sorted(known - wanted.keys()):
        text = f"DELETE FROM cdc.change_mirror WHERE mirror = {literal(name)}"
        yield Statement(f"keep versions of {name} no longer; those that were kept stay", text, is_needed=False)


def _require_room(connection: psycopg.Connection[Any], mirror: Mirror) -> None:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (mirror.name,)).fetchone()
    if row == (True,):
        raise FatalError("DRV-120", f"{mirror.ref} is left of an earlier history")
    source = quoted(mirror.ref.schema, mirror.ref.table)
    taken = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = ANY (%s)", (source, list(_OWN))
    ).fetchall()
    if taken:
        raise FatalError("DRV-120", f"{mirror.ref}: the source has a column {taken[0][0]}")


def _beginning(name: str, mirror: Mirror) -> str:
    ref = mirror.ref
    source = quoted(ref.schema, ref.table)
    listed = ", ".join(f"ADD {column} {text}" for column, text in _OWN.items())
    key = ", ".join(text_template(mirror.types[part]).format(f"m.{quoted(part)}") for part in mirror.key[:-1])
    stale = f"EXISTS (SELECT FROM cdc.stale s WHERE s.mirror = {literal(name)} AND s.key = ARRAY[{key}])"
    return (
        f"SELECT FROM cdc.position WHERE source = {literal(ref.schema)} FOR UPDATE;"
        f" CREATE SCHEMA IF NOT EXISTS {quoted(ref.stored_in)};"
        f" CREATE TABLE {mirror.name} (LIKE {source});"
        f" ALTER TABLE {mirror.name} {listed}, ADD PRIMARY KEY ({columns(mirror.key)});"
        f" INSERT INTO {mirror.name} SELECT m.*, m._offset, CASE WHEN {stale} THEN 's' ELSE 'r' END FROM {source} m;"
        f" INSERT INTO cdc.change_mirror (mirror) VALUES ({literal(name)})"
    )

"""The shadow: the tables that another dictionary fills, beside those that consumers read, and what is known of them.

It is made in one transaction and dropped in one. Its tables have the names of those that they will take the place of,
in schemas of their own (`trace_shadow`, `trace_held_shadow`, `trace_contribution_shadow`), and so have their indexes.
How far it is derived and what is held in it stands in `cdc_shadow`, in tables as those of `cdc`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from cdc.activate.build import STAGES, about_rows, create_stages, drop_stages
from cdc.activate.edition import SHADOW_DOMAIN, Scope
from cdc.derive.bind import bind
from cdc.derive.change_mirror import plan_changes, versions_of
from cdc.derive.ddl import indexes_of, watched_by
from cdc.derive.mirror import Mirror, read_mirrors
from cdc.derive.names import quoted
from cdc.derive.plan import Plan
from cdc.derive.statistics import refresh_statistics
from cdc.derive.table import PARTS, Table, tables_of
from transforms.beside import SHADOW
from transforms.mapping import MirrorRef

Connection = psycopg.Connection[Any]

BUILD, CLOSE, CATCH_UP, FORMER = "build", "close", "catch up", "former"
"""Source rows are derived; references and keys are decided; the stream is followed; these are the tables of before."""


@dataclass(frozen=True, slots=True)
class State:
    """What the target says of the shadow that is there: by which dictionary, made beside which, how far it is."""

    digest: str
    base: str
    phase: str
    tables: tuple[str, ...]
    swapped: tuple[str, ...]
    rows_total: int


def read_state(connection: Connection) -> State | None:
    """Return what is there, None if nothing is."""
    row = connection.execute(
        "SELECT digest, base, phase, tables, swapped, rows_total FROM cdc_shadow.activation"
    ).fetchone()
    return None if row is None else State(row[0], row[1], row[2], tuple(row[3]), tuple(row[4]), row[5])


def enter(connection: Connection, phase: str) -> None:
    """Say how far the shadow is."""
    connection.execute("UPDATE cdc_shadow.activation SET phase = %s, phase_at = clock_timestamp()", (phase,))


def bind_shadow(scope: Scope, digest: str, mirrors: dict[MirrorRef, Mirror]) -> tuple[Plan, Plan]:
    """Return the plan by which the shadow is derived, and the one by which it is built."""
    return bind(scope.domain, digest, mirrors, SHADOW), bind(scope.domain, digest, mirrors, SHADOW, STAGES)


def mirrors_for(connection: Connection, refs: tuple[MirrorRef, ...]) -> dict[MirrorRef, Mirror]:
    """Return the mirrors that are there, and change mirrors that have still to be begun."""
    base = {ref: replace(ref, versions=False) for ref in refs if ref.versions}
    found = read_mirrors(connection, tuple(sorted({*refs, *base.values()})))
    return {**{ref: versions_of(found[one]) for ref, one in base.items() if one in found}, **found}


def prepare_mirrors(connection: Connection, plan: Plan) -> list[str]:
    """Make what the mirrors lack of the new look-ups, without keeping landing from writing; autocommit.

    From now on landing keeps old values of what is looked up; of what it lands meanwhile without them everything is
    taken that could have to do with it.
    """
    done = []
    needed = (one for one in plan_changes(connection, [plan]) if one.is_needed)  # what is kept already stays so
    for statement in needed:
        with connection.transaction():
            connection.execute(statement.text.encode())
        done.append(statement.title)
    for mirror, name in sorted(watched_by([plan])):
        found = connection.execute(
            "INSERT INTO cdc.watched_column (mirror, name) VALUES (%s, %s) ON CONFLICT DO NOTHING", (mirror, name)
        )
        done += [f"watch {mirror}.{name}"] * found.rowcount
    own = {table.quoted for table in tables_of(plan)}
    for name, statement in dict(indexes_of(plan)).items():
        if not any(f" ON {table} " in statement.text for table in own) and not _is_valid(connection, name):
            _do_beside(connection, statement.beside)
            done.append(statement.title)
    return done


def _is_valid(connection: Connection, name: str) -> bool:
    """Tell whether an index is there, and not what was left of one whose making was broken off."""
    found = connection.execute(
        "SELECT FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE c.relname = %s AND indisvalid", (name,)
    )
    return found.rowcount > 0


def _do_beside(connection: Connection, texts: Iterable[str]) -> None:
    connection.execute("SET statement_timeout = 0; SET lock_timeout = 0")
    for text in texts:
        connection.execute(text.encode())
    connection.execute("RESET statement_timeout; RESET lock_timeout")


def create(connection: Connection, plan: Plan, scope: Scope, base: str) -> None:
    """Make the tables, empty, and say so, in one transaction. Indexes come when the rows are there."""
    with connection.transaction():
        _drop(connection)
        tables = tables_of(plan)
        for schema in sorted({table.schema for table in tables}):
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}".encode())
        for table in tables:
            connection.execute(table.creation(key=not table.is_large).encode())
        create_stages(connection, plan)
        connection.execute(
            "INSERT INTO cdc_shadow.activation (digest, base, phase, tables, swapped, rows_total)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (plan.digest, base, BUILD, list(scope.tables), list(scope.swapped), about_rows(connection, plan)),
        )
        connection.execute(
            "INSERT INTO cdc_shadow.domain (name, derivation) SELECT %s, coalesce(max(derivation), 0) FROM cdc.domain",
            (SHADOW_DOMAIN,),
        )
        # From here on everything that lands is followed; what is read from now on is not older than this.
        connection.execute(
            "INSERT INTO cdc_shadow.watermark (domain, stream, batch)"
            " SELECT %s, stream, batch FROM cdc.position WHERE source = ANY (%s)",
            (SHADOW_DOMAIN, list(plan.sources)),
        )


def create_indexes(connection: Connection, live: Plan, plan: Plan) -> None:
    """Make keys and indexes of the shadow's tables, called as those of the tables whose places they take.

    `live` is the same domain, bound to those. One that is there already is left: this may have been broken off.
    """
    own = {table.quoted for table in tables_of(plan)}
    for table in tables_of(plan):
        if not connection.execute(_HAS_KEY, (table.quoted,)).rowcount:
            connection.execute(f"ALTER TABLE {table.quoted} ADD {table.primary_key}".encode())
    for (name, _), (other, statement) in zip(indexes_of(live), indexes_of(plan), strict=True):
        if any(f" ON {table} " in statement.text for table in own):
            _, concurrently = statement.beside
            text = concurrently.replace(f"CONCURRENTLY {quoted(other)}", f"IF NOT EXISTS {quoted(name)}", 1)
            connection.execute(text.encode())
    refresh_statistics(connection, plan)


def drop(connection: Connection) -> bool:
    """Drop the shadow, whatever it is; tell whether there was one."""
    with connection.transaction():
        return _drop(connection)


def _drop(connection: Connection) -> bool:
    state = read_state(connection)
    if state is None:
        return False
    drop_stages(connection)
    for table in sides_of(state.tables):
        connection.execute(f"DROP TABLE IF EXISTS {table.quoted}".encode())
    for schema in sorted({table.schema for table in sides_of(state.tables)}):
        if not connection.execute(_IN_SCHEMA, (schema,)).rowcount:
            connection.execute(f"DROP SCHEMA IF EXISTS {quoted(schema)}".encode())
    connection.execute(
        "DELETE FROM cdc_shadow.watermark; DELETE FROM cdc_shadow.held; DELETE FROM cdc_shadow.domain;"
        "DELETE FROM cdc_shadow.activation"
    )
    return True


_HAS_KEY = "SELECT FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'p'"
_IN_SCHEMA = "SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = %s LIMIT 1"


def sides_of(names: Iterable[str], side: str = SHADOW) -> Iterator[Table]:
    """Yield the tables that may belong to canonical tables, on one side: themselves, held, contributed."""
    for name in names:
        schema, _, table = name.partition(".")
        for part in PARTS:
            yield Table(f"{schema}{part}{side}", table, {}, ())


def exists(connection: Connection, table: Table) -> bool:
    """Tell whether a table is there."""
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (table.quoted,)).fetchone()
    return row == (True,)


def take_shadow(connection: Connection) -> bool:
    """Take the lease of the shadow for this session; False while another session has it."""
    row = connection.execute("SELECT pg_try_advisory_lock(hashtextextended('cdc activation', 0))").fetchone()
    return row == (True,)


def take_epoch(connection: Connection) -> int:
    """Return the epoch of a session that derives the shadow: whatever an earlier one still does, is void."""
    row = connection.execute(
        "UPDATE cdc_shadow.domain SET epoch = epoch + 1 WHERE name = %s RETURNING epoch", (SHADOW_DOMAIN,)
    ).fetchone()
    return 0 if row is None else int(row[0])

"""Tables change places: those of the shadow with those that consumers read, in one transaction.

Why the tables, and not views before them or their rows: a table keeps its name, so that nobody who reads it has to know
of it; every row of a table is of one version; and going back is the same again. What it takes:

- A lock on all that changes places, so that a transaction that has read one of the tables sees the others as they were.
  It is waited for so shortly that readers behind it do not notice; else all is given back, and tried again later.
- Transactions older than the end of the building are waited for, without a lock: a snapshot from before it would show a
  table as it was then, half built. Of snapshots since then each shows one version, at a cut of its time.
- What hangs on a table by its identity and not by its name: rights are given to the new one as the old one had them,
  views that the service may replace are bound anew, foreign keys are those of the dictionary. Anything else is named,
  and nothing is swapped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from cdc.activate.edition import SHADOW_DOMAIN, Edition
from cdc.activate.shadow import FORMER, exists, sides_of
from cdc.crash import crash_point
from cdc.derive.bind import mirror_refs
from cdc.derive.foreign_key import FOREIGN_KEY_NAME, known_foreign_keys, plan_foreign_keys
from cdc.derive.names import literals, quoted
from cdc.derive.plan import Plan
from cdc.derive.table import Table
from cdc.errors import FatalError
from cdc.store.action import operator, record_action
from transforms.beside import LEAVING

Connection = psycopg.Connection[Any]

VACUUM_S = 5
"""How long one VACUUM is waited for that is in the way; nobody waits behind that."""


@dataclass(frozen=True, slots=True)
class Swap:
    """What changes places: `tables` as `schema.table`, between two editions; `live` are the plans of the new one."""

    old: Edition
    new: Edition
    tables: tuple[str, ...]
    live: tuple[Plan, ...]
    reason: str


def hindrances(connection: Connection, tables: Collection[str]) -> list[str]:
    """Return in words what hangs on these tables and cannot follow them."""
    live = [table.quoted for table in sides_of(tables, "")]
    return [str(row[0]) for row in connection.execute(_HINDRANCES, {"tables": live}).fetchall()]


_OF = "FROM unnest(%(tables)s::text[]) t (name) JOIN pg_class c ON c.oid = to_regclass(t.name)"
_VIEWS = f"""
SELECT DISTINCT v.oid, format('%%I.%%I', s.nspname, v.relname) AS named,
       v.relkind = 'v' AND pg_has_role(v.relowner, 'USAGE') AS follows
{_OF} JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
AND d.classid = 'pg_rewrite'::regclass JOIN pg_rewrite r ON r.oid = d.objid
JOIN pg_class v ON v.oid = r.ev_class AND v.oid <> c.oid JOIN pg_namespace s ON s.oid = v.relnamespace
"""
_HINDRANCES = f"""
SELECT 'view ' || named FROM ({_VIEWS}) v WHERE NOT follows
UNION ALL SELECT format('foreign key %%s of %%s', conname, conrelid::regclass)
{_OF} JOIN pg_constraint k ON k.confrelid = c.oid AND contype = 'f' AND conname !~ '{FOREIGN_KEY_NAME}'
UNION ALL SELECT format('trigger %%s on %%s', tgname, c.oid::regclass)
{_OF} JOIN pg_trigger g ON g.tgrelid = c.oid AND NOT tgisinternal
UNION ALL SELECT format('policy %%s on %%s', polname, c.oid::regclass)
{_OF} JOIN pg_policy p ON p.polrelid = c.oid
UNION ALL SELECT format('publication %%s of %%s', pubname, c.oid::regclass)
{_OF} JOIN pg_publication_rel r ON r.prrelid = c.oid JOIN pg_publication b ON b.oid = r.prpubid
UNION ALL SELECT format('table %%s that inherits from %%s', inhrelid::regclass, c.oid::regclass)
{_OF} JOIN pg_inherits i ON i.inhparent = c.oid
UNION ALL SELECT format('rule %%s on %%s', rulename, c.oid::regclass)
{_OF} JOIN pg_rewrite w ON w.ev_class = c.oid
ORDER BY 1
"""


def older_transactions(connection: Connection, known: Collection[str] | None = None) -> dict[str, str]:
    """Return the transactions of this database that are open, by virtual id, and in words whose they are.

    `known`: only those of them. Whoever began later sees what was there before. The server's own VACUUM, which may take
    hours, hands nothing of what it sees to anybody.
    """
    rows = connection.execute(
        "SELECT l.virtualtransaction, format('%s %s (pid %s)', a.usename, a.application_name, a.pid)"
        " FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'virtualxid' AND l.granted"
        " AND l.mode = 'ExclusiveLock' AND a.datname = current_database() AND a.pid <> pg_backend_pid()"
        " AND a.usesysid IS NOT NULL"  # what kind of process another role's is, is not shown to everybody
    ).fetchall()
    return {vxid: words for vxid, words in rows if known is None or vxid in known}


def swap(connection: Connection, what: Swap) -> None:
    """Let the tables change places and put the new dictionary in force, in the transaction that is open.

    Everything is at one cut and stays there until the end of the transaction (`cdc.activate.gate`).
    Raises DRV-113, and psycopg's errors of a lock that others have.
    """
    found = hindrances(connection, what.tables)
    if found:
        raise FatalError("DRV-113", "".join(f"\n  {one}" for one in found))
    pairs = list(_pairs(connection, what.tables))
    _lock(connection, what, pairs)
    views = _views(connection, what.tables)
    for live, shadow in pairs:
        if exists(connection, live):
            _give_rights(connection, live.quoted, shadow.quoted)
    _drop_foreign_keys(connection, what)
    crash_point("A4")
    for live, shadow in pairs:
        _exchange(connection, live, shadow)
    _drop_leaving(connection, pairs)
    for statement in plan_foreign_keys(connection, what.live, ())[1]:
        connection.execute(statement.text.encode())
    for view in views:
        connection.execute(view.encode())
    _exchange_held(connection, what)
    _enter_books(connection, what)
    crash_point("A5")


def _pairs(connection: Connection, names: tuple[str, ...]) -> Iterator[tuple[Table, Table]]:
    """Yield the tables that change places; one that the shadow does not have belongs to nothing that is folded."""
    for live, shadow in zip(sides_of(names, ""), sides_of(names), strict=True):
        if exists(connection, shadow):
            yield live, shadow


def end_vacuums(connection: Connection, what: Swap) -> None:
    """Have the server's own VACUUM of these tables broken off, by waiting for it; autocommit.

    It gives way to whoever has waited for `deadlock_timeout`, and that is longer than the swap lets readers wait.
    One that somebody has asked for does not: psycopg's LockNotAvailable.
    """
    there = _locked(connection, what, list(_pairs(connection, what.tables)))
    if there:
        with connection.transaction():
            connection.execute(f"SET LOCAL lock_timeout = '{VACUUM_S}s'")
            connection.execute(f"LOCK TABLE {', '.join(there)} IN SHARE UPDATE EXCLUSIVE MODE".encode())


def _lock(connection: Connection, what: Swap, pairs: list[tuple[Table, Table]]) -> None:
    """Lock what changes places and what its foreign keys refer to: nobody who has read one of them goes on reading."""
    there = _locked(connection, what, pairs)
    if there:
        connection.execute(f"LOCK TABLE {', '.join(there)} IN ACCESS EXCLUSIVE MODE".encode())


def _locked(connection: Connection, what: Swap, pairs: list[tuple[Table, Table]]) -> list[str]:
    tables = {table.quoted for pair in pairs for table in pair if exists(connection, table)}
    own = {live.quoted for live, _ in pairs}
    parents = {link.parent.canonical for plan in what.live for link in plan.links if link.child.canonical in own}
    parents |= {name for key in known_foreign_keys(connection, own) for name in (key.parent, key.child)}
    return sorted(tables | {name for name in parents if _is_there(connection, name)})


def _is_there(connection: Connection, name: str) -> bool:
    return connection.execute("SELECT to_regclass(%s) IS NOT NULL", (name,)).fetchone() == (True,)


def _views(connection: Connection, names: tuple[str, ...]) -> list[str]:
    """Return the statements that bind views anew, to the tables that have the names then."""
    live = [table.quoted for table in sides_of(names, "")]
    rows = connection.execute(
        f"SELECT v.named, array_to_string(k.reloptions, ', '), pg_get_viewdef(v.oid) FROM ({_VIEWS}) v"
        " JOIN pg_class k USING (oid)",
        {"tables": live},
    ).fetchall()
    return [
        f"CREATE OR REPLACE VIEW {name} {f'WITH ({options})' if options else ''} AS {text}"
        for name, options, text in rows
    ]


def _give_rights(connection: Connection, live: str, shadow: str) -> None:
    """Give everybody the rights on the new table that he had on the old one."""
    rows = connection.execute(_RIGHTS, {"table": live}).fetchall()
    for privilege, names, grantee, grantable in rows:
        of = f" ({', '.join(quoted(name) for name in names)})" if names else ""
        to = "PUBLIC" if grantee is None else quoted(grantee)
        more = " WITH GRANT OPTION" if grantable else ""
        connection.execute(f"GRANT {privilege}{of} ON {shadow} TO {to}{more}".encode())


_RIGHTS = """
SELECT x.privilege_type, NULL::text[], r.rolname, x.is_grantable
FROM pg_class c CROSS JOIN aclexplode(c.relacl) x LEFT JOIN pg_roles r ON r.oid = x.grantee
WHERE c.oid = %(table)s::regclass AND x.grantee <> c.relowner
UNION ALL
SELECT x.privilege_type, array_agg(a.attname::text), r.rolname, x.is_grantable
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT attisdropped CROSS JOIN aclexplode(a.attacl) x
LEFT JOIN pg_roles r ON r.oid = x.grantee
WHERE c.oid = %(table)s::regclass AND x.grantee <> c.relowner GROUP BY 1, 3, 4
"""


def _drop_foreign_keys(connection: Connection, what: Swap) -> None:
    """Drop the service's foreign keys from and to what changes places: those of the new dictionary are made instead."""
    tables = {live.quoted for live in sides_of(what.tables, "")}
    tables |= {quoted(target.schema, target.table) for target in _unfilled(what)}
    for key in known_foreign_keys(connection, tables):
        connection.execute(f"ALTER TABLE {key.child} DROP CONSTRAINT {quoted(key.name)}".encode())


def _unfilled(what: Swap) -> list[Any]:
    after = what.new.filled()
    return [target for name, target in what.old.filled().items() if name not in after]


def _exchange(connection: Connection, live: Table, shadow: Table) -> None:
    """Move one table in and the other one out; indexes and constraints go with them."""
    leaving = quoted(live.schema + LEAVING)
    out = exists(connection, live)
    if out:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {leaving}".encode())
        connection.execute(f"ALTER TABLE {live.quoted} SET SCHEMA {leaving}".encode())
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(live.schema)}".encode())
    connection.execute(f"ALTER TABLE {shadow.quoted} SET SCHEMA {quoted(live.schema)}".encode())
    if out:
        moved = f"{leaving}.{quoted(live.name)}"
        connection.execute(f"ALTER TABLE {moved} SET SCHEMA {quoted(shadow.schema)}".encode())


def _drop_leaving(connection: Connection, pairs: list[tuple[Table, Table]]) -> None:
    for schema in sorted({live.schema + LEAVING for live, _ in pairs}):
        connection.execute(f"DROP SCHEMA IF EXISTS {quoted(schema)}".encode())


def _exchange_held(connection: Connection, what: Swap) -> None:
    """Exchange what is held; who is held for the same reason as before has been since then."""
    names = sorted({*what.old.names_of(what.tables), *what.new.names_of(what.tables)})
    of = f"WHERE mapping = ANY ({literals(names)})"
    said = "mapping, source_key, code, field, detail, waits_for, waits_key, dictionary, since"
    for statement in (
        f"CREATE TEMP TABLE leaving ON COMMIT DROP AS SELECT {said} FROM cdc.held {of}",
        f"DELETE FROM cdc.held {of}",
        f"INSERT INTO cdc.held ({said}) SELECT {said} FROM cdc_shadow.held {of}",
        "UPDATE cdc.held h SET since = o.since FROM leaving o"
        " WHERE (o.mapping, o.source_key, o.code) = (h.mapping, h.source_key, h.code)",
        f"DELETE FROM cdc_shadow.held {of}",
        f"INSERT INTO cdc_shadow.held ({said}) SELECT {said} FROM leaving",
    ):
        connection.execute(statement.encode())


def _enter_books(connection: Connection, what: Swap) -> None:
    """Say that each domain of the new dictionary is derived by it up to the cut, and what the shadow is now."""
    old, new = what.old.digest, what.new.digest
    domains = what.new.domains()
    connection.execute(
        "INSERT INTO cdc.domain (name, dictionary, derivation)"
        " SELECT n, %s, coalesce((SELECT max(derivation) FROM cdc.domain), 0) + 1 FROM unnest(%s::text[]) n"
        " ON CONFLICT (name) DO UPDATE SET dictionary = excluded.dictionary, derivation = excluded.derivation",
        (new, [domain.name for domain in domains]),
    )
    connection.execute(
        "UPDATE cdc.domain SET dictionary = NULL WHERE name <> ALL (%s)", ([domain.name for domain in domains],)
    )
    reads = sorted({(domain.name, ref.schema) for domain in domains for ref in mirror_refs(domain)})
    connection.execute(
        "INSERT INTO cdc.watermark (domain, stream, batch) SELECT d.name, p.stream, w.batch"
        " FROM unnest(%s::text[], %s::text[]) d (name, source) JOIN cdc.position p USING (source)"
        " JOIN (SELECT stream, max(batch) AS batch FROM (SELECT stream, batch FROM cdc.watermark"
        " UNION ALL SELECT stream, batch FROM cdc_shadow.watermark) x GROUP BY stream) w USING (stream)"
        " ON CONFLICT (domain, stream) DO UPDATE SET batch = excluded.batch",
        ([name for name, _ in reads], [source for _, source in reads]),
    )
    # What was asked for of a mapping that is gone no turn would ever take.
    for table in ("held", "derive_queue"):
        query = f"DELETE FROM cdc.{table} WHERE mapping <> ALL (%s)"
        connection.execute(query.encode(), (list(what.new.version.mappings),))
    # A waiver is of one dictionary: rows of which it was one before, or is one now, may be in tables that stay.
    connection.execute(
        "INSERT INTO cdc.derive_queue (mapping, source_key, reason, actor)"
        " SELECT DISTINCT mapping, source_key, 'waiver', session_user || ' ' || %s FROM cdc.waiver"
        " WHERE approved_at IS NOT NULL AND dictionary IN (%s, %s) AND mapping = ANY (%s)",
        (operator(), old, new, list(what.new.version.mappings)),
    )
    connection.execute("UPDATE cdc.dictionary SET activated_at = now() WHERE digest = %s", (new,))
    connection.execute("UPDATE cdc.active SET digest = %s, previous = %s, activated_at = clock_timestamp()", (new, old))
    connection.execute(
        "UPDATE cdc_shadow.activation SET digest = %s, base = %s, phase = %s, phase_at = clock_timestamp()",
        (old, new, FORMER),
    )
    connection.execute("UPDATE cdc_shadow.domain SET dictionary = %s WHERE name = %s", (old, SHADOW_DOMAIN))
    record_action(connection, "dictionary activate", new, {"before": old, "swapped": list(what.tables)}, what.reason)

"""What the capture account of a PostgreSQL source may do, and may not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from psycopg.rows import DictRow

from cdc.capture.preflight.finding import Finding
from cdc.capture.quoting import double_quoted
from cdc.capture.source import Source

_ROLE = """
SELECT rolname AS name, rolsuper AS superuser, rolreplication AS replication, rolcreaterole AS createrole,
       rolcreatedb AS createdb, rolbypassrls AS bypassrls,
       ARRAY(SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE r.rolname = ANY (%s)
             AND pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER') ORDER BY 1) AS member_of
FROM pg_catalog.pg_roles WHERE rolname = current_user"""
_SCHEMAS = """
SELECT nspname AS name FROM pg_catalog.pg_namespace
WHERE nspname = ANY (%s) AND NOT pg_catalog.has_schema_privilege(oid, 'USAGE') ORDER BY 1"""
# Of all tables of the database: who may write one that is not captured may write.
_WRITABLE = """
SELECT n.nspname AS schema, c.relname AS name, pg_catalog.pg_get_userbyid(a.grantee) AS grantee,
       a.grantee = 0 AS is_public, string_agg(DISTINCT a.privilege_type, ', ' ORDER BY a.privilege_type) AS privileges
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER') AND a.grantee <> c.relowner
  AND (a.grantee = 0 OR pg_catalog.pg_has_role(current_user, a.grantee, 'MEMBER'))
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2"""
_OWNED = """
SELECT n.nspname AS schema, c.relname AS name, pg_catalog.pg_get_userbyid(c.relowner) AS owner
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND pg_catalog.pg_has_role(current_user, c.relowner, 'MEMBER') ORDER BY 1, 2"""

# Those of the predefined roles, and of well-known hosts', that can do more than read.
_MIGHTY = (
    *("pg_write_all_data", "pg_read_server_files", "pg_write_server_files", "pg_execute_server_program"),
    *("pg_signal_backend", "pg_checkpoint", "pg_maintain", "pg_create_subscription"),
    *("rds_superuser", "cloudsqlsuperuser", "azure_pg_admin"),
)
_SHOWN = 3


def account_findings(
    source: Source, connection: psycopg.Connection[DictRow], *, has_policies: bool
) -> Iterator[Finding]:
    """Yield SRC-303 for grants that are missing, SRC-304 for those that are too many.

    `has_policies` says that captured tables have row-level security: to pass it by is then needed.
    """
    role = connection.execute(_ROLE, (list(_MIGHTY),)).fetchone() or {}
    name = double_quoted(role["name"])
    yield from attribute_findings(role, has_policies=has_policies)
    schemas = sorted({table.schema for table in source.tables})
    for row in connection.execute(_SCHEMAS, (schemas,)).fetchall():
        grant = f"GRANT USAGE ON SCHEMA {double_quoted(row['name'])} TO {name}"
        yield Finding("SRC-303", f"USAGE on schema {row['name']}", grant)
    if not role["superuser"]:
        yield from _writable(connection)


def attribute_findings(role: Mapping[str, Any], *, has_policies: bool) -> Iterator[Finding]:
    """Yield what the role's attributes and memberships give too little or too much."""
    name = double_quoted(role["name"])
    if not (role["replication"] or role["superuser"]):
        yield Finding("SRC-303", f"{role['name']} has not the attribute REPLICATION", f"ALTER ROLE {name} REPLICATION")
    needless = ["superuser", "createrole", "createdb", *([] if has_policies else ["bypassrls"])]
    for attribute in needless:
        if role[attribute]:
            word = attribute.upper()
            # A superuser need not have the attribute of its own.
            keep = " REPLICATION" if attribute == "superuser" else ""
            yield Finding("SRC-304", f"{role['name']} has the attribute {word}", f"ALTER ROLE {name} NO{word}{keep}")
    if not role["superuser"]:
        for group in role["member_of"]:
            revoke = f"REVOKE {double_quoted(group)} FROM {name}"
            yield Finding("SRC-304", f"{role['name']} is a member of {group}", revoke)


def _writable(connection: psycopg.Connection[DictRow]) -> Iterator[Finding]:
    tables: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for row in connection.execute(_WRITABLE).fetchall():
        grantee = "PUBLIC" if row["is_public"] else double_quoted(row["grantee"])
        tables[grantee, row["privileges"]].append((row["schema"], row["name"]))
    for (grantee, privileges), places in tables.items():
        listed = ", ".join(double_quoted(*place) for place in places)
        what = f"{privileges} on {_some(places)} by {grantee}"
        yield Finding("SRC-304", what, f"REVOKE {privileges} ON {listed} FROM {grantee}")
    owned = connection.execute(_OWNED).fetchall()
    if owned:
        yield Finding("SRC-304", f"it owns {_some([(row['schema'], row['name']) for row in owned])}")


def _some(places: list[tuple[str, str]]) -> str:
    """Return the first of the tables and how many more there are."""
    more = f" and {len(places) - _SHOWN} more tables" if len(places) > _SHOWN else ""
    return ", ".join(".".join(place) for place in places[:_SHOWN]) + more

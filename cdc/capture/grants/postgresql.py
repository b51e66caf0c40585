"""The script for a PostgreSQL source; `compose/mes/dba.sql` is what it comes to for the demo's."""

from __future__ import annotations

from collections.abc import Sequence

from cdc.capture.connector import publication
from cdc.capture.quoting import double_quoted, text
from cdc.capture.source import Source

_HEAD = """\
-- The DBA's one script for source {name} (PostgreSQL): the whole of what the replication needs in this database.
--
-- One role that may read the listed tables and follow the log, and one publication of them. No table, column or trigger
-- is touched but by a replica identity, where one is set below: the log then says which row was changed, and without it
-- the application's own UPDATE would fail as soon as the table is published.
-- It may be run again at any time. The server itself must have wal_level = logical and a free replication slot.
--
-- The password stands in no file. Run in the captured database as a superuser:
--   PGOPTIONS="-c capture.password=$PASSWORD" psql -d DATABASE -v ON_ERROR_STOP=1 -f dba.sql
-- Printed by `cdc connectors grants {name}`; review it, keep it beside the connector file."""
_ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {literal}) THEN
        CREATE ROLE {role};
    END IF;
    EXECUTE format('ALTER ROLE %I LOGIN REPLICATION PASSWORD %L', {literal}, current_setting('capture.password'));
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), {literal});
END $$;
"""
# Whatever stands above, or was forgotten there: what would break the application is not published.
_GUARD = """
DO $$
DECLARE
    captured regclass[] := ARRAY[{tables}];
    unnamed text;
BEGIN
    SELECT string_agg(c.oid::regclass::text, ', ') INTO unnamed FROM pg_class c
    WHERE c.oid = ANY (captured)
      AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid
                      AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident END)
      AND c.relreplident <> 'f';
    IF unnamed IS NOT NULL THEN
        RAISE EXCEPTION 'without replica identity: %', unnamed
            USING HINT = 'Published as it is, the application could change no row of it any more.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_publication WHERE pubname = {literal}) THEN
        CREATE PUBLICATION {publication};
    END IF;
    IF EXISTS (SELECT FROM pg_class c WHERE c.oid = ANY (captured) AND c.relkind = 'p') THEN
        -- A partitioned table comes under its own name, not under those of its partitions.
        ALTER PUBLICATION {publication} SET (publish_via_partition_root = true);
    END IF;
END $$;
ALTER PUBLICATION {publication} SET TABLE {listed};
ALTER PUBLICATION {publication} SET (publish = 'insert, update, delete, truncate');
"""


def script(source: Source, user: str, identities: Sequence[str] | None) -> str:
    """Return the script for an account. `identities` are statements that set them; None: nobody knows which."""
    role = double_quoted(user)
    names = [double_quoted(table.schema, table.name) for table in source.tables]
    schemas = sorted({table.schema for table in source.tables})
    lines = [_HEAD.format(name=source.name), _ROLE.format(literal=text(user), role=role)]
    lines += [f"GRANT USAGE ON SCHEMA {double_quoted(schema)} TO {role};" for schema in schemas]
    lines.append(f"GRANT SELECT ON {_listed(names)} TO {role};")
    if identities is None:
        lines.append("-- The catalogue was not read: if a table needs a replica identity, the next statement says so.")
    lines += identities or ()
    values = {
        "tables": _listed([text(name) for name in names]),
        "literal": text(publication(source)),
        "listed": _listed(names),
    }
    lines.append(_GUARD.format(publication=double_quoted(publication(source)), **values))
    return "\n".join(lines).rstrip()


def _listed(names: Sequence[str]) -> str:
    return ",\n    ".join(names)

"""Preflight of a PostgreSQL source: what the server, the account, the publication and the slots are like."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg.rows import DictRow

from cdc.capture import catalogue_postgresql
from cdc.capture.catalogue_postgresql import QUERY_TIMEOUT_MS, gather, identify, session
from cdc.capture.connector import publication, slot_name
from cdc.capture.login import Login
from cdc.capture.preflight.account_postgresql import account_findings
from cdc.capture.preflight.clock import clock_findings, offset_of, zone_findings
from cdc.capture.preflight.finding import Finding, Report, findings_of, sorted_findings
from cdc.capture.preflight.limits import ENOUGH_S, Limits
from cdc.capture.preflight.sample import Column
from cdc.capture.preflight.sample_postgresql import columns_of, sample
from cdc.capture.preflight.uncaptured import uncaptured_findings
from cdc.capture.preflight.wal import room_findings, wal_findings
from cdc.capture.publication import has_partitioned, publish
from cdc.capture.quoting import double_quoted, text
from cdc.capture.source import Source
from cdc.errors import FatalError

OLDEST: Final = 14
_POLL_S = 0.1
_PLUGIN = "pgoutput"

_VERSION = """
SELECT current_setting('server_version_num')::int / 10000 AS version, current_setting('server_version') AS text,
       pg_catalog.pg_is_in_recovery() AS is_standby"""
_TIME_OUTS = """
SELECT name, extract(epoch FROM current_setting(name)::interval)::float8 AS seconds FROM pg_catalog.pg_settings
WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout') ORDER BY name"""
_CLOCK = "SELECT extract(epoch FROM clock_timestamp())::float8 AS now"
# Moments of one local time in winter and in summer: a zone without summer time is as far from UTC in both.
_ZONE = """
SELECT z.name, (w AT TIME ZONE z.name) - (w AT TIME ZONE 'UTC') <> (s AT TIME ZONE z.name) - (s AT TIME ZONE 'UTC')
       AS has_summer_time
FROM (SELECT current_setting('TimeZone') AS name) z,
     LATERAL (SELECT date_trunc('year', now() AT TIME ZONE 'UTC') AS w) winter,
     LATERAL (SELECT w + interval '181 days' AS s) summer"""
_TABLES = """
SELECT n.nspname AS schema, c.relname AS name, c.relpersistence <> 'p' AS is_unlogged,
       pg_catalog.row_security_active(c.oid) AS hides_rows, c.relrowsecurity AS has_policies
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE (n.nspname, c.relname) IN (SELECT * FROM unnest(%s::text[], %s::text[])) AND c.relkind IN ('r', 'p')"""
# Partitions are rows of their parents, what an extension brings is its own.
_BESIDE = """
SELECT n.nspname || '.' || c.relname AS name
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (%s) AND c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE (d.classid, d.objid, d.deptype) = ('pg_catalog.pg_class'::regclass, c.oid, 'e'))
ORDER BY 1"""
_PUBLISHED = """
SELECT t.schemaname AS schema, t.tablename AS name, p.puballtables AS is_all, (p.pubupdate OR p.pubdelete) AND (
           c.relreplident = 'n'
           OR c.relreplident = 'd' AND NOT EXISTS (
               SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
           OR c.relreplident = 'i' AND NOT EXISTS (
               SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisreplident)) AS is_unnamed
FROM pg_catalog.pg_publication p
JOIN pg_catalog.pg_publication_tables t ON t.pubname = p.pubname
JOIN pg_catalog.pg_namespace n ON n.nspname = t.schemaname
JOIN pg_catalog.pg_class c ON (c.relnamespace, c.relname) = (n.oid, t.tablename)
WHERE p.pubname = %s ORDER BY 1, 2"""
# Publications of schemas came with version 15.
_SCHEMAS = """
SELECT n.nspname AS name FROM pg_catalog.pg_publication_namespace s
JOIN pg_catalog.pg_publication p ON p.oid = s.pnpubid JOIN pg_catalog.pg_namespace n ON n.oid = s.pnnspid
WHERE p.pubname = %s ORDER BY 1"""
_SLOTS = """
SELECT slot_name AS name, plugin, database, active, wal_status, restart_lsn IS NOT NULL AS keeps,
       pg_catalog.pg_size_pretty(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), restart_lsn)) AS kept
FROM pg_catalog.pg_replication_slots ORDER BY 1"""
# Every transaction that has written holds a lock on itself; unlike the list of sessions, that of locks is anybody's.
_OPEN = """
SELECT pid::text AS name, transactionid::text AS xid FROM pg_catalog.pg_locks
WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted AND pid <> pg_catalog.pg_backend_pid()
UNION ALL SELECT gid, transaction::text FROM pg_catalog.pg_prepared_xacts ORDER BY 1"""
_PREPARED = "SELECT gid AS name FROM pg_catalog.pg_prepared_xacts"

_Connection = psycopg.Connection[DictRow]


def preflight(
    source: Source,
    login: Login,
    limits: Limits,
    *,
    is_applied: bool = False,
    now: Callable[[], float] = time.time,
) -> Report:
    """Look at everything. `is_applied` says that Kafka Connect has the source's connector: a slot may be its own.

    Raises TransientError SRC-110, NotAdmitted SRC-111 and SRC-112 if there is no session.
    """
    with session(login, as_given=True) as connection:
        version = connection.execute(_VERSION).fetchone() or {}
        unfit = list(unfit_findings(version))
        if unfit:
            return Report(source.name, tuple(unfit))
        timed = list(time_out_findings(connection.execute(_TIME_OUTS).fetchall(), connection.info.user))
        connection.execute(f"SET statement_timeout = {QUERY_TIMEOUT_MS}".encode())
        columns = columns_of(source, connection)
        findings = list(_live(source, connection, version["version"], is_applied=is_applied))
        findings += _time(connection, columns, limits, now)
        findings += [*wal_findings(connection, limits), *timed]
        sampled = sample(source, columns, connection, limits.rows)
        findings += sampled.findings
        findings += _open_transactions(connection, limits)
    return Report(source.name, sorted_findings([*_catalogue(source, login), *findings]), sampled.rows)


def unfit_findings(version: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield why this server cannot be captured at all."""
    if version["version"] < OLDEST:
        yield Finding("SRC-301", f"PostgreSQL {version['text']}; the oldest is {OLDEST}")
    if version["is_standby"]:
        yield Finding("SRC-302", "pg_is_in_recovery() is true")


def _catalogue(source: Source, login: Login) -> list[Finding]:
    try:
        catalogue_postgresql.read(source, login)
    except FatalError as error:
        return findings_of(error)
    return []


def _live(source: Source, connection: _Connection, version: int, *, is_applied: bool) -> Iterator[Finding]:
    names = [table.schema for table in source.tables], [table.name for table in source.tables]
    tables = connection.execute(_TABLES, names).fetchall()
    yield from account_findings(source, connection, has_policies=any(row["has_policies"] for row in tables))
    yield from table_findings(tables, connection.info.user)
    beside = connection.execute(_BESIDE, (sorted(set(names[0])),)).fetchall()
    yield from uncaptured_findings(source, [row["name"] for row in beside])
    yield from _publication(source, connection, version)
    slots = connection.execute(_SLOTS).fetchall()
    own = source.settings.get("slot.name", slot_name(source))
    yield from slot_findings(own, connection.info.dbname, slots, is_applied=is_applied)
    yield from room_findings(connection, has_slot=any(row["name"] == own for row in slots))


def _time(
    connection: _Connection, columns: Sequence[Column], limits: Limits, now: Callable[[], float]
) -> Iterator[Finding]:
    yield from clock_findings(offset_of(lambda: _clock(connection), now), limits)
    zone = connection.execute(_ZONE).fetchone() or {}
    local = [column.place for column in columns if column.type == "timestamp without time zone"]
    yield from zone_findings(zone["name"], has_summer_time=zone["has_summer_time"], columns=local)


def _clock(connection: _Connection) -> float:
    row = connection.execute(_CLOCK).fetchone()
    return float(row["now"]) if row else 0.0


def time_out_findings(settings: Sequence[Mapping[str, Any]], user: str) -> Iterator[Finding]:
    """Yield SRC-322 for the time-outs of a session of the account; `seconds` 0 is none."""
    for row in settings:
        if 0 < row["seconds"] < ENOUGH_S:
            change = f"ALTER ROLE {double_quoted(user)} SET {row['name']} = 0"
            yield Finding("SRC-322", f"{row['name']} is {row['seconds']:g} s for {user}", change)


def table_findings(tables: Sequence[Mapping[str, Any]], user: str) -> Iterator[Finding]:
    """Yield tables whose rows, or changes, the connector would not see."""
    for row in tables:
        place = f"{row['schema']}.{row['name']}"
        if row["hides_rows"]:
            yield Finding("SRC-305", place, f"ALTER ROLE {double_quoted(user)} BYPASSRLS")
        if row["is_unlogged"]:
            logged = f"ALTER TABLE {double_quoted(row['schema'], row['name'])} SET LOGGED"
            yield Finding("SRC-314", place, logged)


def _publication(source: Source, connection: _Connection, version: int) -> Iterator[Finding]:
    name = publication(source)
    published = connection.execute(_PUBLISHED, (name,)).fetchall()
    schemas = connection.execute(_SCHEMAS, (name,)).fetchall() if version >= 15 else []
    unnamed = {(row["schema"], row["name"]) for row in published if row["is_unnamed"]}
    wanted = {(table.schema, table.name): table for table in source.tables if (table.schema, table.name) in unnamed}
    facts = gather(connection, list(wanted), name)
    identities = {place: identify(wanted[place], row) for place, row in facts.tables.items()}
    again = _again(source, by_root=has_partitioned(source, connection))
    yield from publication_findings(source, published, [row["name"] for row in schemas], identities, again)


def publication_findings(
    source: Source,
    published: Sequence[Mapping[str, Any]],
    schemas: Sequence[str],
    identities: Mapping[tuple[str, str], str],
    again: str,
) -> Iterator[Finding]:
    """Yield what the publication breaks (SRC-312), and what it carries beyond the captured tables (SRC-313).

    `identities` are the statements by which captured tables get the replica identity that they lack, `again` are those
    that make the publication anew.
    """
    name = double_quoted(publication(source))
    is_all = any(row["is_all"] for row in published)
    captured = {(table.schema, table.name) for table in source.tables}
    for row in published:
        quoted = double_quoted(row["schema"], row["name"])
        drop = f"ALTER PUBLICATION {name} DROP TABLE {quoted}"
        if row["is_unnamed"]:
            end = identities.get((row["schema"], row["name"])) or (again if is_all else drop)
            yield Finding("SRC-312", f"{row['schema']}.{row['name']}", end)
        elif (row["schema"], row["name"]) not in captured and not is_all and row["schema"] not in schemas:
            yield Finding("SRC-313", f"{row['schema']}.{row['name']} is not captured", drop)
    if is_all:
        yield Finding("SRC-313", f"{publication(source)} is for all tables", again)
    for schema in schemas:
        drop = f"ALTER PUBLICATION {name} DROP TABLES IN SCHEMA {double_quoted(schema)}"
        yield Finding("SRC-313", f"{publication(source)} is for schema {schema}", drop)


def _again(source: Source, *, by_root: bool) -> str:
    """Return the statements that put a publication of the captured tables in the place of the one that is there."""
    return f"DROP PUBLICATION {double_quoted(publication(source))}; {publish(source, by_root=by_root)}"


def slot_findings(
    own: str, database: str, slots: Sequence[Mapping[str, Any]], *, is_applied: bool
) -> Iterator[Finding]:
    """Yield a slot of the name `own` that is not the connector's (SRC-309), and slots that nobody reads (SRC-310).

    `is_applied` says that there is a connector.
    """
    for slot in slots:
        drop = f"SELECT pg_catalog.pg_drop_replication_slot({text(slot['name'])})"
        if slot["name"] == own:
            if not (is_applied and (slot["plugin"], slot["database"]) == (_PLUGIN, database)):
                state = "in use" if slot["active"] else "not in use"
                yield Finding("SRC-309", f"{own} of {slot['database'] or 'no database'}, {state}", drop)
        elif slot["keeps"] and not slot["active"]:
            yield Finding("SRC-310", f"{slot['name']} keeps {slot['kept']}", drop)


def _open_transactions(connection: _Connection, limits: Limits) -> Iterator[Finding]:
    """Yield transactions that are still open after as long as the connector's slot is let wait for them."""
    deadline = time.monotonic() + limits.wait_s
    waited_for = _open(connection)
    while waited_for and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        waited_for &= _open(connection)
    prepared = {row["name"] for row in connection.execute(_PREPARED)}
    for name in sorted({name for name, _ in waited_for}):  # savepoints have numbers of their own
        if name in prepared:
            yield Finding("SRC-311", f"prepared transaction {name}", f"ROLLBACK PREPARED {text(name)}")
        else:
            yield Finding(
                "SRC-311",
                f"of process {name}, for more than {limits.wait_s:g} s",
                f"SELECT pg_catalog.pg_terminate_backend({name})",
            )


def _open(connection: _Connection) -> set[tuple[str, str]]:
    return {(row["name"], row["xid"]) for row in connection.execute(_OPEN)}

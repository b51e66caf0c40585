"""Preflight of a MariaDB or MySQL source: what the server, its log and the account are like."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pymysql
from pymysql.constants import ER
from pymysql.cursors import DictCursor

from cdc.capture import catalogue_binlog
from cdc.capture.catalogue_binlog import session, version_fault
from cdc.capture.connector import server_id
from cdc.capture.dialect import DIALECTS
from cdc.capture.login import Login
from cdc.capture.preflight.account_binlog import Grant, grant, grant_findings, grant_select, read_grants
from cdc.capture.preflight.clock import clock_findings, offset_of, zone_findings
from cdc.capture.preflight.finding import Finding, Report, findings_of, sorted_findings
from cdc.capture.preflight.limits import ENOUGH_S, Limits
from cdc.capture.preflight.query import Query
from cdc.capture.preflight.sample import Column
from cdc.capture.preflight.sample_binlog import columns_of, sample
from cdc.capture.preflight.uncaptured import uncaptured_findings
from cdc.capture.quoting import backquoted
from cdc.capture.source import Source
from cdc.errors import FatalError, NotAdmitted

_DAY_S = 86_400
_POLL_S = 0.1

_SERVER = """
SELECT @@global.server_id AS server_id, {own},
       IF(@@global.time_zone = 'SYSTEM', @@system_time_zone, @@global.time_zone) AS zone"""
# How long a statement may take, in seconds; whether the server has followed another one and does not log what it read
# (of MySQL the catalogue has the setting looked at).
_OWN = {
    "mariadb": "@@session.max_statement_time AS time_out,"
    " @@global.gtid_slave_pos <> '' AND NOT @@global.log_slave_updates AS hides_changes",
    "mysql": "@@session.max_execution_time / 1000 AS time_out, 0 AS hides_changes",
}
# A session has the server's zone. As far from UTC in winter as in summer: there is no summer time.
_SUMMER = """
SELECT UNIX_TIMESTAMP('2026-07-01') - UNIX_TIMESTAMP('2026-01-01') <> 181 * 86400 AS has_summer_time"""
_CLOCK = "SELECT CAST(UNIX_TIMESTAMP(NOW(6)) AS DOUBLE) AS now"
# The first replaces the second from 10.6 on.
_KEPT = """
SHOW GLOBAL VARIABLES WHERE Variable_name IN ('binlog_expire_logs_seconds', 'expire_logs_days', 'log_bin')"""
_ENGINES = """
SELECT TABLE_NAME AS name, ENGINE AS engine FROM information_schema.TABLES
WHERE TABLE_SCHEMA = %s AND TABLE_TYPE = 'BASE TABLE' ORDER BY 1"""
_OPEN = """
SELECT trx_mysql_thread_id AS thread, trx_id AS id FROM information_schema.INNODB_TRX
WHERE trx_rows_modified > 0 AND trx_mysql_thread_id <> CONNECTION_ID() ORDER BY 1"""
_TRANSACTIONAL = frozenset({"InnoDB", "ROCKSDB"})


def preflight(
    source: Source,
    login: Login,
    limits: Limits,
    *,
    now: Callable[[], float] = time.time,
) -> Report:
    """Look at everything. Raises TransientError SRC-110, NotAdmitted SRC-111 and SRC-112 if there is no session."""
    # Without a database: an account that may not use it is to be told so, beside all the rest.
    with session(replace(login, database="")) as connection:
        query = _query(connection)
        dialect = DIALECTS[source.kind]
        (told,) = query("SELECT VERSION() AS version", ())
        if unfit := version_fault(dialect, told["version"]):
            return Report(source.name, (Finding("SRC-301", unfit),))
        (server,) = query(_SERVER.format(own=_OWN[source.kind]), ())
        granted = _granted(query)
        everywhere = dialect.unreadable is not None
        found = [*grant_findings(granted, login.database, everywhere=everywhere)]
        found += time_out_findings(source.kind, float(server["time_out"]), granted)
        found += _server(source, server, query, limits, now)
        engines = _engines(query, login.database)
        found += uncaptured_findings(source, engines)
        captured = {table.name for table in source.tables}
        engines = {name: engine for name, engine in engines.items() if name in captured}
        columns = [column for column in columns_of(source, query, login.database) if column.table in engines]
        found += [*engine_findings(login.database, engines), *_zone(server["zone"], columns, query)]
        sampled = sample(source, columns, query, login.database, limits.rows)
        waiting = _open_transactions(query, limits, granted)
    found = [*_catalogue(source, login, granted), *found, *sampled.findings, *waiting]
    return Report(source.name, sorted_findings(found), sampled.rows)


def _query(connection: pymysql.Connection[DictCursor]) -> Query:
    def query(statement: str, parameters: Sequence[Any]) -> Sequence[Mapping[str, Any]]:
        with connection.cursor() as cursor:
            cursor.execute(statement, tuple(parameters) or None)
            return list(cursor.fetchall())

    return query


def _granted(query: Query) -> list[Grant]:
    return read_grants(str(next(iter(row.values()))) for row in query("SHOW GRANTS FOR CURRENT_USER", ()))


def _catalogue(source: Source, login: Login, granted: Sequence[Grant]) -> list[Finding]:
    try:
        catalogue_binlog.read(source, login)
    except NotAdmitted:
        raise
    except FatalError as error:
        if error.code == "SRC-111":  # the account is let in, and not into the database
            everywhere = DIALECTS[source.kind].unreadable is not None
            return [Finding(error.code, error.detail, grant_select(granted, login.database, everywhere=everywhere))]
        return findings_of(error)
    return []


def _server(
    source: Source, server: Mapping[str, Any], query: Query, limits: Limits, now: Callable[[], float]
) -> Iterator[Finding]:
    yield from kept_findings({row["Variable_name"]: row["Value"] for row in query(_KEPT, ())}, limits)
    if str(server["server_id"]) == server_id(source):
        yield Finding("SRC-316", f"server_id is {server['server_id']}")
    if server["hides_changes"]:
        what = "log_slave_updates is OFF, and the server has followed another one (gtid_slave_pos)"
        yield Finding("SRC-125", what, "-- in the server's option file, and start the server anew: log_slave_updates")
    yield from clock_findings(offset_of(lambda: float(query(_CLOCK, ())[0]["now"]), now), limits)


def _zone(zone: str, columns: Sequence[Column], query: Query) -> Iterator[Finding]:
    (summer,) = query(_SUMMER, ())
    local = [column.place for column in columns if column.type == "datetime"]
    return zone_findings(zone, has_summer_time=bool(summer["has_summer_time"]), columns=local)


def _engines(query: Query, database: str) -> dict[str, str]:
    """Return the engine of each table that is there, as far as the account may see it."""
    return {row["name"]: row["engine"] for row in query(_ENGINES, (database,))}


def engine_findings(database: str, engines: Mapping[str, str]) -> Iterator[Finding]:
    """Yield SRC-317 for tables of engines without transactions."""
    for table, engine in engines.items():
        if engine not in _TRANSACTIONAL:
            change = f"ALTER TABLE {backquoted(database, table)} ENGINE = InnoDB"
            yield Finding("SRC-317", f"{table} is {engine}", change)


def time_out_findings(kind: str, seconds: float, granted: Sequence[Grant]) -> Iterator[Finding]:
    """Yield SRC-322 for a time-out of statements of a session of the account; 0 is none."""
    if not 0 < seconds < ENOUGH_S:
        return
    if kind == "mysql":  # accounts have none of their own there
        change = "SET GLOBAL max_execution_time = 0; -- and in the server's option file"
        yield Finding("SRC-322", f"max_execution_time is {seconds:g} s", change)
    else:
        change = f"ALTER USER {granted[0].account} WITH MAX_STATEMENT_TIME {ENOUGH_S:.0f}"
        yield Finding("SRC-322", f"max_statement_time is {seconds:g} s", change)


def kept_findings(variables: Mapping[str, str], limits: Limits) -> Iterator[Finding]:
    """Yield SRC-306 or SRC-307 for how long the log is kept. Both variables may be there, or one."""
    if variables.get("log_bin") != "ON":
        return
    seconds = float(variables.get("binlog_expire_logs_seconds", 0))
    name, kept_s = "binlog_expire_logs_seconds", seconds or float(variables.get("expire_logs_days", 0)) * _DAY_S
    if "binlog_expire_logs_seconds" not in variables:
        name = "expire_logs_days"
    wanted = limits.outage_s if name.endswith("seconds") else limits.outage_s / _DAY_S
    change = f"SET GLOBAL {name} = {-(-wanted // 1):.0f}; -- and in the server's option file"
    if kept_s == 0:
        yield Finding("SRC-307", f"{name} is 0", change)
    elif kept_s < limits.outage_s:
        yield Finding("SRC-306", f"{name} is {kept_s / 3600:g} hours, {limits.outage_s / 3600:g} are allowed", change)


def _open_transactions(query: Query, limits: Limits, granted: Sequence[Grant]) -> list[Finding]:
    """Return transactions that are still open after as long as is waited, or that nobody let us see them (SRC-323)."""
    try:
        waited_for = _open(query)
        deadline = time.monotonic() + limits.wait_s
        while waited_for and time.monotonic() < deadline:
            time.sleep(_POLL_S)
            waited_for &= _open(query)
    except pymysql.Error as error:
        if error.args[0] != ER.SPECIFIC_ACCESS_DENIED_ERROR:
            raise
        return [Finding("SRC-323", "PROCESS on *.*", grant("PROCESS", "*.*", granted))]
    what = f", for more than {limits.wait_s:g} s"
    return [Finding("SRC-311", f"of thread {thread}{what}", f"KILL {thread}") for thread, _ in sorted(waited_for)]


def _open(query: Query) -> set[tuple[int, str]]:
    return {(int(row["thread"]), str(row["id"])) for row in query(_OPEN, ())}

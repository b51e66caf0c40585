"""What is wrong with a SQL Server source, by the facts that connector-configs/preflight/sqlserver.sql prints.

**Never run on a live server**: written from the products' documentation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cdc.capture.preflight.fact import Facts
from cdc.capture.preflight.finding import Finding
from cdc.capture.preflight.limits import Limits
from cdc.capture.preflight.told import clock_and_zone, excess, key_findings, type_findings
from cdc.capture.quoting import text
from cdc.capture.types_sqlserver import of_sqlserver

OLDEST: Final = 13  # SQL Server 2016
_YES: Final = "1"
# Fixed roles, and permissions, of an account that only reads.
_READING = frozenset(
    {"CONNECT", "SELECT", "VIEW DATABASE STATE", "VIEW SERVER STATE", "VIEW DEFINITION", "db_datareader"}
)


def findings(facts: Facts, limits: Limits) -> Iterator[Finding]:
    """Yield everything, in the order in which it would have to be put right."""
    if facts.number("major_version") < OLDEST:
        yield Finding("SRC-301", f"SQL Server {facts.server('version')}; the oldest is 2016")
    if facts.server("agent") != "Running":
        yield Finding(
            "SRC-331", f"the agent is {facts.server('agent')}", "EXEC xp_servicecontrol 'START', 'SQLSERVERAGENT'"
        )
    yield from _change_data_capture(facts)
    yield from _retention(facts, limits)
    yield from excess(facts, _READING, "REVOKE {0} FROM {1}")
    yield from key_findings(facts)
    yield from type_findings(facts, of_sqlserver)
    yield from clock_and_zone(facts, limits, frozenset({"datetime", "datetime2", "smalldatetime"}))
    for session in facts.objects("transaction"):
        yield Finding("SRC-311", f"of session {session}", f"KILL {session}")


def _change_data_capture(facts: Facts) -> Iterator[Finding]:
    database = facts.server("database")
    if facts.server("cdc") != _YES:
        yield Finding("SRC-330", f"database {database}", f"USE [{database}]; EXEC sys.sp_cdc_enable_db")
    captured = facts.of("table", "cdc")
    for table in facts.objects("table"):
        if captured.get(table) != _YES:
            schema, _, name = table.partition(".")
            enable = f"EXEC sys.sp_cdc_enable_table @source_schema = {text(schema)}, @source_name = {text(name)}"
            yield Finding(
                "SRC-330", f"table {table}", f"{enable}, @role_name = N'cdc_reader', @supports_net_changes = 0"
            )


def _retention(facts: Facts, limits: Limits) -> Iterator[Finding]:
    if "" not in facts.of("server", "retention_minutes"):
        return  # nothing is captured yet (SRC-330), or there is no job that removes anything
    kept_s = facts.number("retention_minutes") * 60
    if kept_s < limits.outage_s:
        needed = int(-(-limits.outage_s // 60))
        change = f"EXEC sys.sp_cdc_change_job @job_type = N'cleanup', @retention = {needed}"
        what = f"change tables are kept {kept_s / 3600:g} hours, {limits.outage_s / 3600:g} are allowed"
        yield Finding("SRC-306", what, change)

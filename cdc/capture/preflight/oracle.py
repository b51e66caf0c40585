"""What is wrong with an Oracle source, by the facts that connector-configs/preflight/oracle.sql prints.

**Never run on a live server**: written from the products' documentation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cdc.capture.preflight.fact import Facts
from cdc.capture.preflight.finding import Finding
from cdc.capture.preflight.limits import Limits
from cdc.capture.preflight.told import clock_and_zone, excess, key_findings, type_findings
from cdc.capture.quoting import double_quoted
from cdc.capture.types_oracle import of_oracle

OLDEST: Final = 19
# What reading by LogMiner takes (Debezium's documentation); all of it reads.
NEEDED: Final = (
    *("CREATE SESSION", "SELECT ANY TRANSACTION", "LOGMINING", "FLASHBACK ANY TABLE", "SELECT ANY TABLE"),
    *("SELECT_CATALOG_ROLE", "EXECUTE_CATALOG_ROLE"),
)
# It locks each table for a moment to read its structure. The table that it flushes by is left out in read-only mode.
_READING = frozenset(
    {*NEEDED, "SET CONTAINER", "LOCK ANY TABLE", "SELECT ANY DICTIONARY", "FLASHBACK", "SELECT", "READ"}
)


def findings(facts: Facts, limits: Limits) -> Iterator[Finding]:
    """Yield everything, in the order in which it would have to be put right."""
    if facts.number("major_version") < OLDEST:
        yield Finding("SRC-301", f"Oracle {facts.server('version')}; the oldest is {OLDEST}")
    if facts.server("open_mode") != "READ WRITE":
        yield Finding("SRC-302", f"the database is open as {facts.server('open_mode')}")
    if facts.server("log_mode") != "ARCHIVELOG":
        change = "SHUTDOWN IMMEDIATE; STARTUP MOUNT; ALTER DATABASE ARCHIVELOG; ALTER DATABASE OPEN"
        yield Finding("SRC-332", f"log_mode is {facts.server('log_mode')}", change)
    yield from _supplemental(facts)
    yield from _retention(facts, limits)
    yield from _missing(facts)
    yield from excess(facts, _READING, "REVOKE {0} FROM {1}")
    yield from key_findings(facts)
    yield from type_findings(facts, of_oracle)
    yield from clock_and_zone(facts, limits, frozenset({"DATE", "TIMESTAMP"}))
    for session in facts.objects("transaction"):
        yield Finding("SRC-311", f"of session {session}", f"ALTER SYSTEM KILL SESSION '{session}'")


def _supplemental(facts: Facts) -> Iterator[Finding]:
    if facts.server("supplemental_log") not in ("YES", "IMPLICIT"):
        yield Finding("SRC-330", "the database has no supplemental log", "ALTER DATABASE ADD SUPPLEMENTAL LOG DATA")
    logged = facts.of("table", "supplemental_log")
    for table in facts.objects("table"):
        if "ALL" not in logged.get(table, ""):
            change = f"ALTER TABLE {double_quoted(*table.split('.', 1))} ADD SUPPLEMENTAL LOG DATA (ALL) COLUMNS"
            yield Finding("SRC-330", f"table {table}: its log does not have all columns", change)


def _retention(facts: Facts, limits: Limits) -> Iterator[Finding]:
    """Judge by the oldest archived log that is still there: no setting says how long they stay."""
    kept_s = facts.number("archived_hours") * 3600
    # A database that was made yesterday has no older one.
    if kept_s < min(limits.outage_s, facts.number("age_hours") * 3600):
        what = f"archived logs of {kept_s / 3600:g} hours are there, {limits.outage_s / 3600:g} are allowed"
        days = -(-limits.outage_s // 86_400)
        change = f"-- RMAN: CONFIGURE RETENTION POLICY TO RECOVERY WINDOW OF {days:.0f} DAYS"
        yield Finding("SRC-306", what, change)


def _missing(facts: Facts) -> Iterator[Finding]:
    account = facts.server("account")
    held = {fact.item for fact in facts.lines if fact.area == "grant" and fact.object == account}
    for privilege in NEEDED:
        if privilege not in held:
            yield Finding("SRC-303", f"{privilege} for {account}", f"GRANT {privilege} TO {account}")

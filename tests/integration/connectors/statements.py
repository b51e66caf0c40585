"""What a source's server has written down of the statements of an account, and which of them may change something."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import psycopg

# -- PostgreSQL: https://www.postgresql.org/docs/15/runtime-config-logging.html (log_statement), protocol-replication
_LINE = re.compile(r"^\d{4}-\S+ \S+ \S+ \[\d+\] (?P<who>.*?) ?(?P<level>[A-Z]+):  (?P<text>.*)$")
_LOGGED = re.compile(r"^(?:statement|execute [^:]*|received replication command): (?P<statement>.*)$", re.DOTALL)
_NO_CODE = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
_CALLED = re.compile(r"(\w+)\s*\(")
_SESSION: Final = {"SHOW", "SET", "BEGIN", "START", "COMMIT", "ROLLBACK"}
_REPLICATION: Final = {"IDENTIFY_SYSTEM", "CREATE_REPLICATION_SLOT", "START_REPLICATION"}
_CHANGES = re.compile(
    r"(?i)\b(?:INSERT|UPDATE|DELETE|MERGE|TRUNCATE|CREATE|ALTER|DROP|GRANT|REVOKE|INTO|CALL|LOAD|REPLACE\s+INTO"
    r"|SHARE|GLOBAL|PERSIST|PASSWORD|NEXTVAL)\b"
)
# Of the functions that PostgreSQL calls volatile: those that tell the time, or where its log is ...
_TELLING: Final = {
    *("clock_timestamp", "pg_is_in_recovery", "pg_partition_tree", "pg_current_wal_lsn", "pg_current_wal_insert_lsn"),
    *("pg_last_wal_receive_lsn", "pg_last_wal_replay_lsn"),
}
# ... and what the service leaves: the heartbeat's message, and the slot that goes with its connector.
_ALLOWED: Final = {*_TELLING, "pg_logical_emit_message", "pg_drop_replication_slot"}
# -- MariaDB: https://mariadb.com/kb/en/general-query-log/; what is no statement, and what its snapshot locks by
_COMMANDS: Final = {"Connect", "Quit", "Ping", "Init DB", "Binlog Dump", "Register Slave", "Close stmt", "Reset stmt"}
_BOUNDED = re.compile(r"(?is)\s*SET\s+STATEMENT\s+.*?\s+FOR\s+(?P<statement>.*)")
_VARIABLE = re.compile(r"@@\w+(?:\.\w+)?")
_SET_FOR_ALL = re.compile(r"(?i)@@(?:GLOBAL|PERSIST)\.\w+\s*:?=")
_LOCKS: Final = {"FLUSH TABLES WITH READ LOCK", "UNLOCK TABLES"}


def read_log(file: Path, begin: int) -> Iterator[tuple[str, str]]:
    """Yield application and statement from a PostgreSQL server's log behind its first `begin` bytes."""
    entries: list[list[str]] = []
    for line in file.read_bytes()[begin:].decode(errors="replace").splitlines():
        if (found := _LINE.match(line)) is not None:
            entries.append([found["who"], found["level"], found["text"]])
        elif entries:
            entries[-1][2] += f"\n{line.strip()}"
    for who, level, text in entries:
        if level == "LOG" and (logged := _LOGGED.match(text)) is not None:
            yield who, logged["statement"].strip()


def volatile(connection: psycopg.Connection) -> set[str]:
    """Return the functions by which a SELECT could change something, as PostgreSQL's own catalogue has them."""
    return {name for (name,) in connection.execute("SELECT proname FROM pg_proc WHERE provolatile = 'v'")}


def changing_postgresql(statements: Iterable[str], volatile: set[str]) -> list[str]:
    """Return the statements that may change more than the slot and the WAL message of the heartbeat."""
    return [statement for statement in statements if _may_change(statement, volatile)]


def _may_change(statement: str, volatile: set[str]) -> bool:
    word, code = _first(statement), _NO_CODE.sub("''", statement)
    if word in _REPLICATION or not word:  # nothing at all: is the connection still there?
        return False
    if word not in _SESSION | {"SELECT", "WITH"} or _CHANGES.search(code):
        return True
    return not (volatile - _ALLOWED).isdisjoint(_CALLED.findall(code))


def changing_mariadb(logged: Iterable[tuple[str, str]]) -> list[str]:
    """Return what may change something, of command and statement as the general log has them."""
    return [f"{command}: {statement}" for command, statement in logged if _may_change_mariadb(command, statement)]


def _may_change_mariadb(command: str, statement: str) -> bool:
    if command in _COMMANDS:
        return False
    if (bounded := _BOUNDED.match(statement)) is not None:
        return _may_change_mariadb(command, bounded["statement"])
    word, code = _first(statement), _NO_CODE.sub("''", statement)
    if command not in ("Query", "Prepare", "Execute"):
        return True
    if " ".join(code.upper().split()) in _LOCKS:
        return False
    if word == "SET" and _SET_FOR_ALL.search(code):
        return True
    is_shown = word == "SHOW"  # SHOW CREATE TABLE, SHOW GLOBAL VARIABLES
    code = _VARIABLE.sub("''", code)
    return not is_shown and (word not in _SESSION | {"SELECT", "USE"} or _CHANGES.search(code) is not None)


def _first(statement: str) -> str:
    found = re.search(r"\w+", _NO_CODE.sub(" ", statement))
    return "" if found is None else found[0].upper()

"""What the capture account of a MariaDB or MySQL source may do, and may not: SHOW GRANTS, read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cdc.capture.preflight.finding import Finding
from cdc.capture.quoting import backquoted

# Older servers call BINLOG MONITOR so; both are understood by all that are taken.
_MONITOR = "REPLICATION CLIENT"
_NEEDED = ("SELECT", "RELOAD", "REPLICATION SLAVE", _MONITOR)
# They only show something, or are what a connector without RELOAD locks with.
_HARMLESS = frozenset(
    {
        *("USAGE", "SHOW DATABASES", "SHOW VIEW", "PROCESS", "LOCK TABLES"),
        *("SLAVE MONITOR", "REPLICA MONITOR", "REPLICATION REPLICA"),
    }
)
_ALL = "ALL PRIVILEGES"
_NAME = r"(?:\*|`(?:[^`]|``)+`)"
_GRANT = re.compile(
    rf"GRANT (?P<privileges>.+?) ON (?P<place>{_NAME}(?:\.{_NAME})?) TO (?P<account>\S+)(?P<rest>.*)", re.DOTALL
)
_OPTION = "GRANT OPTION"


@dataclass(frozen=True, slots=True)
class Grant:
    """One line: what may be done, and where (`*.*`, `` `erp`.* ``)."""

    privileges: frozenset[str]
    place: str
    account: str


def read_grants(lines: Iterable[str]) -> list[Grant]:
    """Return what SHOW GRANTS printed; a line about a role, or a proxy, is none."""
    grants = []
    for line in lines:
        found = _GRANT.fullmatch(line)
        if found and " ON " not in found["account"]:
            words = {_plain(word) for word in re.split(r", ?(?![^(]*\))", found["privileges"])}
            options = {_OPTION} if f"WITH {_OPTION}" in found["rest"] else set()
            grants.append(Grant(frozenset(words | options), found["place"], found["account"]))
    return grants


def grant_findings(grants: Iterable[Grant], database: str, *, everywhere: bool) -> Iterator[Finding]:
    """Yield SRC-303 for grants that are missing, SRC-304 for those that are too many.

    `database` is captured. The account is asked to read `everywhere`, or there only; what it has is enough either way.
    """
    grants = list(grants)
    quoted = backquoted(database)
    for privilege in _NEEDED:
        # Names of databases are patterns there: an underscore has a backslash before it.
        places = {"*.*", f"{quoted}.*", quoted.replace("_", r"\_") + ".*"} if privilege == "SELECT" else {"*.*"}
        held = {word for one in grants if one.place in places for word in one.privileges}
        if not held & {privilege, _ALL}:
            place = f"{quoted}.*" if privilege == "SELECT" and not everywhere else "*.*"
            yield Finding("SRC-303", f"{privilege} on {place}", grant(privilege, place, grants))
    for one in grants:
        needless = sorted(one.privileges - _HARMLESS - set(_NEEDED))
        if needless:
            words = ", ".join(needless)
            yield Finding("SRC-304", f"{words} on {one.place}", f"REVOKE {words} ON {one.place} FROM {one.account}")


def grant_select(grants: Sequence[Grant], database: str, *, everywhere: bool) -> str:
    """Return the statement by which the account of these grants may read."""
    return grant("SELECT", "*.*" if everywhere else f"{backquoted(database)}.*", grants)


def grant(privilege: str, place: str, grants: Sequence[Grant]) -> str:
    """Return the statement that gives the account of these grants a privilege."""
    # Every account has a line, be it of USAGE.
    return f"GRANT {privilege} ON {place} TO {grants[0].account}"


def _plain(word: str) -> str:
    return {"BINLOG MONITOR": _MONITOR, "REPLICATION REPLICA": "REPLICATION SLAVE"}.get(word.strip(), word.strip())

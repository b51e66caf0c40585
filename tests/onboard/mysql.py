"""A MySQL database of so many tables: as MariaDB's, but for types that one of them lacks, and for what cascades."""

from __future__ import annotations

from tests.onboard import mariadb
from tests.onboard.mariadb import Table

# What foreign keys do is in this server's log: nothing is left out for it.
LEFT_OUT = {name: mariadb.LEFT_OUT[name] for name in ("a,b", "shown", "bits")}
_TYPES = tuple(one for one in mariadb.TYPES if one[0] != "json")
_REFUSED = (
    ("json", "SRC-202"),
    ("vector(3)", "SRC-201"),
    *(one for one in mariadb.REFUSED if one[0] != "uuid"),
)
_OTHERS = mariadb.OTHERS.replace("CREATE SEQUENCE counter;\n", "")
_CAPTURED = (
    *mariadb.CAPTURED,
    Table("folded", (), parent="root"),
    Table("folded child", (), parent="folded"),
    Table("keyless child", (), parent="folded", key="none"),
)


def world(count: int, seed: int = 7) -> list[Table]:
    """Return `count` tables, as MariaDB's."""
    return mariadb.world(count, seed, _TYPES, _REFUSED, _CAPTURED)


def script(tables: list[Table]) -> list[str]:
    """Return the statements that make the whole database, in it."""
    return mariadb.script(tables, _OTHERS)

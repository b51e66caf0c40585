"""MariaDB's types: which of them arrive exactly, and as what.

Found by writing boundary values of each and comparing what arrives, from the snapshot and from the log
(`tests/integration/types`). What is in none of the tables is refused (SRC-201): nobody has looked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from cdc.capture.charset import FULL_UNICODE
from cdc.capture.types import MirrorType
from cdc.errors import FatalError

# MariaDB: name -> (mirror type, decoder); {args} is the declared length or precision with its parentheses.
TYPES = {
    "tinyint": ("smallint", "int"),
    "tinyint unsigned": ("smallint", "int"),
    "smallint": ("smallint", "int"),
    "smallint unsigned": ("integer", "int"),
    "mediumint": ("integer", "int"),
    "mediumint unsigned": ("integer", "int"),
    "int": ("integer", "int"),
    "int unsigned": ("bigint", "int"),
    "bigint": ("bigint", "int"),
    "bigint unsigned": ("numeric(20,0)", "int"),
    "decimal": ("numeric{args}", "decimal"),
    "decimal unsigned": ("numeric{args}", "decimal"),
    "float": ("real", "float"),
    "float unsigned": ("real", "float"),
    "double": ("double precision", "float"),
    "double unsigned": ("double precision", "float"),
    "char": ("character varying{args}", "text"),
    "varchar": ("character varying{args}", "text"),
    "tinytext": ("text", "text"),
    "text": ("text", "text"),
    "mediumtext": ("text", "text"),
    "longtext": ("text", "text"),
    "binary": ("bytea", "bytes_hex"),
    "varbinary": ("bytea", "bytes_hex"),
    "tinyblob": ("bytea", "bytes_hex"),
    "blob": ("bytea", "bytes_hex"),
    "mediumblob": ("bytea", "bytes_hex"),
    "longblob": ("bytea", "bytes_hex"),
    "date": ("date", "date"),
    "datetime": ("timestamp{args} without time zone", "timestamp_us"),
    "timestamp": ("timestamp{args} with time zone", "timestamptz_iso"),
    "time": ("interval", "duration_us"),
    "year": ("smallint", "year"),
    "enum": ("text", "enum"),
    "set": ("text", "set"),
    **dict.fromkeys(
        (
            *("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"),
            "geometrycollection",
        ),
        ("bytea", "geometry"),
    ),
}
_INEXACT = {"uuid": "the log reader drops zero bytes at its end"}
# The catalogue says so in a comment: COMPRESSED, or the storage format of times before 10.1.
_REMARK = re.compile(r"/\*M?!?\d*\s*(?P<remark>.*?)\s*\*/")
# The log reader takes the members out of the table's DDL and does not undo what is escaped there; a character beyond
# 16 bits is a question mark there already.
_ODD_MEMBER = re.compile(r"[\\\x00-\x1f?]")
_MEMBER = re.compile(r"'((?:[^']|'')*)'")


def of_mariadb(column_type: str, place: str, charset: str | None = None) -> MirrorType:
    """Map `COLUMN_TYPE` of information_schema (`int(10) unsigned`, `enum('a','b')`). `place` is `source.table.column`.

    Raises SRC-201 for a type without an exact mirror yet, SRC-202 for one that the log reader alters.
    """
    return of_types(TYPES, column_type, place, charset)


def of_types(
    types: Mapping[str, tuple[str, str]], column_type: str, place: str, charset: str | None = None
) -> MirrorType:
    """Map the same by a table such as TYPES."""
    name = column_type.split("(", 1)[0].split(" ", 1)[0]
    args = re.match(r"\w+\(([\d,]+)\)", column_type)
    if name in _INEXACT:
        raise FatalError("SRC-202", f"{place} is {column_type}: {_INEXACT[name]}")
    if name in ("enum", "set"):
        _check_members(column_type, charset, place)
    elif remark := _REMARK.search(column_type):
        raise FatalError("SRC-202", f"{place} is {column_type}: the log reader does not know {remark['remark']}")
    if column_type.startswith("tinyint(1)") and "unsigned" not in column_type:
        return MirrorType("smallint", "tinyint1")
    if name == "bit" and args:
        return MirrorType(f"bit({args[1]})", f"bit:{args[1]}")
    # The members of an enum may hold any word.
    unsigned = " unsigned" in column_type and "'" not in column_type
    rule = types.get(f"{name} unsigned" if unsigned else name)
    if rule is None or name not in types:
        raise FatalError("SRC-201", f"{place} is {column_type}")
    return MirrorType(rule[0].format(args=f"({args[1]})" if args else ""), rule[1])


def members(column_type: str) -> list[str]:
    """Return the members of an enum or set, as its type has them: a quote stands twice."""
    return _MEMBER.findall(column_type)


def _check_members(column_type: str, charset: str | None, place: str) -> None:
    odd = {match[0] for match in _ODD_MEMBER.finditer(column_type)}
    if charset not in FULL_UNICODE:
        odd.discard("?")
    if odd:
        signs = ", ".join(sorted(map(repr, odd)))
        raise FatalError("SRC-202", f"{place} is {column_type}: the log reader alters members with {signs}")

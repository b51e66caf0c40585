"""Oracle's types, for connectors with time.precision.mode=isostring, decimal.handling.mode=string,
interval.handling.mode=string, binary.handling.mode=hex and lob.enabled=true.

Written from Debezium's documentation and source (3.6). **Not run against a database**: no connector file can name this
product yet, and nobody has held what arrives against what the server prints.
"""

from __future__ import annotations

import re

from cdc.capture.types import MirrorType
from cdc.errors import FatalError

_FORM = re.compile(
    r"(?P<name>[A-Z_0-9]+(?: [A-Z]+)*?)(?: ?\((?P<args>\*|\d+|(?:\d+|\*),-?\d+)(?: (?:CHAR|BYTE))?\))?"
    r"(?P<rest>(?: [A-Z]+| ?\(\d\))*)"
)
_DIGITS = 6  # of a second, where a TIMESTAMP declares none

TYPES = {
    "CHAR": ("character varying{args}", "text"),
    "NCHAR": ("character varying{args}", "text"),
    "VARCHAR": ("character varying{args}", "text"),
    "VARCHAR2": ("character varying{args}", "text"),
    "NVARCHAR2": ("character varying{args}", "text"),
    "CLOB": ("text", "text"),
    "NCLOB": ("text", "text"),
    "BLOB": ("bytea", "bytes_hex"),
    "RAW": ("bytea", "bytes_hex"),
    "ROWID": ("text", "text"),
    "BINARY_FLOAT": ("real", "float"),
    "BINARY_DOUBLE": ("double precision", "float"),
    "FLOAT": ("numeric", "decimal"),
    "REAL": ("numeric", "decimal"),
    "DOUBLE PRECISION": ("numeric", "decimal"),
    "NUMBER": ("numeric{args}", "number"),
    "NUMERIC": ("numeric{args}", "number"),
    "DECIMAL": ("numeric{args}", "number"),
    "INTEGER": ("numeric(38,0)", "number"),
    "INT": ("numeric(38,0)", "number"),
    "SMALLINT": ("numeric(38,0)", "number"),
    # With the time of day, to the second.
    "DATE": ("timestamp(0) without time zone", "timestamp_iso"),
    "TIMESTAMP": ("timestamp{digits} without time zone", "timestamp_iso"),
    "TIMESTAMP WITH TIME ZONE": ("timestamp{digits} with time zone", "timestamptz_offset"),
    "TIMESTAMP WITH LOCAL TIME ZONE": ("timestamp{digits} with time zone", "timestamptz_offset"),
    "INTERVAL YEAR TO MONTH": ("interval", "interval"),
    "INTERVAL DAY TO SECOND": ("interval", "interval"),
}
_NUMBERS = frozenset({"NUMBER", "NUMERIC", "DECIMAL"})
REMARKS = {
    "CLOB": "an empty one arrives as NULL in a column that may be NULL",
    "NCLOB": "an empty one arrives as NULL in a column that may be NULL",
    "TIMESTAMP": "digits behind the sixth that are not 0 are refused (VAL-102)",
    "TIMESTAMP WITH TIME ZONE": "the same moment in UTC, its zone is not kept; digits behind the sixth that are not 0"
    " are refused (VAL-102)",
    "INTERVAL DAY TO SECOND": "digits behind the sixth that are not 0 are refused (VAL-101)",
}
# The connector passes over every event of a table that has one, whether the column is left out or not.
UNREAD = ("BFILE", "BOOLEAN", "LONG", "LONG RAW", "UROWID", "VECTOR", "XMLTYPE")


def of_oracle(type_text: str, place: str) -> MirrorType:
    """Map a type as Oracle writes it (`NUMBER(10,2)`, `TIMESTAMP(9) WITH TIME ZONE`). `place` is `source.table.column`.

    Raises SRC-201 for a type that the documentation does not know, SRC-202 for one whose table it does not read.
    """
    form = _FORM.fullmatch(type_text)
    if form is None:
        raise FatalError("SRC-201", f"{place} is {type_text}")
    rest = re.sub(r" ?\(\d\)", "", form["rest"])
    name = f"{form['name']}{rest}"
    if name in UNREAD:
        raise FatalError("SRC-202", f"{place} is {type_text}: the connector passes over the events of its table")
    if name in _NUMBERS:
        return _number(name, form["args"])
    if name not in TYPES:
        raise FatalError("SRC-201", f"{place} is {type_text}")
    mirror_type, decoder = TYPES[name]
    digits = min(int(form["args"] or _DIGITS), 6) if "{digits}" in mirror_type else 0
    args = f"({form['args']})" if form["args"] else "(1)"
    return MirrorType(mirror_type.format(args=args, digits=f"({digits})"), decoder)


def _number(name: str, args: str | None) -> MirrorType:
    """A number arrives as text, or, with a scale below zero, as an integer."""
    if args is None:
        return MirrorType("numeric" if name == "NUMBER" else "numeric(38,0)", "number")
    precision, _, scale = args.partition(",")
    if precision == "*":
        precision = "38"
    return MirrorType(f"numeric({precision},{scale or 0})", "number")

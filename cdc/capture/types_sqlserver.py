"""SQL Server's types, for connectors with time.precision.mode=isostring, decimal.handling.mode=string and
binary.handling.mode=hex.

Written from Debezium's documentation and source (3.6). **Not run against a database**: no connector file can name this
product yet, and nobody has held what arrives against what the server prints.
"""

from __future__ import annotations

import re

from cdc.capture.types import MirrorType
from cdc.errors import FatalError

_FORM = re.compile(r"(?P<name>[a-z_0-9]+)(?:\((?P<args>max|\d+(?:,\d+)?)\))?")
_DIGITS = 7  # of a second, where a type declares none

# name -> (mirror type, decoder); {args} is the declared length or precision with its parentheses.
TYPES = {
    "bit": ("boolean", "boolean"),
    "tinyint": ("smallint", "int"),
    "smallint": ("smallint", "int"),
    "int": ("integer", "int"),
    "bigint": ("bigint", "int"),
    "real": ("real", "float"),
    "float": ("double precision", "float"),
    "decimal": ("numeric{args}", "decimal"),
    "numeric": ("numeric{args}", "decimal"),
    "money": ("numeric(19,4)", "decimal"),
    "smallmoney": ("numeric(10,4)", "decimal"),
    "char": ("character varying{args}", "text"),
    "varchar": ("character varying{args}", "text"),
    "nchar": ("character varying{args}", "text"),
    "nvarchar": ("character varying{args}", "text"),
    "text": ("text", "text"),
    "ntext": ("text", "text"),
    "xml": ("text", "text"),
    "uniqueidentifier": ("uuid", "uuid"),
    "binary": ("bytea", "bytes_hex"),
    "varbinary": ("bytea", "bytes_hex"),
    "image": ("bytea", "bytes_hex"),
    "rowversion": ("bytea", "bytes_hex"),
    "timestamp": ("bytea", "bytes_hex"),
    "date": ("date", "date_iso"),
    "time": ("time{digits} without time zone", "time_iso"),
    "smalldatetime": ("timestamp(0) without time zone", "timestamp_iso"),
    "datetime": ("timestamp(3) without time zone", "timestamp_iso"),
    "datetime2": ("timestamp{digits} without time zone", "timestamp_iso"),
    "datetimeoffset": ("timestamp{digits} with time zone", "datetimeoffset"),
}
_DEFAULTS = {
    "decimal": "(18,0)",
    "numeric": "(18,0)",
    "char": "(1)",
    "varchar": "(1)",
    "nchar": "(1)",
    "nvarchar": "(1)",
}
REMARKS = {
    "time": "a seventh digit that is not 0 is refused (VAL-102)",
    "datetime2": "a seventh digit that is not 0 is refused (VAL-102)",
    "datetimeoffset": "the same moment in UTC, its offset is not kept; refused (VAL-102) are a seventh digit that is"
    " not 0 and, before 1970, any fraction of a second",
}
ABSENT = ("sql_variant", "hierarchyid", "geometry", "geography")


def of_sqlserver(type_text: str, place: str) -> MirrorType:
    """Map a type as SQL Server writes it (`nvarchar(40)`, `datetime2(7)`). `place` is `source.table.column`.

    Raises SRC-201 for a type that the documentation does not know.
    """
    form = _FORM.fullmatch(type_text)
    if form is None or form["name"] not in TYPES:
        raise FatalError("SRC-201", f"{place} is {type_text}")
    mirror_type, decoder = TYPES[form["name"]]
    if form["args"] == "max":
        return MirrorType("text" if decoder == "text" else mirror_type, decoder)
    args = f"({form['args']})" if form["args"] else _DEFAULTS.get(form["name"], "")
    digits = min(int(form["args"] or _DIGITS), 6) if "{digits}" in mirror_type else 0
    return MirrorType(mirror_type.format(args=args, digits=f"({digits})"), decoder)

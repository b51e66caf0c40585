"""From a source type to its mirror type and its decoder. The table below is the contract between catalogue and stream.

JSON forms are those of the pinned connector modes (schemas off, decimal=string, time=microseconds, binary=hex,
interval=string, bigint.unsigned=precise with decimal.format=NUMERIC). NULL is JSON null for every decoder.

| decoder         | JSON                                                                 | mirror type             |
|-----------------|----------------------------------------------------------------------|-------------------------|
| int             | integer (bigint unsigned: up to 20 digits)                           | smallint..bigint,       |
|                 |                                                                      | numeric(20,0)           |
| tinyint1        | integer; true/false where DDL in the stream said BOOLEAN             | smallint                |
| boolean         | true / false                                                         | boolean                 |
| decimal         | string "12.340", scale kept; "NAN", "POSITIVE_INFINITY" and its like | numeric                 |
| float           | number; "NaN", "Infinity", "-Infinity"                               | real, double precision  |
| text            | string (PostgreSQL char(n) padded, MariaDB char(n) not)              | text, varchar, inet, .. |
| enum, set       | string; set members joined by commas                                 | text                    |
| json            | string: the database's own text                                      | json, jsonb             |
| uuid            | string                                                               | uuid                    |
| bytes_hex       | string of hex digits, no prefix                                      | bytea                   |
| text_hex        | string: hex of the UTF-8 text form (types that Debezium does not     | as the source           |
|                 | know, sent because of include.unknown.datatypes)                     |                         |
| bit:N           | N = 1: true / false; else base64, LITTLE-endian, N bits              | bit(N)                  |
| date            | integer, days since 1970-01-01                                       | date                    |
| time_us         | integer, microseconds since midnight, 86400000000 = 24:00            | time without time zone  |
| duration_us     | integer, signed microseconds (MariaDB TIME to 838:59:59)             | interval                |
| timestamp_us    | integer, microseconds since 1970-01-01 00:00 without zone;           | timestamp without       |
|                 | 9223372036825200000 / -9223372036832400000 = +-infinity              | time zone               |
| timestamptz_iso | string "2024-02-29T10:34:56.123456Z"; "infinity", "-infinity"        | timestamp with time zone|
| interval        | string "P1Y2M3DT4H5M6.789S"                                          | interval                |
| year            | integer                                                              | smallint                |
| array:D         | list of D's form, one dimension                                      | type[]                  |

An unchanged TOAST value of PostgreSQL arrives as PLACEHOLDER (text, enum, json, decimal), as its hex (bytes_hex,
text_hex), as a list of the one string (array:text), as the list of its byte values (array:int), or as a list of one
name-based uuid (array:uuid).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cdc.errors import FatalError

PLACEHOLDER = "__debezium_unavailable_value"

_FORM = re.compile(r"(?P<name>[^(\[]+)(?:\((?P<args>[-\d,]+)\))?(?P<rest>[a-z ]*)(?P<array>(?:\[\])*)")

# PostgreSQL types whose mirror type is the source's own text, by decoder.
_POSTGRESQL_SAME = {
    "int": ("smallint", "integer", "bigint"),
    "boolean": ("boolean",),
    "decimal": ("numeric",),
    "float": ("real", "double precision"),
    "text": (
        *("text", "character varying", "character", "xml", "inet", "cidr", "macaddr", "macaddr8", "tsvector"),
        *("int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange"),
    ),
    "json": ("json", "jsonb"),
    "uuid": ("uuid",),
    "bytes_hex": ("bytea",),
    "date": ("date",),
    "time_us": ("time without time zone",),
    "timestamp_us": ("timestamp without time zone",),
    "timestamptz_iso": ("timestamp with time zone",),
}
_POSTGRESQL = {name: decoder for decoder, names in _POSTGRESQL_SAME.items() for name in names}

# Types that arrive, but not exactly: refused until somebody finds a way, with the reason.
_POSTGRESQL_INEXACT = {
    "time with time zone": "the offset is lost",
    "bit varying": "the length is lost",
    "money": "its text depends on the server's locale",
}
_ARRAY_DECODERS = frozenset(
    {"int", "boolean", "decimal", "float", "text", "enum", "uuid", "date", "time_us", "timestamp_us", "timestamptz_iso"}
)

# MariaDB: name -> (mirror type, decoder); {args} is the declared length or precision with its parentheses.
_MARIADB = {
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
}
_MARIADB_INEXACT = {"uuid": "in the log it is cut by two bytes"}

_MIRROR_TYPE = re.compile(
    r"(smallint|integer|bigint|real|double precision|boolean|text|bytea|date|uuid|jsonb?|xml|inet|cidr|macaddr8?"
    r"|tsvector|interval|(int[48]|num|ts|tstz|date)(multi)?range|point|line|lseg|box|path|polygon|circle|pg_lsn|tsquery"
    r"|numeric(\(\d{1,4},-?\d{1,4}\))?|character( varying)?(\(\d{1,8}\))?|bit\(\d{1,8}\)"
    r"|time(\([0-6]\))? without time zone|timestamp(\([0-6]\))? with(out)? time zone)(\[\])?"
)
_DECODER = re.compile(
    r"(array:)?(int|tinyint1|boolean|decimal|float|text|enum|set|json|uuid|bytes_hex|text_hex|bit:\d{1,8}|date|time_us"
    r"|duration_us|timestamp_us|timestamptz_iso|interval|year)"
)


@dataclass(frozen=True, slots=True)
class MirrorType:
    """How values of one source type are kept and read: PostgreSQL type text, decoder name."""

    mirror_type: str
    decoder: str


def is_mirror_type(text: str) -> bool:
    """Tell whether `text` is a type that mirrors are made of (contracts are files; their types go into DDL)."""
    return _MIRROR_TYPE.fullmatch(text) is not None


def is_decoder(text: str) -> bool:
    """Tell whether `text` names a decoder of the table above."""
    return _DECODER.fullmatch(text) is not None


def of_postgresql(type_text: str, kind: str, place: str) -> MirrorType:
    """Map what `format_type` prints; `kind` is `pg_type.typtype` of the base type (b, e, c, r, m).

    Raises SRC-201 for a type without an exact mirror yet, SRC-202 for one that the log reader alters; `place` is
    `source.table.column`.
    """
    form = _FORM.fullmatch(type_text)
    if form is None:
        raise FatalError("SRC-201", f"{place} is {type_text}")
    if form["array"]:
        return _of_array(type_text, kind, place)
    if kind == "e":
        return MirrorType("text", "enum")
    name = f"{form['name']}{form['rest']}"
    if name in _POSTGRESQL_INEXACT:
        raise FatalError("SRC-202", f"{place} is {type_text}: {_POSTGRESQL_INEXACT[name]}")
    if name == "bit":
        width = form["args"] or "1"
        return MirrorType(f"bit({width})", f"bit:{width}")
    if name.startswith("interval"):
        return MirrorType("interval", "interval")
    if name not in _POSTGRESQL:
        raise FatalError("SRC-201", f"{place} is {type_text}")
    return MirrorType(type_text, _POSTGRESQL[name])


def _of_array(type_text: str, kind: str, place: str) -> MirrorType:
    element = of_postgresql(type_text.removesuffix("[]"), kind, place)
    if "[]" in element.mirror_type or element.decoder not in _ARRAY_DECODERS:
        raise FatalError("SRC-202", f"{place} is {type_text}: arrays of it do not arrive whole")
    return MirrorType(f"{element.mirror_type}[]", f"array:{element.decoder}")


def of_mariadb(column_type: str, place: str) -> MirrorType:
    """Map `COLUMN_TYPE` of information_schema (`int(10) unsigned`, `enum('a','b')`). Raises as above."""
    name = column_type.split("(", 1)[0].split(" ", 1)[0]
    args = re.match(r"\w+\(([\d,]+)\)", column_type)
    if column_type.startswith("tinyint(1)") and "unsigned" not in column_type:
        return MirrorType("smallint", "tinyint1")
    if name == "bit" and args:
        return MirrorType(f"bit({args[1]})", f"bit:{args[1]}")
    if name in _MARIADB_INEXACT:
        raise FatalError("SRC-202", f"{place} is {column_type}: {_MARIADB_INEXACT[name]}")
    # The members of an enum may hold any word.
    unsigned = " unsigned" in column_type and "'" not in column_type
    rule = _MARIADB.get(f"{name} unsigned" if unsigned else name)
    if rule is None or name not in _MARIADB:
        raise FatalError("SRC-201", f"{place} is {column_type}")
    return MirrorType(rule[0].format(args=f"({args[1]})" if args else ""), rule[1])

"""PostgreSQL's types: which of them arrive exactly, and as what.

Found by writing boundary values of each and comparing what arrives, from the snapshot and from the log
(`tests/integration/types`). What is in none of the tables is refused (SRC-201): nobody has looked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cdc.capture.types import MirrorType
from cdc.errors import FatalError

_FORM = re.compile(r"(?P<name>[^(\[]+)(?:\((?P<args>[-\d,]+)\))?(?P<rest>[a-z ]*)")

# Whose mirror type is the source's own text, by decoder.
_SAME = {
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
    **{name: (name,) for name in ("point", "line", "lseg", "box", "path", "circle")},
    "text_hex": (
        "pg_lsn",
        "tsquery",
        *("int4multirange", "int8multirange", "nummultirange", "tsmultirange", "tstzmultirange", "datemultirange"),
    ),
}
_OTHER = {
    '"char"': ("text", "text"),
    "name": ("text", "text"),
    "oid": ("bigint", "int"),
    "xid": ("numeric(10,0)", "text_hex"),
    "xid8": ("numeric(20,0)", "text_hex"),
    "cid": ("numeric(10,0)", "text_hex"),
    "tid": ("text", "text_hex"),
    "jsonpath": ("text", "text_hex"),
    "txid_snapshot": ("text", "text_hex"),
    "pg_snapshot": ("text", "text_hex"),
    "money": ("numeric(19,2)", "decimal"),
}
_BUILT_IN = {name: (name, decoder) for decoder, names in _SAME.items() for name in names} | _OTHER

# Types of extensions for which Debezium has a form of its own; all others arrive as their text.
_OF_EXTENSIONS = {"citext": ("text", "text"), "hstore": ("jsonb", "hstore"), "ltree": ("text", "text")}
_UNKNOWN_FORM = frozenset({"geometry", "geography", "vector", "halfvec", "sparsevec", "isbn"})

# Types that arrive, but not exactly, with the reason.
_INEXACT = {
    "time with time zone": "the offset is lost",
    "bit varying": "the length is lost",
    "polygon": "one that ends with its first point loses it",
}

# Arrays arrive by other ways than single values; the rest of them arrives wrong, empty or not at all.
_ARRAYS_OF = frozenset(
    {
        *("smallint", "integer", "bigint", "oid", "numeric", "real", "double precision", "boolean"),
        *("text", "character varying", "character", "uuid", "inet", "cidr", "macaddr", "json", "jsonb", "bytea"),
        *("date", "timestamp without time zone", "timestamp with time zone"),
        *("int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange"),
    }
)
# Of these the log reader knows how to say that a long value (TOAST) was left alone; at others it fails.
_TOASTABLE_ARRAYS_OF = frozenset(
    {"text", "character varying", "character", "json", "jsonb", "integer", "bigint", "date", "uuid"}
)
# PostgreSQL moves a value of more than 24 bytes out of its row; these take 8 bytes and one bit each.
_BITS_IN_THE_ROW = 128


@dataclass(frozen=True, slots=True)
class SourceType:
    """A column's type: `text` as `format_type` prints what all domains rest on, `declared` as the column has it.

    `kind` (`pg_type.typtype`: b, e, c, r, m), `schema` and `name` are those of the type, or of an array's element.
    """

    text: str
    declared: str
    kind: str
    schema: str
    name: str


def of_postgresql(source: SourceType, place: str) -> MirrorType:
    """Map a type. `place` is `source.table.column`.

    Raises SRC-201 for a type without an exact mirror yet, SRC-202 for one that the log reader alters.
    """
    if source.text.endswith("[]"):
        return _of_array(source, place)
    if source.kind == "e":
        return MirrorType("text", "enum")
    if source.schema != "pg_catalog":
        return _of_own(source, place)
    name, arguments = _parts(source.text)
    if name in _INEXACT:
        raise FatalError("SRC-202", f"{place} is {source.text}: {_INEXACT[name]}")
    if name == "bit":
        return MirrorType(f"bit({arguments or 1})", f"bit:{arguments or 1}")
    if name.startswith("interval"):
        return MirrorType("interval", "interval")
    return _built_in(source.text, name, place)


def _parts(text: str) -> tuple[str, str]:
    """Return a type's name and what stands in its parentheses: `timestamp(3) without time zone` has both."""
    form = _FORM.fullmatch(text)
    return (f"{form['name']}{form['rest']}", form["args"] or "") if form else (text, "")


def _built_in(text: str, name: str, place: str) -> MirrorType:
    if name not in _BUILT_IN:
        raise FatalError("SRC-201", f"{place} is {text}")
    mirror_type, decoder = _BUILT_IN[name]
    return MirrorType(text if mirror_type == name else mirror_type, decoder)


def _of_own(source: SourceType, place: str) -> MirrorType:
    """Map a type that somebody has made: a composite one, a range, one of an extension."""
    if source.kind == "b" and source.name in _UNKNOWN_FORM:
        raise FatalError("SRC-201", f"{place} is {source.text}")
    return MirrorType(*_OF_EXTENSIONS.get(source.name, ("text", "text_hex")))


def _of_array(source: SourceType, place: str) -> MirrorType:
    if source.kind == "e":
        return MirrorType("text[]", "array:enum")
    if source.kind == "b" and source.schema != "pg_catalog" and source.name == "citext":
        return MirrorType("text[]", "array:text")
    text = source.text.removesuffix("[]")
    name, _ = _parts(text)
    if source.schema != "pg_catalog" or name not in _ARRAYS_OF:
        raise FatalError("SRC-202", f"{place} is {source.declared}: arrays of it do not arrive whole")
    element = _built_in(text, name, place)
    return MirrorType(f"{element.mirror_type}[]", f"array:{element.decoder}")


def needs_full(source: SourceType, decoder: str) -> bool:
    """Tell whether a long value of this type that an update leaves alone has to be in the log all the same.

    The log reader fails at its absence, or, at a path, sends NULL.
    """
    if decoder == "path":
        return True
    if decoder.startswith("bit:"):
        return int(decoder.removeprefix("bit:")) > _BITS_IN_THE_ROW
    if not decoder.startswith("array:"):
        return False
    name, _ = _parts(source.text.removesuffix("[]"))
    return name not in _TOASTABLE_ARRAYS_OF or source.declared != source.text

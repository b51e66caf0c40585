"""A mirror as deriving sees it: columns with their types, the key as text, and how look-up values are compared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import psycopg

from cdc.derive.names import literal, quoted
from cdc.key import text_template
from transforms.beside import DELETED
from transforms.mapping import MirrorRef

_INTEGERS = frozenset({"smallint", "integer", "bigint"})
_TEXTS = frozenset({"text", "character varying", "character"})
# Bytes up to which a text is indexed as it is: an entry of an index has room for 2704, and may be of several columns.
_SHORT_BYTES = 600
# What PostgreSQL prints for these depends on the session or on the time zone database: no index can be made of it.
_UNSTABLE = re.compile(r"date|time|interval|range|json")


@dataclass(frozen=True, slots=True, eq=False)
class Mirror:
    """A mirror and its deleted twin, or a change mirror, which has none.

    `types` are PostgreSQL's spelling by column, `key` in the contract's order.
    """

    ref: MirrorRef
    types: Mapping[str, str]
    key: tuple[str, ...]

    @property
    def name(self) -> str:
        """The quoted name of the mirror."""
        return quoted(self.ref.stored_in, self.ref.table)

    @property
    def deleted(self) -> str:
        """The quoted name of the table of last images of rows that are deleted."""
        return quoted(self.ref.schema + DELETED, self.ref.table)

    @property
    def images(self) -> tuple[str, ...]:
        """The quoted names of all its tables."""
        return (self.name,) if self.ref.versions else (self.name, self.deleted)

    def key_text(self, alias: str) -> str:
        """Return a row's key as `cdc.journal_key` writes it."""
        texts = (text_template(self.types[name]).format(f"{alias}.{quoted(name)}") for name in self.key)
        return f"ARRAY[{', '.join(texts)}]"

    def has_key(self, alias: str, key: str) -> str:
        """Return the condition that the row has the key in the text array `key`; uses the primary key's index."""
        pairs = (
            f"{alias}.{quoted(name)} = ({key}[{place}])::{self.types[name]}{collated(self.types[name])}"
            for place, name in enumerate(self.key, start=1)
        )
        return " AND ".join(pairs)

    def is_identified_by(self, pairs: Mapping[str, str]) -> bool:
        """Tell whether equality of these columns (with the other side's type) finds one row at most."""
        return all(name in pairs and is_comparable(self.types[name], pairs[name]) for name in self.key)


def base_type(type_text: str) -> str:
    """Return a type without length, precision and scale."""
    return re.sub(r"\(.*?\)", "", type_text)


def is_comparable(left: str, right: str) -> bool:
    """Tell whether values of two types are compared as they are, not as text."""
    bases = {base_type(left), base_type(right)}
    return len(bases) == 1 or bases <= _INTEGERS


def collated(type_text: str) -> str:
    """Return the collation clause that makes an equality of texts one of bytes, whatever the columns declare."""
    return ' COLLATE "C"' if base_type(type_text) in _TEXTS else ""


def default_collation(type_text: str) -> str:
    """Return the clause that makes a text out of an array of keys comparable by the indexes of canonical columns.

    Such an array is collated "C", which would be the collation of the comparison: no index of the column has it.
    """
    return ' COLLATE "default"' if base_type(type_text) in _TEXTS else ""


def max_bytes(type_text: str) -> float:
    """Return what a value of the type may take in an index: 4 bytes per character; endless without a length."""
    if base_type(type_text) not in _TEXTS:
        return 500  # numeric(1000)
    length = re.search(r"\((\d+)\)", type_text)
    return 4 * int(length[1]) if length else inf


def same(left: tuple[str, str], right: tuple[str, str]) -> str:
    """Return the look-up equality of two (expression, type): as is, or as text without trailing blanks.

    Where one may be long, digests are compared first: they are what its index has.
    """
    (one, one_type), (other, other_type) = left, right
    sides = _compared(one, one_type, other_type), _compared(other, other_type, one_type)
    equality = " = ".join(sides)
    if _is_long(one_type) or _is_long(other_type):
        return f"{' = '.join(map(_digest, sides))} AND {equality}"
    return equality


def index_expression(column: str, type_text: str, other_type: str) -> str | None:
    """Return what to index so that `same` with a value of `other_type` is a search; None where that cannot be."""
    if not is_comparable(type_text, other_type) and _UNSTABLE.search(base_type(type_text)):
        return None
    compared = _compared(quoted(column), type_text, other_type)
    if _is_long(type_text):
        return _digest(compared)
    return compared if is_comparable(type_text, other_type) else f"({compared})"


def _compared(value: str, type_text: str, other_type: str) -> str:
    if is_comparable(type_text, other_type):
        return f"{value}{collated(type_text)}"
    return f'rtrim({value}::text) COLLATE "C"'


def _is_long(type_text: str) -> bool:
    return max_bytes(type_text) > _SHORT_BYTES


def _digest(value: str) -> str:
    return f"hashtextextended(({value})::text, 0)"


def read_mirrors(connection: psycopg.Connection[Any], refs: tuple[MirrorRef, ...]) -> dict[MirrorRef, Mirror]:
    """Read columns and keys of those mirrors that exist with a deleted twin, and of change mirrors."""
    if not refs:
        return {}
    named = {(ref.stored_in, ref.table): ref for ref in refs}
    wanted = ", ".join(
        f"({literal(schema)}, {literal(table)}, {not ref.versions})" for (schema, table), ref in named.items()
    )
    rows = connection.execute(_CATALOGUE.replace("WANTED", wanted).encode()).fetchall()
    types: dict[MirrorRef, dict[str, str]] = {}
    keys: dict[MirrorRef, dict[int, str]] = {}
    for schema, table, column, type_text, place in rows:
        ref = named[schema, table]
        types.setdefault(ref, {})[column] = type_text
        if place is not None:
            keys.setdefault(ref, {})[place] = column
    return {ref: Mirror(ref, types[ref], tuple(key[place] for place in sorted(key))) for ref, key in keys.items()}


_CATALOGUE = f"""
SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
       array_position(i.indkey::int2[], a.attnum)
FROM (VALUES WANTED) AS wanted (schema, name, has_twin)
JOIN pg_namespace n ON n.nspname = wanted.schema
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name AND c.relkind = 'r'
JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE NOT has_twin OR EXISTS (SELECT FROM pg_class d JOIN pg_namespace dn ON dn.oid = d.relnamespace
              WHERE dn.nspname = n.nspname || '{DELETED}' AND d.relname = c.relname)
ORDER BY n.nspname, c.relname, a.attnum
"""

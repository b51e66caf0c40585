"""What an expression yields, and the types in which a mapping declares the columns of a mirror.

| declared    | mirror types                                  | Python value   | kind      |
|-------------|-----------------------------------------------|----------------|-----------|
| text        | text, character varying(n)                    | str            | TEXT      |
| char        | character(n): trailing blanks are padding     | str            | TEXT      |
| integer     | smallint, integer, bigint, numeric(n,0)       | int, Decimal   | INTEGER   |
| decimal     | numeric, numeric(p,s)                         | Decimal        | DECIMAL   |
| double      | double precision, real                        | float          | DECIMAL   |
| boolean     | boolean                                       | bool           | BOOLEAN   |
| bit         | bit(1)                                        | '0', '1'       | BOOLEAN   |
| uuid        | uuid                                          | UUID           | TEXT      |
| date        | date                                          | date           | DATE      |
| timestamp   | timestamp without time zone                   | naive datetime | TIMESTAMP |
| timestamptz | timestamp with time zone                      | aware datetime | INSTANT   |

RATIONAL is a number that need not have an end in decimals (a converted quantity); it is rounded once, by its field.
NOTHING is NULL without a type. A floating-point number (IEEE 754) is the decimal of the fewest digits that is read as
that number: 0.1 is 0.1, as PostgreSQL and MariaDB print it, and no calculation is done in binary.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum


class Kind(Enum):
    """The type of an expression's value; the value is for people."""

    TEXT = "text"
    INTEGER = "an integer"
    DECIMAL = "a decimal"
    RATIONAL = "a quantity"
    BOOLEAN = "a truth value"
    DATE = "a date"
    TIMESTAMP = "a local date and time"
    INSTANT = "an instant"
    NOTHING = "NULL"

    def __str__(self) -> str:
        return self.value


NUMBERS = (Kind.INTEGER, Kind.DECIMAL, Kind.RATIONAL)

# In the order in which a draft tries them: a whole number is an integer before it is a decimal.
DECLARED = {
    "text": Kind.TEXT,
    "char": Kind.TEXT,
    "integer": Kind.INTEGER,
    "decimal": Kind.DECIMAL,
    "double": Kind.DECIMAL,
    "boolean": Kind.BOOLEAN,
    "bit": Kind.BOOLEAN,
    "uuid": Kind.TEXT,
    "date": Kind.DATE,
    "timestamp": Kind.TIMESTAMP,
    "timestamptz": Kind.INSTANT,
}

_MIRROR_TYPES = {
    "text": r"text|character varying(\(\d+\))?",
    "char": r"character(\(\d+\))?",
    "integer": r"smallint|integer|bigint|numeric\(\d+,0\)",
    "decimal": r"numeric(\(\d+,-?\d+\))?|smallint|integer|bigint",
    "double": r"double precision|real",
    "boolean": r"boolean",
    "bit": r"bit\(1\)",
    "uuid": r"uuid",
    "date": r"date",
    "timestamp": r"timestamp(\(\d\))? without time zone",
    "timestamptz": r"timestamp(\(\d\))? with time zone",
}


def accepts(declared: str, mirror_type: str) -> bool:
    """Tell whether values of a mirror column of type `mirror_type` are what `declared` says."""
    return re.fullmatch(_MIRROR_TYPES[declared], mirror_type) is not None


def unify(kinds: Iterable[Kind]) -> Kind | None:
    """Return the kind that values of `kinds` share (the widest of numbers, NULL fits all), None if there is none."""
    present = {kind for kind in kinds if kind is not Kind.NOTHING}
    if not present:
        return Kind.NOTHING
    if present <= set(NUMBERS):
        return max(present, key=NUMBERS.index)
    return present.pop() if len(present) == 1 else None

"""What rows hold in a MariaDB column that was added after they were written, told from information_schema.

The column's default as the mirror's type prints it, or the implicit one where NULL is not allowed. What cannot be told
exactly counts as computed: a mirror with rows then refuses to grow the column instead of guessing.
"""

from __future__ import annotations

import re
from decimal import Decimal

from cdc.capture.contract import ColumnContract
from cdc.capture.types import MirrorType

Default = tuple[str | None, bool]
"""The text that PostgreSQL casts to the mirror's type (None is NULL), and whether nobody can tell."""

COMPUTED: Default = (None, True)
NULL: Default = (None, False)
_LITERAL = re.compile(r"'(?P<text>(?:[^'\\]|''|\\.)*)'", re.DOTALL)
_BITS = re.compile(r"b'(?P<bits>[01]*)'")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_DAY = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d(\.\d{1,6})?)?")
_ZERO_DAY = re.compile(r"(0000-\d\d-\d\d|\d{4}-00-\d\d|\d{4}-\d\d-00)\b.*")
_CLOCK = re.compile(r"-?\d{2,3}:\d\d:\d\d(\.\d{1,6})?")
_ESCAPES = {"0": "\0", "n": "\n", "r": "\r", "t": "\t", "b": "\b", "Z": "\x1a"}

_TRUTHS = {"true": "1", "false": "0"}
_NUMERIC = frozenset({"int", "tinyint1", "decimal", "float", "year"})
# What MariaDB writes into existing rows for a NOT NULL column without a default.
_IMPLICIT = {**dict.fromkeys(_NUMERIC, "0"), "text": "", "set": "", "duration_us": "00:00:00"}


def mirror_default(expression: str | None, extra: str, kind: MirrorType, *, nullable: bool) -> Default:
    """Return the default of a column; `expression` is COLUMN_DEFAULT, `extra` EXTRA as the catalogue prints them."""
    if "auto_increment" in extra:
        return COMPUTED
    if expression is None or expression.upper() == "NULL":
        return NULL if nullable else implicit_default(kind)
    if bits := _BITS.fullmatch(expression):
        return _of_bits(bits["bits"], kind)
    if literal := _LITERAL.fullmatch(expression):
        return _of_text(_unquoted(literal["text"]), kind, nullable=nullable)
    if _NUMBER.fullmatch(expression):
        return _of_text(expression, kind, nullable=nullable)
    return COMPUTED


def is_added_with(column: ColumnContract, text: str | None, *, nullable: bool) -> bool:
    """Tell whether a new column was added with the default that the catalogue has now.

    `text` is the default of the schema event that brought the column, without quotes, `nullable` what it said of NULL.
    """
    announced = _announced(text, MirrorType(column.mirror_type, column.decoder), nullable=nullable)
    if nullable != column.nullable or column.computed_default or announced[1]:
        return False
    return announced[0] == column.default or _is_same_number(announced[0], column.default)


def _announced(text: str | None, kind: MirrorType, *, nullable: bool) -> Default:
    if text is None:
        return NULL if nullable else implicit_default(kind)
    if kind.decoder.startswith("bit:"):
        return _of_bits(text, kind) if set(text) <= {"0", "1"} else COMPUTED
    if kind.decoder == "tinyint1" and text in _TRUTHS:
        return _TRUTHS[text], False
    return _of_text(text, kind, nullable=nullable)


def _is_same_number(one: str | None, other: str | None) -> bool:
    numbers = [Decimal(text) for text in (one, other) if text is not None and _NUMBER.fullmatch(text)]
    return len(numbers) == 2 and numbers[0] == numbers[1]


def implicit_default(kind: MirrorType) -> Default:
    """Return what existing rows get in a column that cannot be NULL and has no default."""
    if kind.decoder.startswith("bit:"):
        return "0" * int(kind.decoder.removeprefix("bit:")), False
    # Zero dates have no mirror value, the first member of an enum and the padding of binary stand elsewhere.
    return (_IMPLICIT[kind.decoder], False) if kind.decoder in _IMPLICIT else COMPUTED


def literal_default(text: str, kind: MirrorType, *, nullable: bool) -> Default:
    """Return a default that is a literal, as the server prints it without its quotes."""
    if bits := _BITS.fullmatch(text):
        return _of_bits(bits["bits"], kind)
    return _of_text(text, kind, nullable=nullable)


def _of_bits(bits: str, kind: MirrorType) -> Default:
    if kind.decoder.startswith("bit:"):
        return bits.zfill(int(kind.decoder.removeprefix("bit:"))), False
    return (str(int(bits or "0", 2)), False) if kind.decoder in _NUMERIC else COMPUTED


def _of_text(text: str, kind: MirrorType, *, nullable: bool) -> Default:
    match kind.decoder:
        case "text" | "enum" | "set":
            return text, False
        case "date" | "timestamp_us":
            if _ZERO_DAY.fullmatch(text):
                return NULL if nullable else COMPUTED
            return (text, False) if _DAY.fullmatch(text) else COMPUTED
        case "duration_us":
            return (text, False) if _CLOCK.fullmatch(text) else COMPUTED
        case decoder if decoder in _NUMERIC and _NUMBER.fullmatch(text):
            return text, False
    return COMPUTED


def _unquoted(text: str) -> str:
    return re.sub(r"''|\\(.)", lambda m: _ESCAPES.get(m[1], m[1]) if m[1] else "'", text, flags=re.DOTALL)

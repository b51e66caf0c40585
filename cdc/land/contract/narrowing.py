"""Changes of a column's type that may alter the values which are there, without an event of a row.

Mirrors have one type for several of a source's, so theirs does not tell. PostgreSQL writes a table anew, and its log
has nothing of that. MariaDB alters some values whatever its mode is (another spelling of a member, a CHAR for a
VARCHAR, fewer digits of a second), others where it is not strict: what does not fit becomes the next value that does,
'' or '?'.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cdc.capture.charset import BASIC_UNICODE, FULL_UNICODE
from cdc.capture.contract import ColumnContract
from cdc.capture.types_mariadb import members

_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
_BYTES: dict[str, int] = {
    prefix + name: 2**bits - 1
    for name in ("text", "blob")
    for prefix, bits in (("tiny", 8), ("", 16), ("medium", 24), ("long", 32))
}
# Bytes that a character takes at most; of all others one.
_WIDTHS = {**dict.fromkeys(FULL_UNICODE, 4), "utf8mb3": 3, "ucs2": 2, "gbk": 2, "gb2312": 2}
# What PostgreSQL cuts or spells anew when another text becomes one.
_RESPELLED = frozenset({"name", '"char"', "jsonpath"})

_TYPE = re.compile(r"(?P<name>\w+)(?:\((?P<args>.*)\))?(?P<rest>[^()']*)")


@dataclass(frozen=True, slots=True)
class _Type:
    """A type as MariaDB's catalogue prints it: `int(10) unsigned`, `enum('a','b')`."""

    name: str
    args: str
    is_unsigned: bool

    @property
    def number(self) -> int:
        """Its one argument: a length, or the digits of a second."""
        return int(self.args or 0)


def is_narrowing(old: ColumnContract, new: ColumnContract) -> bool:
    """Tell whether values may have been altered where `old` became `new`, though the mirror's type takes both."""
    if not new.type.startswith(("enum(", "set(")) and not _has_characters(old.charset, new.charset):
        return True
    if (old.type, old.charset) == (new.type, new.charset):
        return False
    if new.type in _RESPELLED or (new.type.startswith("interval") and new.type != "interval"):
        return True
    before, after = _parsed(old.type), _parsed(new.type)
    if before is None or after is None:
        return False
    checks = (_loses_members, _loses_numbers, _loses_digits, _is_filled_up)
    return any(check(before, after) for check in checks) or _is_cut(before, old.charset, after, new.charset)


def _parsed(column_type: str) -> _Type | None:
    match = _TYPE.fullmatch(column_type)
    return match and _Type(match["name"], match["args"] or "", " unsigned" in match["rest"])


def _has_characters(old: str | None, new: str | None) -> bool:
    """Tell whether a character set has all characters of the one before."""
    if None in (old, new) or old in (new, "ascii") or new in FULL_UNICODE:
        return True
    return new in BASIC_UNICODE and old not in FULL_UNICODE


def _loses_members(old: _Type, new: _Type) -> bool:
    """Tell whether a member is gone, or of a set whether they stand in another order: it is printed in that one."""
    if old.name != new.name or old.name not in ("enum", "set"):
        return False
    if old.name == "enum":
        return not set(members(old.args)) <= set(members(new.args))
    rest = iter(members(new.args))
    return not all(member in rest for member in members(old.args))


def _loses_numbers(old: _Type, new: _Type) -> bool:
    if old.name not in _BITS or new.name not in _BITS:
        return False
    (least, most), (low, high) = _range(old), _range(new)
    return least < low or most > high


def _range(kind: _Type) -> tuple[int, int]:
    bits = _BITS[kind.name]
    return (0, 2**bits - 1) if kind.is_unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _loses_digits(old: _Type, new: _Type) -> bool:
    if old.name == new.name == "time":
        return new.number < old.number
    return old.name == new.name and new.name in ("float", "double") and bool(new.args) and new.args != old.args


def _is_filled_up(old: _Type, new: _Type) -> bool:
    """Tell whether blanks at the end may have gone, or zero bytes come."""
    if new.name == "binary":
        return (old.name, old.args) != (new.name, new.args)
    return new.name == "char" and old.name != "char"


def _is_cut(old: _Type, charset: str | None, new: _Type, new_charset: str | None) -> bool:
    """Tell whether a value may have more bytes than there is room for."""
    room = _BYTES.get(new.name, new.number if new.name == "varbinary" else None)
    if room is None:
        return False
    width = _WIDTHS.get(new_charset or "", 1)
    if old.name in ("char", "varchar"):
        return old.number * width > room
    if old.name in ("binary", "varbinary"):
        return old.number > room
    if old.name not in _BYTES:
        return False
    is_as_long = charset == new_charset or (charset == "utf8mb3" and new_charset == "utf8mb4")
    return _BYTES[old.name] * (1 if is_as_long else width) > room

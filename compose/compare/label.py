"""The labels of the demo, read a second time: GS1 element strings with their separators, and nothing else.

A label that begins with none of the elements' identifiers is no label (UDI-103), and a reader for the demo's own labels
need not tell more kinds of wrong ones than the simulator makes.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from datetime import date

from compose.compare.value import Held, Text, gtin

_FIXED = {"01": 14, "11": 6, "17": 6}
_SYMBOLOGY = re.compile(r"^(\]d2|\]C1)")
_SEPARATOR = re.compile("\x1d|<GS>|\\{GS\\}|~")


def read_label(raw: Text, year: int) -> Mapping[str, str]:
    """Return what the label says by application identifier, dates as days."""
    rest = _SYMBOLOGY.sub("", raw or "")
    if not rest[:1].isdigit():
        raise Held("UDI-103")
    found: dict[str, str] = {}
    while rest:
        identifier, rest = rest[:2], rest[2:]
        if identifier in _FIXED:
            value, rest = rest[: _FIXED[identifier]], rest[_FIXED[identifier] :]
        elif identifier in {"10", "21"}:
            value, *more = _SEPARATOR.split(rest, maxsplit=1)
            rest = "".join(more)
        else:
            raise Held("UDI-104")
        found[identifier] = _read(identifier, value, year)
    return found


def _read(identifier: str, value: str, year: int) -> str:
    if identifier == "01":
        return str(gtin(value))
    if identifier not in _FIXED:
        return value
    place = int(value[:2]) - year % 100
    century = year // 100 * 100 + (100 if place < -50 else -100 if place > 50 else 0)
    full, month, day = century + int(value[:2]), int(value[2:4]), int(value[4:])
    return date(full, month, day or calendar.monthrange(full, month)[1]).isoformat()

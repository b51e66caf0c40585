"""Types that a mirror's column can be widened to: every value that it holds stays what it is, to the last digit."""

from __future__ import annotations

import re

_INTEGERS = ("smallint", "integer", "bigint")
_VARCHAR = re.compile(r"character varying(?:\((\d+)\))?")
_NUMERIC = re.compile(r"numeric\((\d+),(-?\d+)\)")


def is_widening(old: str, new: str) -> bool:
    """Tell whether `new` takes all values of the mirror type `old` as they are, and more."""
    if old in _INTEGERS and new in _INTEGERS:
        return _INTEGERS.index(old) < _INTEGERS.index(new)
    if text := _VARCHAR.fullmatch(old):
        wider = _VARCHAR.fullmatch(new)
        length = text[1] and int(text[1])
        return new == "text" or (wider is not None and bool(length) and (not wider[1] or int(wider[1]) > int(length)))
    if (number := _NUMERIC.fullmatch(old)) and (wider := _NUMERIC.fullmatch(new)):
        return number[2] == wider[2] and int(number[1]) < int(wider[1])
    return False

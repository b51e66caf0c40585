"""Whether a decoded value fits its mirror type to the last digit.

PostgreSQL rounds a decimal, a real or a time of too many digits without a word, and ends the whole transaction at a
number or text that is too long. Both happen when a source column was widened and the contract does not know yet. Types
that are not here either take everything that their decoder lets through, or are checked by the decoder.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from math import isfinite
from typing import Any

Fit = Callable[[Any], bool]

_INTEGERS = {"smallint": 15, "integer": 31, "bigint": 63}
_NUMERIC = re.compile(r"numeric\((\d+),(-?\d+)\)")
_CHARACTER = re.compile(r"character(?: varying)?\((\d+)\)")
_TIME = re.compile(r"time(?:stamp)?\((\d)\) with(?:out)? time zone")
_PLACES = 16_383
# With an exponent of four digits that is not too many either.
_SHORT = _PLACES - 10_000
_SINGLE = struct.Struct("f")
_FRACTION = re.compile(r"\.(\d+)")


def fit(mirror_type: str) -> Fit | None:
    """Return the test for a type, None if it needs none."""
    if mirror_type in _INTEGERS:
        return partial(_integer, 1 << _INTEGERS[mirror_type])
    if match := _NUMERIC.fullmatch(mirror_type):
        precision, scale = int(match[1]), int(match[2])
        check = _numeric if 0 <= scale <= precision else _odd_numeric
        return partial(check, precision - scale, scale)
    if match := _CHARACTER.fullmatch(mirror_type):
        return partial(_character, int(match[1]))
    if mirror_type in _WITHOUT_LENGTH:
        return _WITHOUT_LENGTH[mirror_type]
    if match := _TIME.fullmatch(mirror_type):
        return partial(_time, int(match[1]))
    return None


def _integer(limit: int, value: Any) -> bool:
    return isinstance(value, int) and -limit <= value < limit


def _numeric(whole_digits: int, scale: int, value: Any) -> bool:
    text = str(value).lstrip("+-")
    if text == "NaN":
        return True
    if text == "Infinity":
        return False  # only a numeric without precision takes it
    if "E" in text or "e" in text:
        text = format(Decimal(text), "f")
    whole, _, fraction = text.partition(".")
    return len(whole.lstrip("0")) <= whole_digits and len(fraction.rstrip("0")) <= scale


def _real(value: Any) -> bool:
    """Tell whether a number is one of 32 bits: itself, or written with the up to nine digits that tell it from others.

    Java's last digit is not always the nearest one.
    """
    number = float(value)
    if not isfinite(number):
        return True
    try:
        (single,) = _SINGLE.unpack(_SINGLE.pack(number))
    except OverflowError:
        return False
    written = Decimal(value).normalize()  # 9007199300000000.0 has eight digits, as 9.0071993E15 has
    digits = len(written.as_tuple().digits)
    last_digit = Decimal(1).scaleb(written.adjusted() - digits + 1)
    return number == single or (digits <= 9 and abs(written - Decimal(single)) < last_digit)


def _any_numeric(value: Any) -> bool:
    """Tell the same for a numeric without precision: it keeps 16,383 digits behind the point, and rounds the rest."""
    if len(value) < _SHORT:
        return True
    _, _, exponent = Decimal(value).as_tuple()
    return not isinstance(exponent, int) or -exponent <= _PLACES


def _odd_numeric(whole_digits: int, scale: int, value: Any) -> bool:
    """Tell the same for a scale below zero (numeric(5,-2)) or beyond the precision (numeric(3,5))."""
    text = str(value).lstrip("+-")
    if text in ("NaN", "Infinity"):
        return text == "NaN"
    _, digits, exponent = Decimal(text).as_tuple()
    if not any(digits) or not isinstance(exponent, int):
        return True
    significant = "".join(map(str, digits)).lstrip("0")
    last = exponent + len(significant) - len(significant.rstrip("0"))
    return last >= -scale and exponent + len(significant) <= whole_digits


def _character(length: int, value: Any) -> bool:
    return len(value) <= length


def _time(digits: int, value: Any) -> bool:
    fraction = _FRACTION.search(str(value))
    return fraction is None or len(fraction[1].rstrip("0")) <= digits


_WITHOUT_LENGTH: Mapping[str, Fit] = {"real": _real, "numeric": _any_numeric}

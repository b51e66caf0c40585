"""Floating-point numbers of the wire to PostgreSQL's text: each its shortest that reads back as the same double.

JSON has no name for what is no number, so Kafka Connect sends a string there.
"""

from __future__ import annotations

from decimal import Decimal
from math import isinf, isnan
from typing import Any, Final

from cdc.stream.misfit import Misfit

_NAMES: Final = frozenset({"NaN", "Infinity", "-Infinity"})
_EXACT_INT: Final = 2**53


def double_of(value: Any) -> str:
    """Return the text of a JSON number, or of the name of one that JSON has not. Raises Misfit."""
    if isinstance(value, Decimal):
        number = float(value)
        if isinf(number) or (value and not number):
            raise Misfit  # too large, or too small, to be one
        return repr(number)
    if type(value) is float:
        return repr(value)
    if isinstance(value, str) and value in _NAMES:
        return value
    if type(value) is not int or abs(value) > _EXACT_INT:
        raise Misfit
    return str(value)


def text_of(value: float) -> str:
    """Return the text of any double."""
    if isnan(value):
        return "NaN"
    if isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)

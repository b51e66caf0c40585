"""Measured values as laboratories and shop floors write them: a number, what it is compared with, its tolerance.

12.5   １２.5   1,200.50     a number
≥5   <0.05   ~ 3             a bound or an estimate: never a bare number
1.02±0.03                    a number with its tolerance
OK   /   合格                a word: it has no number
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from transforms import refusal
from transforms.errors import Refused
from transforms.value.number import parse_decimal
from transforms.value.text import BLANKS

_NUMBER = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,60})(?:\.[0-9]{1,60})?"
_FORM = re.compile(
    rf"(?P<comparator>[<>≤≥=~≈]|<=|>=)?[ ]*(?P<value>[+-]?{_NUMBER})(?:[ ]*(?:±|\+/-)[ ]*(?P<tolerance>{_NUMBER}))?"
)
# Decimal digits of any script, and what stands for a number otherwise: superscripts, fractions, numbers in circles.
_DIGITS = ("Nd", "No")
# Full-width characters and the typographer's minus. Not NFKC: it makes 102 of 10².
_HALF_WIDTH: dict[int, str | int | None] = {**{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}, 0x2212: "-"}
_COMPARATORS = {None: "=", "≤": "<=", "≥": ">=", "≈": "~"}


@dataclass(frozen=True, slots=True)
class Measured:
    """What a text says. `value` None: it is a word. `comparator`: one of = < <= > >= ~, None for a word."""

    value: Decimal | None
    comparator: str | None
    tolerance: Decimal | None


@lru_cache(maxsize=4096)
def parse_measured(text: str) -> Measured:
    """Return what a text says; one that has digits and no such form is refused (NUM-101): nobody guesses."""
    plain = text.translate(_HALF_WIDTH).strip(BLANKS)
    form = _FORM.fullmatch(plain)
    if form is None:
        if any(unicodedata.category(character) in _DIGITS for character in plain):
            raise Refused(refusal.NUMBER, detail="neither a number, nor a bound, nor a number with its tolerance")
        return Measured(None, None, None)
    comparator, tolerance = form["comparator"], form["tolerance"]
    return Measured(
        _number(form["value"]), _COMPARATORS.get(comparator, comparator), _number(tolerance) if tolerance else None
    )


def _number(digits: str) -> Decimal:
    return parse_decimal(digits.replace(",", ""))

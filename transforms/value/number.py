"""Exact arithmetic: a result that would have to be rounded, or is out of all proportion, is an error and no value.

Numbers are int, Decimal or (converted quantities) Fraction. Operations raise ArithmeticError, which `normalise` turns
into NUM-101.
"""

from __future__ import annotations

import re
from decimal import (
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Clamped,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
    Subnormal,
)
from fractions import Fraction

Number = int | Decimal | Fraction

# Longer than the product of any two columns of numeric(38); what does not fit in it is a runaway.
DIGITS = 100
EXACT = Context(
    prec=DIGITS,
    Emin=-DIGITS,
    Emax=DIGITS,
    rounding=ROUND_HALF_EVEN,
    traps=[Clamped, DivisionByZero, Inexact, InvalidOperation, Overflow, Subnormal],
)
# Asked first: whether something is a Fraction takes five times as long to tell.
_PLAIN = (int, Decimal)

ROUNDINGS = ("half_even", "half_up")

_DECIMAL_TEXT = re.compile(rf"[+-]?[0-9]{{1,{DIGITS}}}(\.[0-9]{{1,{DIGITS}}})?")


def add(left: Number, right: Number) -> Number:
    """Return left + right."""
    if isinstance(left, _PLAIN) and isinstance(right, _PLAIN):
        return EXACT.add(left, right)
    return Fraction(left) + Fraction(right)


def subtract(left: Number, right: Number) -> Number:
    """Return left - right."""
    if isinstance(left, _PLAIN) and isinstance(right, _PLAIN):
        return EXACT.subtract(left, right)
    return Fraction(left) - Fraction(right)


def multiply(left: Number, right: Number) -> Number:
    """Return left * right."""
    if isinstance(left, _PLAIN) and isinstance(right, _PLAIN):
        return EXACT.multiply(left, right)
    return Fraction(left) * Fraction(right)


def divide(left: Number, right: Number) -> Number:
    """Return left / right; of decimals only where the quotient has an end."""
    if isinstance(left, _PLAIN) and isinstance(right, _PLAIN):
        return EXACT.divide(left, right)
    return Fraction(left) / Fraction(right)


def negate(value: Number) -> Number:
    """Return -value; zero has no sign. (`-` would round to the precision of whatever context is current.)"""
    if isinstance(value, Decimal):
        return value.copy_negate() if value else value.copy_abs()
    return -value


def absolute(value: Number) -> Number:
    """Return the absolute value."""
    if isinstance(value, Decimal):
        return value.copy_abs()
    return -value if value < 0 else value


def round_half_up(value: Number, digits: int) -> Decimal:
    """Return `value` with `digits` digits after the point, halves away from zero, as SQL's ROUND does."""
    return _scaled(Fraction(value), digits, "half_up")


def to_scale(value: Number, precision: int, scale: int, rounding: str | None) -> Decimal:
    """Return `value` as numeric(precision, scale); ArithmeticError if it does not fit or would need rounding."""
    scaled = _quantized(value, scale, rounding) if isinstance(value, _PLAIN) else _scaled(value, scale, rounding)
    if scaled.adjusted() >= precision - scale and scaled:
        raise Overflow
    return scaled


def to_decimal(value: Number) -> int | Decimal:
    """Return a number that may be a fraction as a decimal; ArithmeticError if it has no end."""
    return EXACT.divide(value.numerator, value.denominator) if isinstance(value, Fraction) else value


def parse_decimal(text: str) -> Decimal:
    """Return the number that `text` is, digits and one point; ArithmeticError for anything else."""
    if not _DECIMAL_TEXT.fullmatch(text):
        raise InvalidOperation
    return EXACT.create_decimal(text)


def number_text(value: int | Decimal) -> str:
    """Return the digits as PostgreSQL prints them."""
    return str(value) if isinstance(value, int) else format(value if value else value.copy_abs(), "f")


_STEPS = tuple(Decimal(1).scaleb(-scale) for scale in range(DIGITS))


def _quantized(value: int | Decimal, scale: int, rounding: str | None) -> Decimal:
    exact = value if type(value) is Decimal else Decimal(value)
    step = _STEPS[scale] if scale < DIGITS else Decimal(1).scaleb(-scale)
    if rounding is None:
        scaled = EXACT.quantize(exact, step)
    else:
        # The same precision, but rounding is what is asked for: no trap on Inexact.
        scaled = exact.quantize(step, _MODES[rounding], _ROUNDING_CONTEXT)
    return scaled if scaled else scaled.copy_abs()


_MODES = {"half_even": ROUND_HALF_EVEN, "half_up": ROUND_HALF_UP}
_ROUNDING_CONTEXT = Context(prec=DIGITS, traps=[DivisionByZero, InvalidOperation, Overflow])


def _scaled(value: Fraction, scale: int, rounding: str | None) -> Decimal:
    numerator, denominator = abs(value.numerator) * 10**scale, value.denominator
    whole, rest = divmod(numerator, denominator)
    if rest and rounding is None:
        raise Inexact
    if 2 * rest > denominator or (2 * rest == denominator and (rounding == "half_up" or whole % 2)):
        whole += 1
    signed = whole if value > 0 else -whole
    return Decimal(signed).scaleb(-scale, EXACT)

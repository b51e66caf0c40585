"""Exact arithmetic: the reference is Fraction, which never rounds."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.value import number

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value="-1e27", max_value="1e27", places=10)
NUMBERS = st.one_of(DECIMALS, st.integers(-(2**63), 2**63), st.fractions(-1000, 1000, max_denominator=10**6))
OPERATIONS = {
    number.add: lambda left, right: left + right,
    number.subtract: lambda left, right: left - right,
    number.multiply: lambda left, right: left * right,
}


@given(st.sampled_from(list(OPERATIONS)), NUMBERS, NUMBERS)
def test_result_is_the_exact_one(operation, left, right):
    assert Fraction(operation(left, right)) == OPERATIONS[operation](Fraction(left), Fraction(right))


@given(NUMBERS, NUMBERS)
def test_quotient_is_exact_or_refused(left, right):
    try:
        got = number.divide(left, right)
    except ArithmeticError:
        # Refused only where the quotient has no end in decimals, or there is none.
        rest = (Fraction(left) / Fraction(right)).denominator if right else 0
        for prime in (2, 5):
            while rest and rest % prime == 0:
                rest //= prime
        assert rest != 1
    else:
        assert Fraction(got) == Fraction(left) / Fraction(right)


@given(NUMBERS, st.integers(0, 8), st.sampled_from(number.ROUNDINGS))
def test_one_rounding_is_that_of_the_decimal_module(value, scale, rounding):
    got = number.to_scale(value, 60, scale, rounding)
    with localcontext(prec=200):
        # 150 digits of a fraction decide every half but the exact one, which has few.
        wide = value if not isinstance(value, Fraction) else Decimal(value.numerator) / Decimal(value.denominator)
        mode = {"half_even": ROUND_HALF_EVEN, "half_up": ROUND_HALF_UP}[rounding]
        assert got == Decimal(wide).quantize(Decimal(1).scaleb(-scale), mode)
    assert got.as_tuple().exponent == -scale


@given(NUMBERS, st.integers(1, 30), st.integers(0, 10))
def test_without_rounding_a_value_is_kept_whole_or_refused(value, precision, scale):
    try:
        got = number.to_scale(value, precision + scale, scale, None)
    except ArithmeticError:
        scaled = Fraction(value) * 10**scale
        assert scaled.denominator != 1 or abs(scaled) >= 10 ** (precision + scale)
    else:
        assert Fraction(got) == Fraction(value)
        assert got.copy_abs() < 10**precision


@pytest.mark.parametrize(
    ("value", "rounding", "expected"),
    [
        ("0.0000005", "half_even", "0.000000"),
        ("0.0000015", "half_even", "0.000002"),
        ("0.0000005", "half_up", "0.000001"),
        ("-0.0000005", "half_even", "0.000000"),
        ("-0.0000005", "half_up", "-0.000001"),
        ("-0", None, "0.000000"),
        ("999999999999.9999994", "half_even", "999999999999.999999"),
    ],
)
def test_halves_and_zero_print_one_way(value, rounding, expected):
    assert str(number.to_scale(Decimal(value), 18, 6, rounding)) == expected
    assert str(number.to_scale(Fraction(value), 18, 6, rounding)) == expected


@pytest.mark.parametrize(
    "value", [Decimal("999999999999.9999995"), Decimal("1e12"), Decimal("-1e12"), Fraction(10**12), 10**12]
)
def test_value_that_is_too_large_after_rounding_is_refused(value):
    with pytest.raises(ArithmeticError):
        number.to_scale(value, 18, 6, "half_even")


@pytest.mark.parametrize(
    "text", ["", "-", ".5", "5.", "1e5", "１", "1_000", " 1", "NaN", "Infinity", "0x1", "1,5", "9" * 101]
)
def test_text_that_is_not_plainly_a_number_is_none(text):
    with pytest.raises(ArithmeticError):
        number.parse_decimal(text)


@given(DECIMALS)
def test_number_text_is_read_back_as_the_same_number(value):
    text = number.number_text(value)
    assert number.parse_decimal(text) == value
    assert "E" not in text
    assert text.lstrip("0.") != "-"

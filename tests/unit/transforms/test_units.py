"""Exact conversion between units, and what has none."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.errors import Refused
from transforms.load import load
from transforms.model import Label, Unit
from transforms.vocabulary.unit_names import REMEMBERED, UnitNames

DICTIONARY = load()
UNITS = DICTIONARY.units
FIXED = sorted(code for code, unit in UNITS.items() if unit.factor is not None)
VALUES = st.decimals("-1000000", "1000000", places=6)


@pytest.fixture(scope="module")
def names():
    return UnitNames(UNITS, DICTIONARY.sources["erp"].unit_aliases)


# International System: the inch is 25.4 mm exactly, the rest are powers of ten.
@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        ("1", "in", "MMT", "254/10"),
        ("25.4", "毫米", "英寸", "1"),
        ("1", "m", "cm", "100"),
        ("2.5", "kg", "g", "2500"),
        ("1", "mL", "L", "1/1000"),
        ("3", "PCS", "个", "3"),
        ("7", "盒", "XBX", "7"),
        ("1", "mm", "INH", "5/127"),
    ],
)
def test_conversion_is_exact(names, value, source, target, expected):
    assert Fraction(names.convert(Decimal(value), source, target)) == Fraction(expected)


def test_conversion_there_and_back_is_the_same_value(names):
    @given(VALUES, st.sampled_from(FIXED), st.sampled_from(FIXED))
    def holds(value, source, target):
        if UNITS[source].counted:
            value = value.to_integral_value()
        if UNITS[source].dimension == UNITS[target].dimension:
            there = names.convert(value, source, target)
            assert Fraction(names.convert(there, target, source)) == Fraction(value)

    holds()


# Twice: the second time the pair of names is known.
@pytest.mark.parametrize("time", [1, 2])
def test_what_is_counted_comes_in_whole_numbers(names, time):
    for _ in range(time):
        assert names.convert(Decimal("3.0"), "PCS", "个") == 3
        assert names.convert(Decimal("2.5"), "盒", "个", lambda: 10) == 25
        assert names.convert(Decimal("2.5"), "kg", "g") == 2500
        for value, one, other, content in (
            ("2.5", "个", "个", None),
            ("0.5", "PCS", "H87", None),
            ("2.5", "盒", "盒", None),
            ("2.5", "盒", "个", 9),
            ("1e-30", "个", "C62", None),
        ):
            with pytest.raises(Refused, match=r"UOM-203 .+ is counted, and this is not a whole number of them"):
                names.convert(Decimal(value), one, other, lambda content=content: content)


def test_whole_numbers_may_be_long(names):
    assert names.convert(Decimal("1" + "0" * 60), "PCS", "个") == 10**60


def unit(code: str, factor: str, offset: str) -> Unit:
    return Unit(code, code, "temperature", Label(code, code), Fraction(factor), Fraction(offset))


TEMPERATURES = UnitNames(
    {"KEL": unit("KEL", "1", "0"), "CEL": unit("CEL", "1", "273.15"), "FAH": unit("FAH", "5/9", "459.67")}, {}
)


# The scales of temperature by their definitions: 0 °C is 273.15 K, 32 °F is 0 °C, and -40 is both.
@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        ("0", "CEL", "KEL", "273.15"),
        ("32", "FAH", "CEL", "0"),
        ("212", "FAH", "CEL", "100"),
        ("-40", "CEL", "FAH", "-40"),
        ("98.6", "FAH", "CEL", "37"),
        ("0", "KEL", "FAH", "-459.67"),
    ],
)
def test_a_unit_may_have_another_zero(value, source, target, expected):
    assert TEMPERATURES.convert(Decimal(value), source, target) == Fraction(expected)


def test_what_packaging_holds_is_said_by_the_row(names):
    assert names.convert(Decimal(3), "盒", "个", lambda: 10) == 30
    assert names.convert(Decimal(3), "个", "个", lambda: 10) == 3
    assert names.convert(Decimal(3), "kg", "g", lambda: 10) == 3000
    for unknown in (None, 0, -1):
        with pytest.raises(Refused, match="UOM-201"):
            names.convert(Decimal(3), "盒", "个", lambda content=unknown: content)


@pytest.mark.parametrize(
    ("source", "target", "code"),
    [
        ("盒", "个", "UOM-201"),
        ("个", "盒", "UOM-201"),
        ("盒", "kg", "UOM-201"),
        ("kg", "m", "UOM-203"),
        ("个", "kg", "UOM-203"),
        ("托", "个", "UOM-202"),
        ("个", "托", "UOM-202"),
        (None, "个", "UOM-202"),
        ("个", None, "UOM-202"),
        (None, None, "UOM-202"),
        ("托", "托", "UOM-202"),
    ],
)
def test_what_cannot_be_converted_is_refused(names, source, target, code):
    with pytest.raises(Refused) as caught:
        names.convert(Decimal(1), source, target)
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["kg", "KG", " Kg　", "KGM", "kgm", "千克"])
def test_case_and_blanks_of_a_name_do_not_matter(names, name):
    assert names.code(name) == "KGM"


def test_every_dimension_has_one_base_unit():
    dimensions = {unit.dimension for unit in UNITS.values() if unit.factor is not None}
    for dimension in dimensions:
        assert [unit.code for unit in UNITS.values() if unit.dimension == dimension and unit.factor == 1]


@given(st.sampled_from(FIXED), st.sampled_from(FIXED), st.decimals(-(10**60), 10**60, places=40))
def test_decimals_are_as_exact_as_fractions(source, target, value):
    one, other = UNITS[source], UNITS[target]
    names = UnitNames(UNITS, {})
    if one.dimension == other.dimension and not (one.offset or other.offset):
        exact = Fraction(value) * one.factor / other.factor
        if other.counted and exact.denominator != 1:
            return
        # Twice: the second time the pair of names is known.
        assert [Fraction(names.convert(value, source, target)) for _ in range(2)] == [exact, exact]


def test_spellings_without_number_are_forgotten():
    names = UnitNames(UNITS, {})
    for blanks in range(2 * REMEMBERED):
        assert names.convert(Decimal(2), " " * blanks + "INH", "MMT") == Decimal("50.8")
    assert len(names._scales) <= REMEMBERED

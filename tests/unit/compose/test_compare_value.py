from __future__ import annotations

from fractions import Fraction

import pytest

from compose.compare import value
from compose.compare.value import Held


@pytest.mark.parametrize(
    ("quantity", "source", "target", "expected"),
    [
        ("500.0000000000", "克", "千克", "0.500000"),
        ("1", "英寸", "mm", "25.400000"),
        ("3", "㎜", "m", "0.003000"),
        ("2", "盒", " 盒 ", "2.000000"),
        ("0.0000005", "千克", "kg", "0.000000"),
        ("0.0000015", "千克", "kg", "0.000002"),
        ("-0.0000001", "米", "M", "0.000000"),
        ("999999999999.999999", "米", "米", "999999999999.999999"),
        ("3.000", "个", "PCS", "3.000000"),
    ],
)
def test_quantities_are_converted_exactly_and_rounded_half_to_even(
    quantity: str, source: str, target: str, expected: str
) -> None:
    assert value.number(value.converted(quantity, source, target)) == expected


@pytest.mark.parametrize(
    ("quantity", "source", "target", "code"),
    [
        ("1", "盒", "个", "UOM-201"),
        ("1", "托", "个", "UOM-202"),
        ("1", None, "个", "UOM-202"),
        ("1", "米", "升", "UOM-203"),
        ("2.5", "个", "PCS", "UOM-203"),
        ("2.5", "盒", "盒", "UOM-203"),
        ("1000000000000", "个", "个", "NUM-101"),
    ],
)
def test_a_quantity_that_cannot_be_converted_is_held(quantity: str, source: str | None, target: str, code: str) -> None:
    with pytest.raises(Held, match=code):
        value.number(value.converted(quantity, source, target))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [("6901234567892", "06901234567892"), ("96385074", "00000096385074"), (" / ", None), (None, None)],
)
def test_a_gtin_is_kept_with_fourteen_digits(raw: str | None, expected: str | None) -> None:
    assert value.gtin(raw) == expected


@pytest.mark.parametrize(
    ("raw", "code"), [("6901234567893", "UDI-101"), ("690123456789X", "UDI-102"), ("1", "UDI-102")]
)
def test_a_gtin_that_is_none_is_held(raw: str, code: str) -> None:
    with pytest.raises(Held, match=code):
        value.gtin(raw)


@pytest.mark.parametrize("raw", ["批号1", "L#1", "A" * 21])
def test_a_lot_outside_gs1_is_held(raw: str) -> None:
    with pytest.raises(Held, match="LOT-101"):
        value.lot(raw)


def test_a_local_time_is_placed_in_its_zone() -> None:
    assert value.instant("2026-01-01 07:30:00", "Asia/Shanghai") == "2025-12-31 23:30:00+00"


def test_blanks_of_either_width_and_null_tokens_are_nothing() -> None:
    assert [value.clean(raw) for raw in ("\u3000 a \u3000", "无", " N/A ", "-", "")] == ["a", None, None, None, None]


def test_a_number_is_rounded_from_the_exact_fraction() -> None:
    assert value.number(Fraction(1, 3)) == "0.333333"

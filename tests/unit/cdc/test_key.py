from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc.key import is_loose, spelling, text_template


@pytest.mark.parametrize(
    ("mirror_type", "text", "one"),
    [
        ("numeric", "1.00", "1"),
        ("numeric", "1000.0", "1000"),
        ("numeric", "1E+3", "1000"),
        ("numeric", "-0.0", "0"),
        ("numeric", "0E-10", "0"),
        ("numeric", "-1.50", "-1.5"),
        ("numeric", "NaN", "NaN"),
        ("numeric", "-Infinity", "-Infinity"),
        ("double precision", "-0.0", "0.0"),
        ("double precision", "1e-07", "1e-07"),
        ("real", "-0.0", "0.0"),
    ],
)
def test_a_key_has_one_spelling(mirror_type: str, text: str, one: str) -> None:
    spell = spelling(mirror_type)
    assert spell is not None
    assert spell(text) == one


@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(0, 5))
def test_a_numeric_of_more_zeros_is_the_same_key_and_no_other_is(number: Decimal, zeros: int) -> None:
    spell = spelling("numeric")
    assert spell is not None
    text = format(number, "f")
    longer = text + ("" if "." in text else ".") + "0" * zeros
    assert spell(longer) == spell(text) == spell(str(number))
    assert Decimal(spell(text)) == number


def test_other_types_have_one_spelling_or_are_no_keys() -> None:
    for mirror_type in ("integer", "numeric(10,2)", "text", "character(5)", "timestamp with time zone"):
        assert spelling(mirror_type) is None
        assert text_template(mirror_type) == "{}::text"
        assert not is_loose(mirror_type)
    assert all(map(is_loose, ("interval", "jsonb", "numrange", "numeric[]", "double precision[]", "interval[]")))
    assert not is_loose("integer[]")

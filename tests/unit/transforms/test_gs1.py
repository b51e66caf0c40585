"""GTIN vectors and the character set of lots and serials."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.errors import Refused
from transforms.value.gs1 import check_digit, is_character_set_82, to_gtin14

# Published examples: GS1 General Specifications, GUDID samples, the usual textbook codes.
VECTORS = [
    ("6901234567892", "06901234567892"),
    ("51022222233336", "51022222233336"),
    ("4006381333931", "04006381333931"),
    ("9780306406157", "09780306406157"),
    ("036000291452", "00036000291452"),
    ("614141000036", "00614141000036"),
    ("96385074", "00000096385074"),
    ("73513537", "00000073513537"),
    ("10614141000415", "10614141000415"),
    ("00614141000036", "00614141000036"),
]


@pytest.mark.parametrize(("text", "gtin"), VECTORS)
def test_gtin_is_stored_as_14_digits(text, gtin):
    assert to_gtin14(text) == gtin


@pytest.mark.parametrize(("payload", "digit"), [("690123456789", "2"), ("5102222223333", "6"), ("0" * 13, "0")])
def test_check_digit(payload, digit):
    assert check_digit(payload) == digit


@given(st.sampled_from([text for text, _ in VECTORS]), st.data())
def test_one_wrong_digit_is_always_noticed(text, data):
    place = data.draw(st.integers(0, len(text) - 1))
    digit = data.draw(st.sampled_from(sorted(set("0123456789") - {text[place]})))
    with pytest.raises(Refused, match="UDI-101"):
        to_gtin14(text[:place] + digit + text[place + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "690123456789",
        "69012345678921",
        "690123456789X",
        "6901234567892 ",
        "６９０１２３４５６７８９２",
        "1234567",
        "+A99912345",
        "123456789",
        "1234567890",
        "12345678901",
        "123456789012345",
        "6901234567892\n",
    ],
)
def test_what_is_no_gtin_is_refused(text):
    with pytest.raises(Refused) as caught:
        to_gtin14(text)
    # The two of a GTIN's length fail by their check digit.
    assert caught.value.code == ("UDI-101" if text in ("690123456789", "69012345678921") else "UDI-102")


def test_character_set_82_has_82_characters():
    allowed = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000 and is_character_set_82(chr(code))]
    assert "".join(allowed) == ("!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
    assert len(allowed) == 82


@pytest.mark.parametrize("text", ["26A#1", "26A 1", "批1", "２６A", "26A\x1d1", "26A\n", "a~b", "a^b", "a|b", "a@b"])
def test_lot_outside_the_set_is_noticed(text):
    assert not is_character_set_82(text)

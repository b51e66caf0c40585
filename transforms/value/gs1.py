"""GS1 identifiers: GTIN with its check digit, and the characters that lot and serial numbers may have."""

from __future__ import annotations

import re
from functools import lru_cache

from transforms import refusal
from transforms.errors import Refused

GTIN_LENGTH = 14
_ZERO = ord("0")
_GTIN = re.compile(r"[0-9]{8}|[0-9]{12,14}")

# GS1 General Specifications, "GS1 AI encodable character set 82".
_CHARACTER_SET_82 = re.compile(r"""[!"%&'()*+,\-./0-9:;<=>?A-Z_a-z]*""")


def is_character_set_82(text: str) -> bool:
    """Tell whether `text` can stand in a GS1 element string."""
    return _CHARACTER_SET_82.fullmatch(text) is not None


@lru_cache(maxsize=8192)  # there are as many as materials, and every row names one
def to_gtin14(text: str) -> str:
    """Return a GTIN-8, -12, -13 or -14 as 14 digits; refuse what is none, or has a wrong check digit."""
    if not _GTIN.fullmatch(text):
        raise Refused(refusal.GTIN_SHAPE, detail="not 8, 12, 13 or 14 digits")
    digits = text.rjust(GTIN_LENGTH, "0")
    if check_digit(digits[:-1]) != digits[-1]:
        raise Refused(refusal.GTIN_CHECK_DIGIT, detail="the last digit does not fit the others")
    return digits


def check_digit(payload: str) -> str:
    """Return the digit that completes `payload`: weights 3, 1, 3, 1 from the right, modulo 10."""
    codes = payload.encode("ascii")  # of which sum() is faster than of digits
    by_three, by_one = codes[::-2], codes[-2::-2]
    return str((_ZERO * (3 * len(by_three) + len(by_one)) - 3 * sum(by_three) - sum(by_one)) % 10)

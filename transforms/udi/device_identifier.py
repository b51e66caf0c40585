"""The UDI-DI as canonical tables hold it, of each agency whose labels are read into parts."""

from __future__ import annotations

import re

from transforms.errors import Refused
from transforms.value.gs1 import GTIN_LENGTH, to_gtin14

HIBCC = re.compile(r"[A-Z][0-9A-Z]{3}[0-9A-Z]{1,18}[0-9]")  # labeler, product, unit
MA = re.compile(r"MA\.156\.M0\.[0-9A-Z]{6}\.[0-9][0-9A-Za-z]{7}")


def is_device_identifier(text: str) -> bool:
    """Tell whether `text` is a GTIN of 14 digits with its check digit, a HIBCC or an MA device identifier."""
    if HIBCC.fullmatch(text) or MA.fullmatch(text):
        return True
    try:
        return len(text) == GTIN_LENGTH and to_gtin14(text) == text
    except Refused:
        return False

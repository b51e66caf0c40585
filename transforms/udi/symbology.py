"""What a scanner puts before the data: `]`, the letter of the symbology, its mode (ISO/IEC 15424)."""

from __future__ import annotations

import re

# Those modes say by themselves that the data are GS1 element strings: GS1-128, DataBar, DataMatrix, QR, DotCode.
GS1 = ("]C1", "]e0", "]d2", "]Q3", "]J1")
_ANY = re.compile(r"\][A-Za-z][0-9A-Za-z]")


def split_symbology(text: str) -> tuple[str, str]:
    """Return the symbology identifier ("" if there is none) and the data."""
    if _ANY.match(text):
        return text[:3], text[3:]
    return "", text

"""GS1 application identifiers: which one a text begins with, and what its data look like. biip has the table.

Of biip only the table is used: its readers take the century from the clock, keep a GTIN whose check digit is wrong, and
cut data that are too long.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from biip import ParseError
from biip.gs1_application_identifiers import GS1ApplicationIdentifier

from transforms import refusal
from transforms.errors import Refused

LONGEST = 4


@dataclass(frozen=True, slots=True)
class Identifier:
    """`ai`: two to four digits. `ends`: its data end at FNC1 or the text's end, else by length. `data`: their form."""

    ai: str
    ends: bool
    data: re.Pattern[str]


def identifier_at(text: str, start: int = 0) -> Identifier:
    """Return the identifier that stands at `start`; UDI-104 if none does."""
    return _find(text[start : start + LONGEST])


@lru_cache(maxsize=4096)
def _find(beginning: str) -> Identifier:
    try:
        found = GS1ApplicationIdentifier.extract(beginning)
    except ParseError:
        raise Refused(refusal.UDI_ELEMENT, detail="no GS1 application identifier where one must stand") from None
    # re.ASCII: to Python full-width digits are \d too.
    pattern = found.pattern.removeprefix(f"^{found.ai}").removesuffix("$")
    return Identifier(found.ai, found.separator_required, re.compile(pattern, re.ASCII))

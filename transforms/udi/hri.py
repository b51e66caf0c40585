"""GS1 human readable interpretation: identifiers in parentheses, blanks between elements for the eye.

A parenthesis may also be data: `(10)A(21)B)` is lot `A` and serial `B)`, or the lot `A(21)B)`. A label with one that
belongs to no identifier is refused.
"""

from __future__ import annotations

import re

from transforms import refusal
from transforms.errors import Refused
from transforms.udi.element_string import Elements, checked_data
from transforms.udi.identifier import identifier_at
from transforms.value.text import BLANKS

_IDENTIFIER = re.compile(r"\(([0-9]{2,4})\)")


def read_hri(text: str) -> Elements:
    """Return (identifier, data) as they stand; UDI-106 for a stray parenthesis, UDI-104 for what is no element."""
    beginning, *parts = _IDENTIFIER.split(text)
    if beginning or not parts:
        raise Refused(refusal.UDI_AMBIGUOUS, detail="a parenthesis that belongs to no identifier")
    return [_element(ai, data.strip(BLANKS)) for ai, data in zip(parts[::2], parts[1::2], strict=True)]


def _element(ai: str, data: str) -> tuple[str, str]:
    found = identifier_at(ai)
    if found.ai != ai:
        raise Refused(refusal.UDI_ELEMENT, detail="no GS1 application identifier in parentheses")
    if "(" in data or ")" in data:
        raise Refused(refusal.UDI_AMBIGUOUS, detail="a parenthesis that belongs to no identifier")
    if "<GS>" in data:  # the one spelling of the separator that could be data
        raise Refused(refusal.UDI_AMBIGUOUS, detail="a separator between identifiers in parentheses")
    return ai, checked_data(found, data)

"""GS1 element strings as they are scanned: identifier, data, identifier, data; FNC1 after data of no fixed length."""

from __future__ import annotations

from transforms import refusal
from transforms.errors import Refused
from transforms.udi.identifier import Identifier, identifier_at
from transforms.udi.separator import split_elements

Elements = list[tuple[str, str]]


def read_element_strings(text: str) -> tuple[Elements, bool]:
    """Return (identifier, data) as they stand, and whether separators were kept; UDI-104 for what is none."""
    parts, separated = split_elements(text)
    elements = [element for part in parts for element in read_part(part)]
    if not elements:
        raise Refused(refusal.UDI_ELEMENT, detail="separators and nothing else")
    return elements, separated


def read_part(part: str) -> Elements:
    """Return the elements of a text without separators."""
    elements, position = [], 0
    while position < len(part):
        found = identifier_at(part, position)
        position += len(found.ai)
        data = _data_at(found, part, position)
        elements.append((found.ai, data))
        position += len(data)
    return elements


def _data_at(found: Identifier, part: str, start: int) -> str:
    match = found.data.fullmatch(part, start) if found.ends else found.data.match(part, start)
    return checked_data(found, match.group() if match else "")


def checked_data(found: Identifier, data: str) -> str:
    """Return `data` if they are what `found` takes; UDI-104 for none, too many, or a character that is not allowed."""
    if not data or not found.data.fullmatch(data):
        detail = f"the data of ({found.ai}) are missing, too long, or have a character that GS1 does not allow"
        raise Refused(refusal.UDI_ELEMENT, detail=detail)
    return data

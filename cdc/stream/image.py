"""The image of a row as it stands in an envelope: a JSON object with one value per column.

JSON lets a name stand twice, and readers take the last one in silence; which of the two the source has, nobody can
tell. Numbers with a point or an exponent are kept as they are spelled: as floats they would be rounded, and some are
too large, or too small, to be one.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec

_NAME_ENDS = b'":'
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def read_image(image: bytes) -> dict[str, Any]:
    """Return the values by name. Raises ValueError for anything else than an object with each name once."""
    try:
        values = _decode(image)
        if not isinstance(values, dict):
            raise ValueError("not an object")
        if image.count(_NAME_ENDS) != len(values):  # a quote inside a text, an object inside the object, or blanks
            json.loads(image, object_pairs_hook=_require_each_once, parse_float=str)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError("not JSON") from error
    return values


def has_names(image: bytes, count: int) -> bool:
    """Tell whether an image has `count` names for sure; none of them may end with a backslash.

    It takes JSON as JsonConverter writes it, without blanks; quotes inside a text are escaped there. A text that begins
    with a colon is one thing that leaves it unsure.
    """
    found = image.count(_NAME_ENDS)
    return found == count or found - image.count(b"\\" + _NAME_ENDS) == count


def _require_each_once(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name stands twice")

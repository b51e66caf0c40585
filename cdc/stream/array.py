"""PostgreSQL's arrays: a JSON list to an array literal, and what stands for an array that the log left out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from cdc.capture.types import PLACEHOLDER
from cdc.change import UNCHANGED
from cdc.stream.misfit import Misfit

_JAVA_ARRAY = re.compile(r"\[+(L[\w.$]+;|[A-Z])@[0-9a-f]{1,8}")
_PLACEHOLDER_BYTES = list(PLACEHOLDER.encode())
# Java's UUID.nameUUIDFromBytes of the placeholder: MD5 without a namespace.
_PLACEHOLDER_UUID = str(UUID(bytes=hashlib.md5(PLACEHOLDER.encode(), usedforsecurity=False).digest(), version=3))
# Arrays of numbers are left out as the numbers of the placeholder's bytes; dates are sent as numbers, too.
_NUMBERS = frozenset({"int", "date"})


def array_of(element: str, decode: Callable[[Any], Any], value: Any) -> Any:
    """Return the literal of a list whose elements are of the decoder `element`, which is `decode`."""
    if not isinstance(value, list):
        raise Misfit
    if _is_left_out(element, value):
        return UNCHANGED
    if value and all(_is_inner_array(item) for item in value):
        raise Misfit
    return "{" + ",".join("NULL" if item is None else _quoted(decode(item)) for item in value) + "}"


def _is_inner_array(item: Any) -> bool:
    """Tell what an array inside an array arrives as: NULL, or Java's name of the object where it should be text.

    PostgreSQL lets any array column hold several dimensions. A true array of nothing but NULLs is refused with them.
    """
    return item is None or (isinstance(item, str) and _JAVA_ARRAY.fullmatch(item) is not None)


def _is_left_out(element: str, value: list[Any]) -> bool:
    if element in _NUMBERS:
        return value == _PLACEHOLDER_BYTES
    return len(value) == 1 and value[0] in (PLACEHOLDER, _PLACEHOLDER_UUID)


def _quoted(item: Any) -> str:
    if item is UNCHANGED:
        raise Misfit  # an element is the placeholder's text by chance
    text = str(item).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'

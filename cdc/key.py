"""Keys as text: one spelling for whatever a type takes for one value.

PostgreSQL takes 1.0 and 1.00 for one number, and 0 and -0; a source's unique key does so, too, and lets a row change
from one into the other. As text they are two keys. So the text of a key has no zeros at the end of a numeric and no
negative zero, wherever it is written or compared; the mirror's column keeps the value as it is spelled in the source.
Types with more spellings than that (a day is 24 hours, but one of them moves with the clock) are refused as keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

Spelling = Callable[[str], str]


def text_template(mirror_type: str) -> str:
    """Return the SQL of a key column's text; `{}` stands for the value, once."""
    return _TEMPLATES.get(mirror_type, "{}::text")


def spelling(mirror_type: str) -> Spelling | None:
    """Return what brings a decoded value of a key to its one spelling; None where there is but one."""
    return _SPELLINGS.get(mirror_type)


def is_loose(mirror_type: str) -> bool:
    """Tell whether a type takes several texts for one value, in ways that nothing here brings to one."""
    element = mirror_type.removesuffix("[]")
    return element in _LOOSE or (element != mirror_type and element in _SPELLINGS)


def _of_numeric(text: str) -> str:
    number = Decimal(text)
    if not number.is_finite():
        return text
    whole, _, fraction = format(number, "f").partition(".")
    return "0" if not number else ".".join(filter(None, (whole, fraction.rstrip("0"))))


def _of_float(text: str) -> str:
    return "0.0" if text == "-0.0" else text


_TEMPLATES: Final[Mapping[str, str]] = {
    "numeric": "trim_scale({})::text",
    "double precision": "({} + 0)::text",
    "real": "({} + 0::real)::text",
}
_SPELLINGS: Final[Mapping[str, Spelling]] = {
    "numeric": _of_numeric,
    "double precision": _of_float,
    "real": _of_float,
}
_LOOSE: Final = frozenset({"interval", "jsonb", "numrange", "nummultirange"})

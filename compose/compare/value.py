"""The dictionary's words, a second time: clean text, codes, units, lots, GTINs, numbers, dates.

Every function takes and returns text as PostgreSQL prints it (None is NULL) and raises `Held` with the code that the
dictionary promises. Nothing here is shared with `transforms`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

Text = str | None

_BLANKS = " \t\r\n\u3000"
_NULL_TOKENS = frozenset({"", "-", "/", "N/A", "无"})
_GS1_SET_82 = frozenset(
    "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"  # GS1 General Specifications
)
_GTIN_LENGTHS = (8, 12, 13, 14)

# There is no part of one of these.
_COUNTED = frozenset({"C62", "XBX", "XCT"})
# unit code -> (dimension, factor to the dimension's base unit); None: packaging, how much it holds is not fixed
_UNITS: Mapping[str, tuple[str, Fraction | None]] = {
    "C62": ("count", Fraction(1)),
    "XBX": ("count", None),
    "XCT": ("count", None),
    "KGM": ("mass", Fraction(1)),
    "GRM": ("mass", Fraction(1, 1000)),
    "MTR": ("length", Fraction(1)),
    "CMT": ("length", Fraction(1, 100)),
    "MMT": ("length", Fraction(1, 1000)),
    "INH": ("length", Fraction(254, 10000)),
    "LTR": ("volume", Fraction(1)),
    "MLT": ("volume", Fraction(1, 1000)),
}
_UNIT_ALIASES = {
    "个": "C62",
    "PCS": "C62",
    "EA": "C62",
    "盒": "XBX",
    "箱": "XCT",
    "千克": "KGM",
    "KG": "KGM",
    "克": "GRM",
    "G": "GRM",
    "米": "MTR",
    "M": "MTR",
    "厘米": "CMT",
    "CM": "CMT",
    "毫米": "MMT",
    "MM": "MMT",
    "㎜": "MMT",
    "英寸": "INH",
    "IN": "INH",
    "升": "LTR",
    "L": "LTR",
    "毫升": "MLT",
    "ML": "MLT",
    **{code: code for code in _UNITS},
}


class Held(Exception):
    """The row is held; the message is the code."""


def clean(value: Text) -> Text:
    """Trim blanks; what a source writes for "none" is NULL."""
    text = (value or "").strip(_BLANKS)
    return None if text in _NULL_TOKENS else text


def as_is(value: Text) -> Text:
    """Keep blanks; what a source writes for "none" is NULL."""
    return None if clean(value) is None else value


def required(value: Text) -> str:
    """Refuse NULL."""
    if value is None:
        raise Held("REQ-101")
    return value


def limited(value: Text, length: int) -> Text:
    """Refuse text that is too long for its column."""
    if value is not None and len(value) > length:
        raise Held("TXT-101")
    return value


def code(value: Text, codes: Mapping[str, str]) -> Text:
    """Translate a source's code."""
    text = clean(value)
    if text is None:
        return None
    try:
        return codes[text.upper()]
    except KeyError:
        raise Held("COD-201") from None


def flag(value: Text) -> Text:
    """Translate 0 and 1."""
    return code(value, {"0": "f", "1": "t"})


def lot(value: Text) -> Text:
    """Lot or serial number as GS1 allows it."""
    text = clean(value)
    if text is not None and (len(text) > 20 or not _GS1_SET_82.issuperset(text)):
        raise Held("LOT-101")
    return text


def gtin(value: Text) -> Text:
    """GTIN-8, -12, -13 or -14 with its check digit, as GTIN-14."""
    text = clean(value)
    if text is None:
        return None
    if len(text) not in _GTIN_LENGTHS or not (text.isascii() and text.isdigit()):
        raise Held("UDI-102")
    digits = [int(character) for character in text.rjust(14, "0")]
    if sum(digit * (3, 1)[place % 2] for place, digit in enumerate(digits)) % 10 != 0:
        raise Held("UDI-101")
    return text.rjust(14, "0")


def unit(name: Text) -> Text:
    """Translate a unit's name to its code."""
    text = clean(name)
    if text is None:
        return None
    if text.upper() not in _UNIT_ALIASES:
        raise Held("UOM-202")
    return _UNIT_ALIASES[text.upper()]


def converted(quantity: Text, from_name: Text, to_name: Text, content: Text = None) -> Fraction | None:
    """Convert exactly; a quantity without a unit is one whose unit is not known.

    `content` is how many of the second unit a package holds, where the first one is a package.
    """
    if quantity is None:
        return None
    source, target = unit(from_name), unit(to_name)
    if source is None or target is None:
        raise Held("UOM-202")
    found = Fraction(quantity) if source == target else _between(Fraction(quantity), source, target, content)
    if target in _COUNTED and found.denominator != 1:
        raise Held("UOM-203")
    return found


def _between(quantity: Fraction, source: str, target: str, content: Text) -> Fraction:
    (source_dimension, source_factor), (target_dimension, target_factor) = _UNITS[source], _UNITS[target]
    if source_factor is None and content is not None:
        return quantity * Fraction(content)
    if source_factor is None or target_factor is None:
        raise Held("UOM-201")
    if source_dimension != target_dimension:
        raise Held("UOM-203")
    return quantity * source_factor / target_factor


def number(value: Fraction | None, precision: int = 18, scale: int = 6) -> Text:
    """Round half to even, refuse what is too large."""
    if value is None:
        return None
    scaled = round(value * 10**scale)
    if abs(scaled) >= 10**precision:
        raise Held("NUM-101")
    return f"{Decimal(scaled).scaleb(-scale):f}"


def decimal(value: Text) -> Text:
    """Take over a decimal as it is."""
    return number(None if value is None else Fraction(value))


def day(value: Text) -> Text:
    """Return the date part of `YYYY-MM-DD[ time]`."""
    return None if value is None else value[:10]


def instant(value: Text, zone: str) -> Text:
    """Place a naive local time in its zone; as PostgreSQL prints it with TimeZone UTC."""
    if value is None:
        return None
    moment = datetime.fromisoformat(value).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction}+00"


def check_dates(manufactured: Text, expires: Text) -> None:
    """Refuse goods that expired before they were made."""
    if manufactured is not None and expires is not None and expires <= manufactured:
        raise Held("DAT-101")


def check_order(earlier: Text, later: Text) -> None:
    """Refuse what ended before it began; both as PostgreSQL prints them with TimeZone UTC."""
    if earlier is not None and later is not None and later < earlier:
        raise Held("DAT-101")


_MEASURED = re.compile(r"(<=|>=|[<>=~≤≥])? *(-?\d+(?:\.\d+)?)(?: *± *(\d+(?:\.\d+)?))?")
_COMPARATORS = {None: "=", "≤": "<=", "≥": ">="}


def measured(text: Text) -> tuple[Fraction | None, Text, Fraction | None]:
    """Read a measured value as it was typed in: value, comparator, tolerance; none of them for a word."""
    entered = clean(text)
    if entered is None or not any(character.isdigit() for character in entered):
        return None, None, None
    match = _MEASURED.fullmatch(re.sub(r",(?=\d{3})", "", entered))
    if match is None:
        raise Held("NUM-101")
    sign, value, tolerance = match.groups()
    return Fraction(value), _COMPARATORS.get(sign, sign), Fraction(tolerance) if tolerance else None

"""Parts of a device's label (UDI), as functions of its text.

A text of blanks is no label: NULL, like a part that the label does not have. Parts of a label that is kept whole (ISBT
128, AHM) are refused (UDI-111): the label may well have them. The century of a date comes from the row's own time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

from transforms import refusal
from transforms.errors import Refused
from transforms.udi import LabelDate, Udi, confirm, parse_udi
from transforms.value.text import BLANKS

# What reading a label refuses with, and asking for a part of it.
READING = (
    refusal.GTIN_CHECK_DIGIT,
    refusal.GTIN_SHAPE,
    refusal.UDI_UNKNOWN,
    refusal.UDI_ELEMENT,
    refusal.UDI_ASSOCIATION,
    refusal.UDI_AMBIGUOUS,
    refusal.UDI_HIBC,
    refusal.UDI_HIBC_CHECK,
    refusal.UDI_MA,
    refusal.UDI_DATE,
)
SPLITTING = (*READING, refusal.UDI_WHOLE)
CONFIRMING = (*READING, refusal.UDI_CONTRADICTION)


def agency(text: str) -> str | None:
    """Return who issued the label: GS1, HIBCC, MA, ICCBBA or AHM."""
    label = _read(text)
    return label.agency if label else None


def warning(text: str) -> str | None:
    """Return the label's warnings, joined by blanks; NULL if there is none."""
    label = _read(text)
    return " ".join(label.warnings) or None if label else None


def confirmed(text: str | None, lot: str | None, serial: str | None = None) -> str | None:
    """Return the label as the columns confirm it; a column that is NULL says nothing against it."""
    return confirm(text, lot, serial) if text and text.strip(BLANKS) else None


def device(text: str) -> str | None:
    """Return the UDI-DI."""
    label = _split(text)
    return label.di if label else None


def lot(text: str) -> str | None:
    """Return the lot number."""
    label = _split(text)
    return label.lot if label else None


def serial(text: str) -> str | None:
    """Return the serial number."""
    label = _split(text)
    return label.serial if label else None


def made(text: str, at: date) -> date | None:
    """Return the day of manufacture, as of `at`, a date, local time or instant."""
    return _day(text, at, lambda label: label.made)


def expiry(text: str, at: date) -> date | None:
    """Return the last day of use, as of `at`, a date, local time or instant."""
    return _day(text, at, lambda label: label.expiry)


def _day(text: str, at: date, part: Callable[[Udi], LabelDate | None]) -> date | None:
    label = _split(text)
    day = part(label) if label else None
    return day.on(_year(at)) if day else None


def _year(at: date) -> int:
    if not isinstance(at, datetime) or at.tzinfo is None:
        return at.year
    try:
        # An instant's year must not depend on the zone that a session shows it in.
        return at.astimezone(UTC).year
    except OverflowError:
        raise Refused(refusal.UDI_DATE, detail="read outside the years 1 to 9999") from None


def _split(text: str) -> Udi | None:
    label = _read(text)
    if label and label.whole:
        raise Refused(refusal.UDI_WHOLE, detail="a part of a label that is kept whole")
    return label


def _read(text: str) -> Udi | None:
    return parse_udi(text) if text.strip(BLANKS) else None

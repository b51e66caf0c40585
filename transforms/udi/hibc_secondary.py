"""HIBCC secondary and supplemental data: lot, serial, dates, quantity.

SECONDARY    $lot  $+serial  $$[quantity][date]lot  $$+[quantity][date]serial  YYJJJ lot
quantity     8 and 2 digits, 9 and 5 digits
date         MMYY (the month's last day), 2 MMDDYY, 3 YYMMDD, 4 YYMMDDHH, 5 YYJJJ, 6 YYJJJHH, 7 none
SUPPLEMENT   14D expiry, 16D made (YYYYMMDD), S serial, Q quantity
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import time
from typing import Any

from transforms import refusal
from transforms.errors import Refused
from transforms.udi.label_date import LabelDate, read_day_of_year, read_yymmdd, read_yyyymmdd

Facts = dict[str, Any]

_JULIAN = re.compile(r"([0-9]{5})(.*)")
_FLAGGED = re.compile(r"(\$\$\+|\$\$|\$\+|\$)(.*)")
_SUPPLEMENT = re.compile(r"(?P<name>14D|16D|S|Q)(?P<value>.*)")
_NUMBER = re.compile(r"[0-9A-Z.$+%-]{1,18}")
_QUANTITY = re.compile(r"[0-9]{1,5}")
_QUANTITY_SIZES = {"8": 2, "9": 5}


def read_secondary(text: str, facts: Facts) -> bool:
    """Add the facts of secondary data to `facts`; False if `text` is none. UDI-107, UDI-110."""
    julian, flagged = _JULIAN.fullmatch(text), _FLAGGED.fullmatch(text)
    if julian:
        add(facts, "expiry", _julian(julian[1]))
        _add_number(facts, "lot", julian[2])
    elif flagged:
        _read_flagged(flagged[1], flagged[2], facts)
    return bool(julian or flagged)


def read_supplement(text: str, facts: Facts) -> None:
    """Add the fact of supplemental data to `facts`; UDI-107 if `text` is none, UDI-110."""
    supplement = _SUPPLEMENT.fullmatch(text)
    if supplement is None:
        raise refused("neither secondary nor supplemental data")
    name, read = _SUPPLEMENTS[supplement["name"]]
    add(facts, name, read(supplement["value"]))


def add(facts: Facts, name: str, value: object) -> None:
    """Add one fact; UDI-107 if it is there already."""
    if name in facts:
        raise refused(f"two times {name}")
    facts[name] = value


def refused(detail: str) -> Refused:
    """Return the refusal of a HIBCC label that is not built as the standard says."""
    return Refused(refusal.UDI_HIBC, detail=detail)


def _read_flagged(flag: str, rest: str, facts: Facts) -> None:
    name = "serial" if flag.endswith("+") else "lot"
    if not flag.startswith("$$"):
        add(facts, name, _number(rest))
        return
    if not rest:
        raise refused("neither quantity nor date nor number")
    rest = _read_quantity(rest, facts)
    if rest:
        _add_number(facts, name, _read_date(rest, facts))


def _read_quantity(text: str, facts: Facts) -> str:
    """Add the quantity that `text` may begin with, and return what follows it."""
    size = _QUANTITY_SIZES.get(text[0])
    if size is None:
        return text
    add(facts, "quantity", int(_digits(text[1 : 1 + size], size)))
    return text[1 + size :]


def _read_date(text: str, facts: Facts) -> str:
    """Add the expiry that `text` begins with, and return what follows it."""
    if text[0] == "7":
        return text[1:]
    form = _DATES.get(text[0])
    if form is None:
        raise refused("no date where one must stand")
    start, size, read = form
    digits = _digits(text[start : start + size], size)
    add(facts, "expiry", read(digits))
    if text[0] in "46":
        add(facts, "expiry_time", _hour(digits[-2:]))
    return text[start + size :]


def _add_number(facts: Facts, name: str, text: str) -> None:
    if text:
        add(facts, name, _number(text))


def _number(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise refused("a lot or serial number that is empty, too long, or has a character that it cannot have")
    return text


def _quantity(text: str) -> int:
    if not _QUANTITY.fullmatch(text):
        raise refused("a quantity that is not one to five digits")
    return int(text)


def _digits(text: str, size: int) -> str:
    if len(text) != size or not text.isdecimal():
        raise refused("digits are missing")
    return text


def _hour(text: str) -> time:
    if text > "23":
        raise Refused(refusal.UDI_DATE, detail="an hour that no clock shows")
    return time(int(text))


def _month_year(text: str) -> LabelDate:
    return read_yymmdd(f"{text[2:]}{text[:2]}00", day_may_be_zero=True)


def _month_day_year(text: str) -> LabelDate:
    return read_yymmdd(f"{text[4:]}{text[:4]}")


def _julian(text: str) -> LabelDate:
    return read_day_of_year(text[:2], text[2:5])


# By the digit that says the form: where the date begins, its length, how it is read.
_DATES: dict[str, tuple[int, int, Callable[[str], LabelDate]]] = {
    "0": (0, 4, _month_year),
    "1": (0, 4, _month_year),
    "2": (1, 6, _month_day_year),
    "3": (1, 6, read_yymmdd),
    "4": (1, 8, lambda text: read_yymmdd(text[:6])),
    "5": (1, 5, _julian),
    "6": (1, 7, _julian),
}

_SUPPLEMENTS: dict[str, tuple[str, Callable[[str], object]]] = {
    "14D": ("expiry", read_yyyymmdd),
    "16D": ("made", read_yyyymmdd),
    "S": ("serial", _number),
    "Q": ("quantity", _quantity),
}

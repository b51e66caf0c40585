"""Dates of labels: two digits of the year, sometimes no day.

The century is a matter of when the label was read: of the source event, never of the clock, so that a replay in later
years gives the same dates (GS1 General Specifications 7.12: at most 49 years before and 50 after the year of reading).
The rule is GS1's; HIBCC and MA state none, and are read by it too.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from transforms import refusal
from transforms.errors import Refused

_LEAP_YEAR = 2000
_SHORT, _FULL = re.compile(r"[0-9]{6}"), re.compile(r"[0-9]{8}")


@dataclass(frozen=True, slots=True)
class LabelDate:
    """A date as a label has it. `year`: below 100 without its century. `day` 0 is the month's last day; with `month` 0
    it counts from 1 January (1 to 366)."""

    year: int
    month: int
    day: int

    def __post_init__(self) -> None:
        longest = calendar.monthrange(_LEAP_YEAR, self.month)[1] if 1 <= self.month <= 12 else 0
        of_year = self.month == 0 and 1 <= self.day <= 366
        if not of_year and not (longest and 0 <= self.day <= longest):
            raise Refused(refusal.UDI_DATE, detail="not a date of the calendar")

    def on(self, event_year: int) -> date:
        """Return the date as of an event in `event_year` (1 to 9999); UDI-110 for 29 February of a year without one."""
        year = full_year(self.year, event_year) if self.year < 100 else self.year
        try:
            if self.month == 0:
                day = date(year, 1, 1) + timedelta(days=self.day - 1)
                if day.year != year:
                    raise ValueError
                return day
            return date(year, self.month, self.day or calendar.monthrange(year, self.month)[1])
        except (ValueError, OverflowError):
            raise Refused(refusal.UDI_DATE, detail="not a date of the calendar") from None


def full_year(two_digits: int, event_year: int) -> int:
    """Return the year that ends in `two_digits` and is at most 49 years before and 50 after `event_year`."""
    current = event_year % 100
    century = event_year - current
    if two_digits - current >= 51:
        return century - 100 + two_digits
    if two_digits - current <= -50:
        return century + 100 + two_digits
    return century + two_digits


# Neighbouring labels have the same dates.
@lru_cache(maxsize=4096)
def read_yymmdd(text: str, *, day_may_be_zero: bool = False) -> LabelDate:
    """Return the date that `YYMMDD` names."""
    if not _SHORT.fullmatch(text):
        raise Refused(refusal.UDI_DATE, detail="a date is not six digits")
    return _with_day(LabelDate(int(text[:2]), _month(text[2:4]), int(text[4:])), day_may_be_zero=day_may_be_zero)


def read_yyyymmdd(text: str) -> LabelDate:
    """Return the date that `YYYYMMDD` names."""
    if not _FULL.fullmatch(text) or text < "1000":
        raise Refused(refusal.UDI_DATE, detail="a date is not eight digits")
    return _with_day(LabelDate(int(text[:4]), _month(text[4:6]), int(text[6:])), day_may_be_zero=False)


def read_day_of_year(year: str, day: str) -> LabelDate:
    """Return the date that two digits of the year and the day's number in it (001 to 366) name."""
    return LabelDate(int(year), 0, int(day))


def _month(text: str) -> int:
    # Month 00 is none; a LabelDate has it for days that are counted from 1 January.
    if text == "00":
        raise Refused(refusal.UDI_DATE, detail="month 00")
    return int(text)


def _with_day(day: LabelDate, *, day_may_be_zero: bool) -> LabelDate:
    if day.day == 0 and not day_may_be_zero:
        raise Refused(refusal.UDI_DATE, detail="day 00 where the standard has none")
    return day

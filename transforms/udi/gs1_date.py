"""The dates among GS1 elements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time

from transforms import refusal
from transforms.errors import Refused
from transforms.udi.label_date import LabelDate, read_yymmdd

_DATES = ("11", "12", "13", "15", "16", "17")
_EXPIRY_WITH_TIME, _MADE_WITH_TIME = "7003", "8008"


@dataclass(frozen=True, slots=True)
class Dates:
    """Made and expiry; `expiry_time` where (7003) has it."""

    made: LabelDate | None
    expiry: LabelDate | None
    expiry_time: time | None


def read_dates(found: Mapping[str, str]) -> Dates:
    """Return the dates, all of which must be of the calendar (UDI-110); UDI-105 where two contradict each other."""
    days = {ai: read_yymmdd(found[ai], day_may_be_zero=True) for ai in _DATES if ai in found}
    exact = {ai: read_yymmdd(found[ai][:6]) for ai in (_EXPIRY_WITH_TIME, _MADE_WITH_TIME) if ai in found}
    expiry_time = _clock(found[_EXPIRY_WITH_TIME][6:]) if _EXPIRY_WITH_TIME in found else None
    made = _one(days.get("11"), exact.get(_MADE_WITH_TIME))
    return Dates(made, _one(days.get("17"), exact.get(_EXPIRY_WITH_TIME)), expiry_time)


def _one(day: LabelDate | None, exact: LabelDate | None) -> LabelDate | None:
    if day and exact and day != exact:
        raise Refused(refusal.UDI_ASSOCIATION, detail="two dates for one thing")
    return day or exact


def _clock(hhmm: str) -> time:
    try:
        return time(int(hhmm[:2]), int(hhmm[2:]))
    except ValueError:
        raise Refused(refusal.UDI_DATE, detail="a time that no clock shows") from None

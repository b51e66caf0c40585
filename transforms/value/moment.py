"""Dates and times: parsing, zones, and refusing what no calendar or clock has."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from transforms import refusal
from transforms.errors import Refused

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?")


ZONES_ARE_NAMED = "zones are named as in the IANA database, like Asia/Shanghai"


@lru_cache(maxsize=1024)
def find_zone(name: str) -> ZoneInfo | None:
    """Return the time zone that the IANA database calls so, None if there is none of that name.

    Its rules are those of the `tzdata` package, whose version is pinned, and of nothing else: a machine has rules of
    its own, older or newer, and zones of its own (`localtime`). By them a row would have another instant elsewhere.
    """
    if name not in _zone_names():
        return None
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=name)


@cache
def _zone_names() -> frozenset[str]:
    listed = files("tzdata").joinpath("zones").read_text(encoding="utf-8")
    return frozenset(listed.split()) - {"Factory"}  # the zone of a machine that nobody has set one for


def localizer(zone: ZoneInfo) -> Callable[[datetime], datetime]:
    """Return the function from local time in `zone` to the instant; it refuses times that a clock change leaves out
    or shows twice, because nothing in the row says which one it was."""

    def localize(local: datetime) -> datetime:
        try:
            early = local.replace(tzinfo=zone, fold=0)
            if early.utcoffset() != early.replace(fold=1).utcoffset():
                raise Refused(refusal.TIME, detail=f"a local time that {zone.key} does not have exactly once")
            return early.astimezone(UTC)
        except OverflowError:
            raise Refused(refusal.TIME, detail="outside the years 1 to 9999") from None

    return localize


def parse_date(text: str) -> date:
    """Return the date that `YYYY-MM-DD` names."""
    if not _DATE.fullmatch(text):
        raise Refused(refusal.TIME, detail="not a date like 2026-01-31")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused(refusal.TIME, detail="not a day of the calendar") from None


def parse_timestamp(text: str) -> datetime:
    """Return the local time that `YYYY-MM-DD HH:MM:SS[.ffffff]` names."""
    if not _TIMESTAMP.fullmatch(text):
        raise Refused(refusal.TIME, detail="not a time like 2026-01-31 23:59:59")
    try:
        head, _, fraction = text.partition(".")
        return datetime.fromisoformat(head) + timedelta(microseconds=int(fraction.ljust(6, "0")) if fraction else 0)
    except ValueError:
        raise Refused(refusal.TIME, detail="not a time of the calendar") from None


def shift_months(day: date, months: int) -> date:
    """Return the date or local time `months` later, on the month's last day where it has no such day (as SQL does)."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    if not MINYEAR <= year <= MAXYEAR:
        raise Refused(refusal.TIME, detail="outside the years 1 to 9999")
    return day.replace(year=year, month=month + 1, day=min(day.day, monthrange(year, month + 1)[1]))


def shift_days(day: date, days: int) -> date:
    """Return the date or local time `days` later."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        raise Refused(refusal.TIME, detail="outside the years 1 to 9999") from None

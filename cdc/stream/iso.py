"""Dates and times that arrive as ISO 8601 text, up to nanoseconds (time.precision.mode=isostring).

SQL Server and Oracle keep more digits than PostgreSQL does: what is finer than a microsecond is refused (VAL-102). A
zoned time becomes the same moment in UTC. Written from the connectors' documentation and source; not run against a
database.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from cdc.stream.misfit import Misfit

_DATE = re.compile(r"(?P<year>-?\d{4})(?P<rest>-\d\d-\d\d)Z?", re.ASCII)
_TIME = re.compile(r"(?P<clock>\d\d:\d\d(:\d\d)?)(\.(?P<fraction>\d{1,9}))?Z", re.ASCII)
_LOCAL = re.compile(
    r"(?P<year>-?\d{4})(?P<rest>-\d\d-\d\dT\d\d:\d\d(:\d\d)?)(\.(?P<fraction>\d{1,9}))?(?P<zone>Z|[+-]\d\d:\d\d)",
    re.ASCII,
)
_MICROSECOND_DIGITS = 6
_FIRST_YEAR = -4713


def date_of(value: Any) -> str:
    """`2017-09-15Z`."""
    found = _matched(_DATE, value)
    return _dated(found["year"], found["rest"])


def time_of(value: Any) -> str:
    """`04:05:11.789Z`; the Z says nothing."""
    found = _matched(_TIME, value)
    return found["clock"] + _fraction(found["fraction"])


def timestamp_of(value: Any) -> str:
    """`2019-07-09T02:28:57.123456Z`, without time zone; the Z says nothing."""
    found = _matched(_LOCAL, value)
    if found["zone"] != "Z":
        raise Misfit
    return _dated(found["year"], found["rest"] + _fraction(found["fraction"]))


def datetimeoffset_of(value: Any) -> str:
    """Do as `zoned_of` for SQL Server, whose converter makes times before 1970 that have a fraction a second late."""
    text = zoned_of(value)
    if "." in text and _is_before_1970(text):
        raise Misfit("VAL-102")
    return text


def zoned_of(value: Any) -> str:
    """`2019-07-09T02:28:57.123456+08:00`: a moment."""
    found = _matched(_LOCAL, value)
    text = _dated(found["year"], found["rest"] + _fraction(found["fraction"]))
    zone = "+00" if found["zone"] == "Z" else found["zone"]
    return f"{text.removesuffix(' BC')}{zone} BC" if text.endswith(" BC") else text + zone


def _matched(form: re.Pattern[str], value: Any) -> re.Match[str]:
    found = form.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Misfit("VAL-102")
    return found


def _fraction(digits: str | None) -> str:
    """Return the fraction with its point, to the microsecond."""
    exact = (digits or "").rstrip("0")
    if len(exact) > _MICROSECOND_DIGITS:
        raise Misfit("VAL-102")
    return f".{exact}" if exact else ""


def _dated(year: str, rest: str) -> str:
    number = int(year)
    if number > 0:
        return year + rest
    if number < _FIRST_YEAR:
        raise Misfit("VAL-102")
    return f"{1 - number:04}{rest} BC"


def _is_before_1970(text: str) -> bool:
    if text.endswith("BC"):
        return True
    moment = datetime.fromisoformat(text if text[-3] == ":" else f"{text}:00")
    return moment < datetime(1970, 1, 1, tzinfo=UTC)

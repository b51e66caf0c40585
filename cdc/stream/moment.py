"""Dates and times of the wire to PostgreSQL's input syntax: exact, infinite, or of a year before our era.

They arrive as integers, and a column that changed its type or unit still sends integers. So each is held against a
range that its values have and those of other types mostly have not (VAL-102):

| decoder         | taken                                                                                        |
|-----------------|----------------------------------------------------------------------------------------------|
| date            | 4714-11-24 BC, PostgreSQL's first day, to 9999-12-31, and infinity: no timestamp, no number  |
|                 | like 20240229                                                                                |
| timestamp_us    | the same days, and infinity; less than 3 s from 1970-01-01 00:00 whole seconds only: what a  |
|                 | date sends is 2.9 million days at most, which would be 2.9 s                                 |
| timestamptz_iso | the same days, and infinity                                                                  |
| time_us         | 00:00 to 24:00                                                                               |
| duration_us     | -838:59:59.999999 to 838:59:59.999999                                                        |
| year            | 1901 to 2155, and 1900: what MariaDB's year 0000 arrives as                                  |

What passes all the same (a small number for a date) is found when the source's catalogue is read. What is later
than Java's microseconds, which end in January 294247, does not arrive: Debezium sends whole seconds of it as infinity,
and one microsecond more as -infinity.

Elements of an array come through Java's old calendar: it has Julian days before 1582-10-15, and its dates lose their
era. So in arrays nothing before 1582-10-25 is taken (the ten days that the new calendar left out arrive as the ten
after them).
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from cdc.stream.misfit import Misfit

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - timestamps without time zone, on purpose
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_LAST_DAY = date.max.toordinal()
_MICROSECONDS = 1_000_000
_DAY_US = 86_400 * _MICROSECONDS
_LONGEST_US = 839 * 3600 * _MICROSECONDS - 1
_DATES_US = 3 * _MICROSECONDS
# PostgreSQL keeps six digits of a second and rounds more without a word.
_FRACTION = r"(\.\d{1,6}0{0,3})?"
_ZONED = re.compile(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d(:\d\d{_FRACTION})?Z", re.ASCII)
_INTERVAL = re.compile(rf"P(-?\d+Y)?(-?\d+M)?(-?\d+D)?(T(-?\d+H)?(-?\d+M)?(-?\d+{_FRACTION}S)?)?", re.ASCII)

# How the log reader writes infinity; before Debezium 3.7 it wrote -2147472692. Of dates, the select of a snapshot says
# the same (`cdc.capture.snapshot_select`); in arrays they are what Java makes of its largest and smallest moment, a day
# more or less by its own time zone.
_INFINITE_DAYS = {2146033979: "infinity", -2147472692: "infinity", -2147472691: "-infinity"}
_INFINITE_DAYS_IN_ARRAYS = {
    **dict.fromkeys((-622191235, -622191234, -622191233), "infinity"),
    **dict.fromkeys((-625821273, -625821272, -625821271), "-infinity"),
}
_INFINITE_TIMESTAMPS = {2**63 - 1: "infinity", -(2**63): "-infinity"}
_INFINITIES = ("infinity", "-infinity")

# Python's calendar begins with the year 1; the calendar repeats itself every 400 years.
_CYCLES = 12
_CYCLE_YEARS = 400 * _CYCLES
_CYCLE_DAYS = 146_097 * _CYCLES
_FIRST_YEAR = -4713
_FIRST_DAY = date(_FIRST_YEAR + _CYCLE_YEARS, 11, 24).toordinal() - _CYCLE_DAYS

_FIRST_GREGORIAN = date(1582, 10, 25)
_FIRST_GREGORIAN_DAYS = _FIRST_GREGORIAN.toordinal() - _EPOCH_DAY


def date_of(value: Any) -> str:
    """Days since 1970-01-01."""
    return _day(_integer(value))


@lru_cache(maxsize=4096)  # rows share their dates
def _day(days: int) -> str:
    day = days + _EPOCH_DAY
    if 1 <= day <= _LAST_DAY:
        return date.fromordinal(day).isoformat()
    if days in _INFINITE_DAYS:
        return _INFINITE_DAYS[days]
    if _FIRST_DAY <= day < 1:
        return _before_our_era(date.fromordinal(day + _CYCLE_DAYS).isoformat())
    raise Misfit("VAL-102")


def date_in_array(value: Any) -> str:
    """Do the same for an element of an array."""
    days = _integer(value)
    if days in _INFINITE_DAYS_IN_ARRAYS:
        return _INFINITE_DAYS_IN_ARRAYS[days]
    if days < _FIRST_GREGORIAN_DAYS:
        raise Misfit("VAL-102")
    return _day(days)


def timestamp_of(value: Any) -> str:
    """Microseconds since 1970-01-01 00:00, without time zone."""
    microseconds = _integer(value)
    if abs(microseconds) < _DATES_US and microseconds % _MICROSECONDS:
        raise Misfit("VAL-102")
    try:
        return (_EPOCH + timedelta(microseconds=microseconds)).isoformat()
    except OverflowError as error:
        if microseconds in _INFINITE_TIMESTAMPS:
            return _INFINITE_TIMESTAMPS[microseconds]
        days, rest = divmod(microseconds, _DAY_US)
        if not _FIRST_DAY <= days + _EPOCH_DAY < 1:
            raise Misfit("VAL-102") from error
        return _before_our_era((_EPOCH + timedelta(days + _CYCLE_DAYS, microseconds=rest)).isoformat())


def timestamp_in_array(value: Any) -> str:
    """Do the same for an element of an array."""
    microseconds = _integer(value)
    if microseconds // _DAY_US < _FIRST_GREGORIAN_DAYS and microseconds not in _INFINITE_TIMESTAMPS:
        raise Misfit("VAL-102")
    return timestamp_of(microseconds)


def zoned_of(value: Any) -> str:
    """ISO 8601 in UTC, years before our era by their astronomical number (0000 is 1 BC), or infinity."""
    if not isinstance(value, str):
        raise Misfit
    if _ZONED.fullmatch(value) and not value.startswith("0000"):
        return value
    if value in _INFINITIES:
        return value
    year = "-" + value if value.startswith("0000") else value
    if year.startswith("-") and _ZONED.fullmatch(year[1:]) and int(year[1:5]) <= -_FIRST_YEAR:
        return f"{int(year[1:5]) + 1:04}{year[5:-1]}+00 BC"
    raise Misfit("VAL-102")


def zoned_in_array(value: Any) -> str:
    """Do the same for an element of an array."""
    text = zoned_of(value)
    if text not in _INFINITIES and (text.endswith("BC") or text < _FIRST_GREGORIAN.isoformat()):
        raise Misfit("VAL-102")
    return text


def time_of(value: Any) -> str:
    """Microseconds since midnight; 24:00 is one of them."""
    if not 0 <= _integer(value) <= _DAY_US:
        raise Misfit("VAL-102")
    return _clock(value)


def duration_of(value: Any) -> str:
    """Microseconds, signed."""
    if abs(_integer(value)) > _LONGEST_US:
        raise Misfit("VAL-102")
    return ("-" if value < 0 else "") + _clock(abs(value))


def year_of(value: Any) -> int:
    """A number of MariaDB's."""
    year = _integer(value)
    if year == 1900:
        return 0
    if not 1901 <= year <= 2155:
        raise Misfit("VAL-102")
    return year


def interval_of(value: Any) -> str:
    """ISO 8601, each part with a sign of its own."""
    if isinstance(value, str) and _INTERVAL.fullmatch(value):
        return value
    raise Misfit


def _integer(value: Any) -> int:
    if type(value) is int:
        return value
    raise Misfit


def _before_our_era(shifted: str) -> str:
    """Return what PostgreSQL reads of a date or time that was moved into the calendar that Python knows."""
    year = int(shifted[:4]) - _CYCLE_YEARS
    return f"{1 - year:04}{shifted[4:]} BC"


def _clock(microseconds: int) -> str:
    seconds, fraction = divmod(microseconds, _MICROSECONDS)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:06}"

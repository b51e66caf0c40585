"""Centuries by the event's year, last days of months, days of the year."""

from __future__ import annotations

import calendar
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.errors import Refused
from transforms.udi.label_date import LabelDate, full_year, read_day_of_year, read_yymmdd, read_yyyymmdd

# GS1 General Specifications 7.12, by hand: two digits, year of the event, year.
CENTURIES = [
    (26, 2026, 2026),
    (76, 2026, 2076),
    (77, 2026, 1977),
    (99, 2026, 1999),
    (0, 2026, 2000),
    (0, 2049, 2000),
    (0, 2050, 2100),
    (1, 2050, 2001),
    (99, 2050, 2099),
    (0, 1999, 2000),
    (49, 1999, 2049),
    (50, 1999, 1950),
    (50, 2000, 2050),
    (51, 2000, 1951),
    (51, 2001, 2051),
    (52, 2001, 1952),
    (99, 2000, 1999),
    (99, 1999, 1999),
    (2, 2051, 2002),
    (1, 2051, 2101),
    (50, 2099, 2050),
    (49, 2099, 2149),
    (49, 2100, 2149),
]


@pytest.mark.parametrize(("digits", "event", "year"), CENTURIES)
def test_century_comes_from_the_event(digits, event, year):
    assert full_year(digits, event) == year


@given(st.integers(0, 99), st.integers(100, 9900))
def test_every_year_is_at_most_49_before_and_50_after_the_event(digits, event):
    year = full_year(digits, event)
    assert year % 100 == digits
    assert -49 <= year - event <= 50


@pytest.mark.parametrize(
    ("text", "event", "day"),
    [
        ("280200", 2026, date(2028, 2, 29)),
        ("270200", 2026, date(2027, 2, 28)),
        ("000200", 2026, date(2000, 2, 29)),
        ("000200", 2060, date(2100, 2, 28)),
        ("261200", 2026, date(2026, 12, 31)),
        ("260400", 2026, date(2026, 4, 30)),
        ("240229", 2026, date(2024, 2, 29)),
        ("991231", 2026, date(1999, 12, 31)),
        ("991231", 2050, date(2099, 12, 31)),
    ],
)
def test_day_00_is_the_last_of_its_month(text, event, day):
    assert read_yymmdd(text, day_may_be_zero=True).on(event) == day


@given(st.integers(0, 99), st.integers(1, 12), st.integers(1900, 2200))
def test_day_00_agrees_with_the_calendar(year, month, event):
    day = read_yymmdd(f"{year:02}{month:02}00", day_may_be_zero=True).on(event)
    assert (day.month, day.day) == (month, calendar.monthrange(day.year, month)[1])


@given(st.dates(date(1000, 1, 1)))
def test_every_day_is_read_in_all_its_forms(day):
    short = read_yymmdd(f"{day:%y%m%d}")
    of_year = read_day_of_year(f"{day:%y}", f"{day:%j}")
    full = read_yyyymmdd(f"{day.year:04}{day:%m%d}")
    assert short.on(day.year) == of_year.on(day.year) == full.on(1) == day


@pytest.mark.parametrize(
    "text",
    [
        "000000",
        "260000",
        "260015",  # not the 15th day of the year
        "261300",
        "260230",
        "260431",
        "260132",
        "26041",
        "2604120",
        "26041A",
        "２60412",
    ],
)
def test_what_no_calendar_has_is_refused(text):
    with pytest.raises(Refused, match="UDI-110"):
        read_yymmdd(text, day_may_be_zero=True)


def test_day_00_is_refused_where_the_standard_has_none():
    with pytest.raises(Refused, match="UDI-110"):
        read_yymmdd("260400")
    with pytest.raises(Refused, match="UDI-110"):
        read_yyyymmdd("20260400")


@pytest.mark.parametrize(
    ("day", "event"),
    [
        (LabelDate(0, 2, 29), 2060),  # 2100 has no 29 February
        (LabelDate(26, 0, 366), 2026),
        (LabelDate(2026, 2, 29), 2026),
        (LabelDate(99, 1, 1), 1),
        (LabelDate(0, 1, 1), 9999),
    ],
)
def test_a_day_that_its_year_does_not_have_is_refused(day, event):
    with pytest.raises(Refused, match="UDI-110"):
        day.on(event)


@pytest.mark.parametrize("parts", [(26, 0, 0), (26, 0, 367), (26, 13, 1), (26, -1, 1), (26, 4, 31), (26, 2, 30)])
def test_a_date_of_no_year_cannot_be_made(parts):
    with pytest.raises(Refused, match="UDI-110"):
        LabelDate(*parts)


@pytest.mark.parametrize(
    "text",
    ["00000101", "09991231", "20260229", "20261301", "20260100", "20260015", "2026010", "2026０101"],
)
def test_full_dates_that_are_none_are_refused(text):
    with pytest.raises(Refused, match="UDI-110"):
        read_yyyymmdd(text).on(2026)

"""HIBCC labels: the standard's own examples and published ones, each form of secondary data, check characters."""

from __future__ import annotations

from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.transforms.udi.parts import parts_of
from transforms.errors import Refused
from transforms.udi import parse_udi

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"


def with_check(text: str) -> str:
    """Return `text` with its check character, by the standard's words: the sum of all values, modulo 43."""
    total = 0
    for character in text:
        total += ALPHABET.index(character)
    return text + ALPHABET[total % 43]


# Examples of ANSI/HIBC 2.6 and of labels, with their check characters; years as of 2012 or 2020.
PUBLISHED = [
    ("+A123BJC5D6E71G", 2020, {"di": "A123BJC5D6E71", "level": 1}),
    (
        "+A99912345/$$52001510X33",
        2020,
        {"di": "A99912345", "level": 5, "expiry": date(2020, 1, 15), "lot": "10X3"},
    ),
    (
        "+A99912345/$$52001510X3/16D20111212/S77DEFG457",
        2020,
        {
            "di": "A99912345",
            "level": 5,
            "expiry": date(2020, 1, 15),
            "lot": "10X3",
            "made": date(2011, 12, 12),
            "serial": "77DEFG45",
        },
    ),
    (
        "+A99912345/$10X3/16D20111231/14D202001313",
        2020,
        {"di": "A99912345", "level": 5, "lot": "10X3", "made": date(2011, 12, 31), "expiry": date(2020, 1, 31)},
    ),
    (
        "+A99912349/$10X3/16D20111231/14D20200131/Q500Z",
        2020,
        {
            "di": "A99912349",
            "level": 9,
            "lot": "10X3",
            "made": date(2011, 12, 31),
            "expiry": date(2020, 1, 31),
            "quantity": 500,
        },
    ),
    (
        "+A123BJC5D6E71/$$52001510X3C",
        2020,
        {"di": "A123BJC5D6E71", "level": 1, "expiry": date(2020, 1, 15), "lot": "10X3"},
    ),
    (
        "+J123AQ3451/$$3231231BC34567/S4012R",
        2020,
        {"di": "J123AQ3451", "level": 1, "expiry": date(2023, 12, 31), "lot": "BC34567", "serial": "4012"},
    ),
    (
        "+J014652230580/$$3220909K010025/16D20200311Z",
        2020,
        {"di": "J014652230580", "level": 0, "expiry": date(2022, 9, 9), "lot": "K010025", "made": date(2020, 3, 11)},
    ),
    ("+$$02231162074ZA", 2020, {"link": "Z", "expiry": date(2023, 2, 28), "lot": "1162074"}),
    ("+$$0624J139276%5", 2020, {"link": "%", "expiry": date(2024, 6, 30), "lot": "J139276"}),
    # Secondary data to the primary +J123 12345 1, whose check character is L.
    ("+122713C001L5", 2012, {"link": "L", "expiry": date(2012, 9, 27), "lot": "3C001"}),
    ("+$3C001LV", 2012, {"link": "L", "lot": "3C001"}),
    ("+$$02123C001LW", 2012, {"link": "L", "expiry": date(2012, 2, 29), "lot": "3C001"}),
    ("+$$20215123C001L/", 2012, {"link": "L", "expiry": date(2012, 2, 15), "lot": "3C001"}),
    ("+$$31202153C001L+", 2012, {"link": "L", "expiry": date(2012, 2, 15), "lot": "3C001"}),
    (
        "+$$4120216113C001L2",
        2012,
        {"link": "L", "expiry": date(2012, 2, 16), "expiry_time": time(11), "lot": "3C001"},
    ),
    ("+$$5122713C001L2", 2012, {"link": "L", "expiry": date(2012, 9, 27), "lot": "3C001"}),
    (
        "+$$612271113C001L5",
        2012,
        {"link": "L", "expiry": date(2012, 9, 27), "expiry_time": time(11), "lot": "3C001"},
    ),
    ("+$$73C001LY", 2012, {"link": "L", "lot": "3C001"}),
    ("+$$82402123C001L3", 2012, {"link": "L", "quantity": 24, "expiry": date(2012, 2, 29), "lot": "3C001"}),
    ("+$$82420216123C001LC", 2012, {"link": "L", "quantity": 24, "expiry": date(2012, 2, 16), "lot": "3C001"}),
    ("+$$82431202163C001LD", 2012, {"link": "L", "quantity": 24, "expiry": date(2012, 2, 16), "lot": "3C001"}),
    (
        "+$$8244120216183C001LN",
        2012,
        {"link": "L", "quantity": 24, "expiry": date(2012, 2, 16), "expiry_time": time(18), "lot": "3C001"},
    ),
    ("+$$8245122713C001LG", 2012, {"link": "L", "quantity": 24, "expiry": date(2012, 9, 27), "lot": "3C001"}),
    (
        "+$$824612271183C001LQ",
        2012,
        {"link": "L", "quantity": 24, "expiry": date(2012, 9, 27), "expiry_time": time(18), "lot": "3C001"},
    ),
    ("+$$82473C001L5", 2012, {"link": "L", "quantity": 24, "lot": "3C001"}),
    ("+$$824LP", 2012, {"link": "L", "quantity": 24}),
    ("+$$90010009953C001LH", 2012, {"link": "L", "quantity": 100, "expiry": date(1995, 9, 30), "lot": "3C001"}),
]
# Forms of which no example is published; `with_check` completes them.
FORMS = [
    ("+A9991234L5/$+S-1.2", 2020, {"di": "A9991234L5", "level": 5, "serial": "S-1.2"}),
    ("+A99912345/$$+1220S1", 2020, {"di": "A99912345", "level": 5, "expiry": date(2020, 12, 31), "serial": "S1"}),
    ("+A99912345/$$+7S1", 2020, {"di": "A99912345", "level": 5, "serial": "S1"}),
    ("+A99912345/$$+8107S1", 2020, {"di": "A99912345", "level": 5, "quantity": 10, "serial": "S1"}),
    ("+A99912345/$$0228", 2020, {"di": "A99912345", "level": 5, "expiry": date(2028, 2, 29)}),
    ("+A99912345/20366", 2020, {"di": "A99912345", "level": 5, "expiry": date(2020, 12, 31)}),
    ("+A99912345/14D20271231/S1", 2020, {"di": "A99912345", "level": 5, "expiry": date(2027, 12, 31), "serial": "1"}),
    ("+A99910", 2020, {"di": "A99910", "level": 0}),
    (f"+A999{'P' * 18}9", 2020, {"di": f"A999{'P' * 18}9", "level": 9}),
    ("+$+S1/16D20200131/", 2020, {"link": "/", "serial": "S1", "made": date(2020, 1, 31)}),
    ("+$L1 ", 2020, {"link": " ", "lot": "L1"}),
    (
        "+$$420123123L1L",
        2020,
        {"link": "L", "expiry": date(2020, 12, 31), "expiry_time": time(23), "lot": "L1"},
    ),
    ("+$1L", 2020, {"link": "L", "lot": "1"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "event", "parts"), PUBLISHED, ids=[text for text, *_ in PUBLISHED])
def test_published_label_has_its_parts(text, event, parts):
    assert parse_udi(text).agency == "HIBCC"
    assert parts_of(text, event) == parts


@pytest.mark.parametrize(("text", "event", "parts"), FORMS, ids=[text for text, *_ in FORMS])
def test_each_form_has_its_parts(text, event, parts):
    assert parts_of(with_check(text), event) == parts


@pytest.mark.parametrize(("text", "event", "parts"), PUBLISHED, ids=[text for text, *_ in PUBLISHED])
def test_caption_and_symbology_are_no_data(text, event, parts):
    assert parts_of(f"*{text.replace(' ', '_')}*", event) == parts
    assert parts_of(f"]C0{text}", event) == parts
    assert parts_of(f"  {text}\r\n", event) == parts


@given(st.sampled_from([text for text, *_ in PUBLISHED]), st.data())
def test_one_wrong_character_is_always_noticed(text, data):
    place = data.draw(st.integers(1, len(text) - 1))
    other = data.draw(st.sampled_from(sorted({*ALPHABET} - {text[place], " "})))
    with pytest.raises(Refused) as caught:
        parse_udi(text[:place] + other + text[place + 1 :])
    assert caught.value.code in ("UDI-108", "UDI-107")


def test_a_check_character_that_is_a_blank():
    text = next(text for number in range(100) if (text := with_check(f"+A9991{number:02}1")).endswith(" "))
    parts = {"di": text[1:-1], "level": 1}
    assert parts_of(text) == parts_of(f"{text}     ") == parts_of(f"{text}\r\n") == parts
    assert parts_of(f"*{text[:-1]}_*") == parts
    with pytest.raises(Refused, match="UDI-108"):  # trimmed: nothing says that there was one
        parse_udi(text[:-1])


def test_an_hour_is_not_dropped_silently():
    assert parse_udi("+$$4120216113C001L2").expiry_time == time(11)


REFUSALS = [
    ("UDI-108", "+A99912345/$$52001510X34"),
    ("UDI-108", "+A123BJC5D6E71"),
    ("UDI-108", "+83278F8G9H0J2G+"),
    ("UDI-107", "+"),
    ("UDI-107", "+A"),
    ("UDI-107", "+a123BJC5D6E71G"),
    ("UDI-107", "*+A123BJC5D6E71G"),
    ("UDI-107", "+A123BJC5D6E71G\x1d"),
    ("UDI-107", "+Ａ123BJC5D6E71G"),
    *(
        (code, with_check(text))
        for code, text in [
            ("UDI-107", "+A9991234X"),  # no unit
            ("UDI-107", "+A9995"),  # no product
            ("UDI-107", f"+A999{'P' * 19}9"),
            ("UDI-107", "+A-9912345"),
            ("UDI-107", "+-9912345"),
            ("UDI-107", "+A99912345/"),
            ("UDI-107", "+A99912345//S1"),
            ("UDI-107", "+A99912345/$"),
            ("UDI-107", "+A99912345/$+"),
            ("UDI-107", "+A99912345/$$"),
            ("UDI-107", "+A99912345/$$+"),
            ("UDI-107", "+A99912345/$$L1"),
            ("UDI-107", "+A99912345/$$2120"),
            ("UDI-107", "+A99912345/$$8"),
            ("UDI-107", "+A99912345/$$81"),
            ("UDI-107", "+A99912345/$$824L1"),
            ("UDI-107", "+A99912345/$$88240224L1"),
            ("UDI-107", "+A99912345/$L 1"),
            ("UDI-107", f"+A99912345/${'L' * 19}"),
            ("UDI-107", "+A99912345/$L1/$L2"),
            ("UDI-107", "+A99912345/S1/$L2"),
            ("UDI-107", "+A99912345/$L1/X1"),
            ("UDI-107", "+A99912345/$L1/S1/S1"),
            ("UDI-107", "+A99912345/$+S1/S1"),
            ("UDI-107", "+A99912345/$$0220L1/14D20200229"),
            ("UDI-107", "+A99912345/$L1/Q"),
            ("UDI-107", "+A99912345/$L1/Q100000"),
            ("UDI-107", "+A99912345/1234"),
            ("UDI-110", "+A99912345/$$0020L1"),
            ("UDI-110", "+A99912345/$$1320L1"),
            ("UDI-110", "+A99912345/$$2510217396023"),
            ("UDI-110", "+A99912345/$$3200230L1"),
            ("UDI-110", "+A99912345/$$3200200L1"),
            ("UDI-110", "+A99912345/$$520000L1"),
            ("UDI-110", "+A99912345/$$520367L1"),
            ("UDI-110", "+A99912345/$$420022924L1"),
            ("UDI-110", "+A99912345/20000L1"),
            ("UDI-110", "+A99912345/$L1/14D20200230"),
            ("UDI-110", "+A99912345/$L1/14D2020023"),
        ]
    ),
]


@pytest.mark.parametrize(("code", "text"), REFUSALS, ids=[f"{code} {text}" for code, text in REFUSALS])
def test_what_is_no_label_is_refused(code, text):
    with pytest.raises(Refused) as caught:
        parse_udi(text)
    assert caught.value.code == code


def test_day_366_is_decided_by_the_year():
    udi = parse_udi(with_check("+A99912345/21366"))
    with pytest.raises(Refused, match="UDI-110"):
        udi.expiry.on(2020)

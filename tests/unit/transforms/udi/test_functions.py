"""GTIN and UDI_... in expressions: parts, NULL, the century by the row's own time, codes."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

import transforms
from transforms.errors import Refused
from transforms.expression.device_label import READING, SPLITTING

LABEL = "(01)06901234567892(11)260412(17)270200(10)A213B1(21)1234"
LOST = "01069012345678921026L0117270200"
MA = "MA.156.M0.100761.21234561.L26"
ISBT = "=A99971312345600"
SHANGHAI = timezone(timedelta(hours=8))
NEW_YEAR = datetime(2077, 1, 1, 7, tzinfo=SHANGHAI)  # 2076 in UTC

VALUES = [
    ("GTIN(t1)", {"t1": "6901234567892"}, "06901234567892"),
    ("GTIN(t1)", {}, None),
    ("GTIN('6901234567892')", {}, "06901234567892"),
    ("UDI_AGENCY(t1)", {"t1": LABEL}, "GS1"),
    ("UDI_AGENCY(t1)", {"t1": "+A123BJC5D6E71G"}, "HIBCC"),
    ("UDI_AGENCY(t1)", {"t1": MA}, "MA"),
    ("UDI_AGENCY(t1)", {"t1": ISBT}, "ICCBBA"),
    ("UDI_AGENCY(t1)", {"t1": "AHM1"}, "AHM"),
    ("UDI_DI(t1)", {"t1": LABEL}, "06901234567892"),
    ("UDI_DI(t1)", {"t1": "+A123BJC5D6E71G"}, "A123BJC5D6E71"),
    ("UDI_DI(t1)", {"t1": MA}, "MA.156.M0.100761.21234561"),
    ("UDI_DI(t1)", {"t1": "+$3C001LV"}, None),
    ("UDI_DI(CONCAT(t1, t2))", {"t1": "0106901234567892", "t2": "1727020010A"}, "06901234567892"),
    ("UDI_LOT(t1)", {"t1": LABEL}, "A213B1"),
    ("UDI_LOT(t1)", {"t1": "6901234567892"}, None),
    ("UDI_LOT(t1)", {"t1": LOST}, "26L0117270200"),
    ("UDI_SERIAL(t1)", {"t1": LABEL}, "1234"),
    ("UDI_SERIAL(c1)", {"c1": "0106901234567892211234    "}, "1234"),
    ("udi_serial(t1)", {"t1": LABEL}, "1234"),
    ("UDI_MADE(t1, y1)", {"t1": LABEL, "y1": date(2026, 4, 12)}, date(2026, 4, 12)),
    ("UDI_MADE(t1, y1)", {"t1": LABEL, "y1": date(2126, 4, 12)}, date(2126, 4, 12)),
    ("UDI_EXPIRY(t1, s1)", {"t1": LABEL, "s1": datetime(2026, 4, 12, 8)}, date(2027, 2, 28)),  # noqa: DTZ001
    ("UDI_EXPIRY(t1, DATE '2026-04-12')", {"t1": "010690123456789217270200"}, date(2027, 2, 28)),
    ("UDI_EXPIRY(t1, z1)", {"t1": "010690123456789217260100", "z1": NEW_YEAR}, date(2026 + 100, 1, 31)),
    ("UDI_EXPIRY(t1, z1)", {"t1": "010690123456789217270100", "z1": NEW_YEAR}, date(2027, 1, 31)),
    ("UDI_EXPIRY(t1, z1)", {"t1": "010690123456789217270100", "z1": NEW_YEAR + timedelta(hours=1)}, date(2127, 1, 31)),
    ("UDI_EXPIRY(t1, y1)", {"t1": LABEL}, None),
    ("UDI_EXPIRY(t1, y1)", {"t1": MA, "y1": date(2026, 4, 12)}, None),
    ("UDI_EXPIRY(t1, y1) - UDI_MADE(t1, y1)", {"t1": LABEL, "y1": date(2026, 4, 12)}, 322),
    ("UDI_CONFIRMED(t1, t2)", {"t1": LABEL, "t2": "A213B1"}, LABEL),
    ("UDI_CONFIRMED(t1, t2)", {"t1": LABEL}, LABEL),
    ("UDI_CONFIRMED(t1, t2)", {"t2": "A213B1"}, None),
    ("UDI_CONFIRMED(t1, t2)", {"t1": " ", "t2": "A213B1"}, None),
    ("UDI_CONFIRMED(t1, t2, t3)", {"t1": LABEL, "t3": "1234"}, LABEL),
    ("UDI_LOT(UDI_CONFIRMED(t1, t2))", {"t1": LOST, "t2": "26L01"}, "26L01"),
    ("UDI_WARNING(UDI_CONFIRMED(t1, t2))", {"t1": LOST, "t2": "26L01"}, None),
    (
        "UDI_EXPIRY(UDI_CONFIRMED(t1, t2), y1)",
        {"t1": LOST, "t2": "26L01", "y1": date(2026, 4, 12)},
        date(2027, 2, 28),
    ),
    ("UDI_WARNING(t1)", {"t1": LABEL}, None),
    ("UDI_WARNING(t1)", {"t1": LOST}, "UDI-W07"),
    ("UDI_WARNING(t1)", {"t1": ISBT}, None),
    *(
        (
            f"{name}(t1{', y1' if name in ('UDI_MADE', 'UDI_EXPIRY') else ''})",
            {"t1": blanks, "y1": date(2026, 1, 1)},
            None,
        )
        for name in ("UDI_AGENCY", "UDI_DI", "UDI_LOT", "UDI_SERIAL", "UDI_MADE", "UDI_EXPIRY", "UDI_WARNING")
        for blanks in ("", " \u3000\t")
    ),
]


@pytest.mark.parametrize(("text", "row", "value"), VALUES)
def test_function_has_its_value(expressions, text, row, value):
    assert expressions.value(text, **row) == value


REFUSALS = [
    ("UDI-101", "GTIN(t1)", {"t1": "6901234567891"}),
    ("UDI-102", "GTIN(t1)", {"t1": LABEL}),
    ("UDI-102", "GTIN(t1)", {"t1": " 6901234567892"}),
    ("UDI-103", "UDI_AGENCY(t1)", {"t1": "/"}),
    ("UDI-103", "UDI_DI(t1)", {"t1": "-"}),
    ("UDI-105", "UDI_LOT(t1)", {"t1": "10A"}),
    *(("UDI-111", f"{name}(t1)", {"t1": ISBT}) for name in ("UDI_DI", "UDI_LOT", "UDI_SERIAL")),
    *(("UDI-111", f"{name}(t1, y1)", {"t1": "AHM1", "y1": date(2026, 1, 1)}) for name in ("UDI_MADE", "UDI_EXPIRY")),
    ("UDI-112", "UDI_CONFIRMED(t1, t2)", {"t1": LABEL, "t2": "A213B2"}),
    ("UDI-112", "UDI_CONFIRMED(t1, t2, t3)", {"t1": LABEL, "t2": "A213B1", "t3": "1235"}),
    ("UDI-110", "UDI_EXPIRY(t1, y1)", {"t1": "010690123456789217000229", "y1": date(2060, 1, 1)}),
    ("UDI-110", "UDI_EXPIRY(t1, y1)", {"t1": "010690123456789217000101", "y1": date(9999, 1, 1)}),
    ("UDI-110", "UDI_EXPIRY(t1, z1)", {"t1": LABEL, "z1": datetime(1, 1, 1, tzinfo=SHANGHAI)}),
]


@pytest.mark.parametrize(("code", "text", "row"), REFUSALS)
def test_refusal_has_its_code_and_the_compiler_knows_it(expressions, code, text, row):
    with pytest.raises(Refused) as caught:
        expressions.value(text, **row)
    assert caught.value.code == code
    assert code in expressions.compile(text)[3]


def test_only_asking_for_a_part_can_refuse_a_label_that_is_kept_whole(expressions):
    assert expressions.compile("UDI_AGENCY(t1)")[3] == expressions.compile("UDI_WARNING(t1)")[3] == {*READING}
    assert expressions.compile("UDI_DI(t1)")[3] == {*SPLITTING} == {*READING, "UDI-111"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("GTIN()", "DIC-121"),
        ("GTIN(t1, t1)", "DIC-121"),
        ("GTIN(i1)", "DIC-123"),
        ("UDI_DI()", "DIC-121"),
        ("UDI_DI(i1)", "DIC-123"),
        ("UDI_CONFIRMED(t1)", "DIC-121"),
        ("UDI_CONFIRMED(t1, t2, t3, t1)", "DIC-121"),
        ("UDI_CONFIRMED(t1, i1)", "DIC-123"),
        ("UDI_EXPIRY(t1)", "DIC-121"),
        ("UDI_EXPIRY(t1, t1)", "DIC-123"),
        ("UDI_EXPIRY(t1, i1)", "DIC-123"),
        ("UDI_EXPIRY(y1, y1)", "DIC-123"),
    ],
)
def test_wrong_arguments_are_faults(expressions, text, code):
    assert expressions.fault(text).code == code


def test_the_readme_s_examples_come_out_as_it_says(expressions):
    readme = (Path(transforms.__file__).parent / "README.md").read_text(encoding="utf-8")
    said = dict(re.findall(r"`(UDI_[A-Z]+\('[^`]+\))` gives `?'?([^`' |]+)", readme))
    assert len(said) == 2
    for text, value in said.items():
        assert str(expressions.value(text)) == value


def test_an_instant_is_the_same_in_every_zone(expressions):
    row = {"t1": "010690123456789217270100", "z1": NEW_YEAR}
    in_utc = row | {"z1": NEW_YEAR.astimezone(UTC)}
    assert expressions.value("UDI_EXPIRY(t1, z1)", **row) == expressions.value("UDI_EXPIRY(t1, z1)", **in_utc)

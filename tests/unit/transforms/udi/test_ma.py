"""MA labels: published ones, units, what is refused."""

from __future__ import annotations

from datetime import date

import pytest

from tests.unit.transforms.udi.parts import parts_of
from transforms.errors import Refused
from transforms.udi import parse_udi

DI = "MA.156.M0.100761.21234561"
LABELS = [
    (DI, {"di": DI, "level": 2}),
    ("MA.156.M0.100204.13351764", {"di": "MA.156.M0.100204.13351764", "level": 1}),
    (
        f"{DI}.Sx00008.M220117.L20220117.D20220118.E220130.V220117.C3",
        {
            "di": DI,
            "level": 2,
            "serial": "x00008",
            "made": date(2022, 1, 17),
            "lot": "20220117",
            "sterilisation_lot": "20220118",
            "expiry": date(2022, 1, 30),
            "valid_until": date(2022, 1, 17),
        },
    ),
    (
        "MA.156.M0.100011.2cscp023.Ste002.M200206.L343432.D555555.E200228.V200307.C9",
        {
            "di": "MA.156.M0.100011.2cscp023",
            "level": 2,
            "serial": "te002",
            "made": date(2020, 2, 6),
            "lot": "343432",
            "sterilisation_lot": "555555",
            "expiry": date(2020, 2, 28),
            "valid_until": date(2020, 3, 7),
        },
    ),
    (f"{DI}.M20260412.E20290411", {"di": DI, "level": 2, "made": date(2026, 4, 12), "expiry": date(2029, 4, 11)}),
    (f"{DI}.LA-1/2_b", {"di": DI, "level": 2, "lot": "A-1/2_b"}),
    (f"]Q1{DI}.L1\n", {"di": DI, "level": 2, "lot": "1"}),
]


@pytest.mark.parametrize(("text", "parts"), LABELS, ids=[text for text, _ in LABELS])
def test_label_has_its_parts(text, parts):
    assert parse_udi(text).agency == "MA"
    assert parts_of(text) == parts


def test_all_units_are_kept_as_they_stand():
    assert parse_udi(f"{DI}.L26.D8.CZ").elements == (("DI", DI), ("L", "26"), ("D", "8"), ("C", "Z"))


REFUSALS = [
    ("UDI-109", "MA."),
    ("UDI-109", DI[:-1]),
    ("UDI-109", f"{DI}7"),
    ("UDI-109", "MA.156.M1.100761.21234561"),
    ("UDI-109", "MA.840.M0.100761.21234561"),
    ("UDI-109", "MA.156.M0.10.761.21234561"),
    ("UDI-109", "MA.156.M0.100761.A1234561"),
    ("UDI-109", "MA.156.M0.100761.2123456１"),
    ("UDI-109", "MA.156.M0.100350.01004YA10017.L1"),
    ("UDI-109", f"{DI}."),
    ("UDI-109", f"{DI}.L"),
    ("UDI-109", f"{DI}.L1."),
    ("UDI-109", f"{DI}..L1"),
    ("UDI-109", f"{DI}.L26.5"),  # a lot with a point, or an unknown unit
    ("UDI-109", f"{DI}.l26"),
    ("UDI-109", f"{DI}.P260412"),
    ("UDI-109", f"{DI}.L1.L1"),
    ("UDI-109", f"{DI}.C3.L1"),
    ("UDI-109", f"{DI}.C33"),
    ("UDI-109", f"{DI}.L批1"),
    ("UDI-109", f"{DI}.L1 2"),
    ("UDI-109", f"{DI}.L{'1' * 21}"),
    ("UDI-110", f"{DI}.M260400"),
    ("UDI-110", f"{DI}.M20260431"),
    ("UDI-110", f"{DI}.E2604"),
    ("UDI-110", f"{DI}.V"),
    ("UDI-110", f"{DI}.E２60412"),
]


@pytest.mark.parametrize(("code", "text"), REFUSALS, ids=[f"{code} {text}" for code, text in REFUSALS])
def test_what_is_no_label_is_refused(code, text):
    with pytest.raises(Refused) as caught:
        parse_udi(text)
    assert caught.value.code == code

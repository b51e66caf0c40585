"""A separator that storage dropped: warned about where the end of the lot reads on, and only there."""

from __future__ import annotations

import pytest

from transforms.udi import parse_udi

GTIN = "0106901234567892"
GS = "\x1d"

SUSPECT = [
    (f"{GTIN}1026L0117270200", "26L0117270200", None),
    (f"{GTIN}172702001026L0121S1", "26L0121S1", None),
    (f"{GTIN}10A1126041217270200", "A1126041217270200", None),
    (f"{GTIN}10A17270200" + "21S1", "A1727020021S1", None),
    (f"{GTIN}21S110A", None, "S110A"),
    (f"{GTIN}10A30100", "A30100", None),
    (f"{GTIN}10A8012V2", "A8012V2", None),
    (f"{GTIN}10A70032702281159", "A70032702281159", None),
    (f"{GTIN}10A2110", "A2110", None),
    (f"{GTIN}10A172702002041", "A172702002041", None),
    (f"]d2{GTIN}1020210405", "20210405", None),  # or lot 20, serial 0405: nobody knows
]
PLAIN = [
    GTIN,
    "6901234567892",
    f"{GTIN}17270200",
    f"{GTIN}1026L01",
    f"{GTIN}1026L01{GS}17270200",
    f"{GTIN}17270200{GS}1026L0121S1",  # separators are kept here, so that none is missing
    f"{GTIN}1026L0117270000",  # no date
    f"{GTIN}1026L0117270230",
    f"{GTIN}1026L01172702",
    f"{GTIN}172702001026L0117280200",  # the label has an expiry
    f"{GTIN}10A1012",  # a label has one lot
    f"{GTIN}10A10A",
    "0106901102125674",  # data of fixed length end by themselves
    f"{GTIN}1017270200",  # a lot has at least one character
    f"{GTIN}10A99X",  # (99) follows no lot on devices
    f"(01){GTIN[2:]}(10)26L0117270200",
    f"https://d.example/01/{GTIN[2:]}/10/26L0117270200",
]


@pytest.mark.parametrize(("text", "lot", "serial"), SUSPECT)
def test_label_is_read_as_it_stands_and_warned_about(text, lot, serial):
    udi = parse_udi(text)
    assert (udi.lot, udi.serial, udi.warnings) == (lot, serial, ("UDI-W07",))


@pytest.mark.parametrize("text", PLAIN)
def test_label_that_hides_nothing_has_no_warning(text):
    assert parse_udi(text).warnings == ()

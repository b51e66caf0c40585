"""A label against the columns beside it, and a lost separator put back by them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.errors import Refused
from transforms.udi import confirm, parse_udi

ITEM = "0106901234567892"
GS = "\x1d"
WHOLE = "=A99971312345600"

CONFIRMED = [
    # label, lot, serial, the label as confirmed
    (f"{ITEM}1026L0117270200", "26L01", None, f"{ITEM}{GS}1026L01{GS}17270200"),
    (f"{ITEM}1026L0117270200", "26L0117270200", None, f"{ITEM}{GS}1026L0117270200"),
    (f"{ITEM}172702001026L0121S1", "26L01", None, f"{ITEM}{GS}17270200{GS}1026L01{GS}21S1"),
    (f"{ITEM}172702001026L0121S1", None, "S1", f"{ITEM}{GS}17270200{GS}1026L01{GS}21S1"),
    (f"{ITEM}172702001026L0121S1", "26L01", "S1", f"{ITEM}{GS}17270200{GS}1026L01{GS}21S1"),
    (f"{ITEM}21S110A", "A", "S1", f"{ITEM}{GS}21S1{GS}10A"),
    (f"]d2{ITEM}1020210405", "20210405", None, f"{ITEM}{GS}1020210405"),
    (f"{ITEM}1020210405", "20", "0405", f"{ITEM}{GS}1020{GS}210405"),
    # Nothing to decide, or nothing to decide it by: the text itself.
    (f"{ITEM}10A17270200", None, "S1", f"{ITEM}10A17270200"),
    (f"{ITEM}1026L01", "26L01", None, f"{ITEM}1026L01"),
    (f"{ITEM}1026L01", None, None, f"{ITEM}1026L01"),
    (f"{ITEM}1026L0117270200", None, None, f"{ITEM}1026L0117270200"),
    (f"{ITEM}17270200", "26L01", "S1", f"{ITEM}17270200"),
    ("(01)06901234567892(10)26L01(21)S1", "26L01", "S1", "(01)06901234567892(10)26L01(21)S1"),
    ("+J123AQ3451/$$3231231BC34567/S4012R", "BC34567", "4012", "+J123AQ3451/$$3231231BC34567/S4012R"),
    ("MA.156.M0.100761.21234561.L26", "26", None, "MA.156.M0.100761.21234561.L26"),
    (WHOLE, "26L01", None, WHOLE),
]


@pytest.mark.parametrize(("label", "lot", "serial", "confirmed"), CONFIRMED)
def test_label_is_read_as_the_columns_confirm_it(label, lot, serial, confirmed):
    assert confirm(label, lot, serial) == confirmed


def test_what_the_lot_had_swallowed_is_there_again():
    udi = parse_udi(confirm(f"{ITEM}1026L0117270200", "26L01"))
    assert (udi.lot, udi.expiry and udi.expiry.on(2026), udi.warnings) == ("26L01", date(2027, 2, 28), ())


REFUSALS = [
    ("UDI-112", f"{ITEM}1026L01", "26L02", None),
    ("UDI-112", f"{ITEM}1026L01", "26l01", None),
    ("UDI-112", f"{ITEM}1026L01", "", None),
    ("UDI-112", f"{ITEM}1026L0117270200", "26L", None),
    ("UDI-112", f"{ITEM}1026L0117270200", "26L0117", None),
    ("UDI-112", f"{ITEM}172702001026L0121S1", "26L01", "S2"),
    ("UDI-112", "(01)06901234567892(10)26L01(21)S1", "26L01", "S2"),
    ("UDI-112", "+J123AQ3451/$$3231231BC34567/S4012R", "BC34568", None),
    ("UDI-106", f"{ITEM}10A1727020021S1", None, "S1"),  # the serial does not say where the lot ends
    ("UDI-105", "1026L01", "26L01", None),
]


@pytest.mark.parametrize(("code", "label", "lot", "serial"), REFUSALS)
def test_a_contradiction_is_refused(code, label, lot, serial):
    with pytest.raises(Refused) as caught:
        confirm(label, lot, serial)
    assert caught.value.code == code


@given(st.text("0127A", min_size=1, max_size=8), st.text("0127A", min_size=1, max_size=8))
def test_the_two_columns_always_find_their_reading(lot, serial):
    udi = parse_udi(confirm(f"{ITEM}10{lot}21{serial}", lot, serial))
    assert (udi.lot, udi.serial, udi.warnings) == (lot, serial, ())

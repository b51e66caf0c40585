"""GS1 labels as scanned, as printed and as web addresses: vectors with hand-written parts, and what is refused."""

from __future__ import annotations

from datetime import date, time

import pytest

from tests.unit.transforms.udi.parts import parts_of
from transforms.errors import Refused
from transforms.udi import is_device_identifier, parse_udi

GTIN = "06901234567892"
GS = "\x1d"

# text, parts (those not named are None); dates as of 2026
LABELS = [
    # The samples of GS1 China and of the FDA, as printed and as scanned.
    (
        "(01)06901234567892(11)141231(17)150707(10)A213B1(21)1234",
        {"di": GTIN, "level": 0, "made": "2014-12-31", "expiry": "2015-07-07", "lot": "A213B1", "serial": "1234"},
    ),
    (
        f"0106901234567892111412311715070710A213B1{GS}211234",
        {"di": GTIN, "level": 0, "made": "2014-12-31", "expiry": "2015-07-07", "lot": "A213B1", "serial": "1234"},
    ),
    (
        "(01)51022222233336(11)141231(17)150707(10)A213B1(21)1234",
        {
            "di": "51022222233336", "level": 5, "made": "2014-12-31", "expiry": "2015-07-07",
            "lot": "A213B1", "serial": "1234",
        },
    ),
    # A GTIN alone, of each length.
    ("6901234567892", {"di": GTIN, "level": 0}),
    ("06901234567892", {"di": GTIN, "level": 0}),
    ("036000291452", {"di": "00036000291452", "level": 0}),
    ("96385074", {"di": "00000096385074", "level": 0}),
    ("  6901234567892\r\n", {"di": GTIN, "level": 0}),
    ("]E06901234567892", {"di": GTIN, "level": 0}),
    # One label with every spelling of the separator, and with each symbology identifier.
    *(
        (f"01{GTIN}10l26a{separator}17270200", {"di": GTIN, "level": 0, "lot": "l26a", "expiry": "2027-02-28"})
        for separator in (GS, "<GS>", "{GS}", "~", "^", "|", " ")
    ),
    *(
        (f"{identifier}01{GTIN}21S-1{GS}10L/1", {"di": GTIN, "level": 0, "serial": "S-1", "lot": "L/1"})
        for identifier in ("]C1", "]d2", "]Q3", "]e0", "]J1")
    ),
    # Separators before the first element, after a fixed length, after the last, two of them.
    (
        f"{GS}01{GTIN}{GS}17270200{GS}10L{GS}{GS}21S{GS}",
        {"di": GTIN, "level": 0, "expiry": "2027-02-28", "lot": "L", "serial": "S"},
    ),
    # Day 00, in a leap year and not.
    (f"01{GTIN}17280200", {"di": GTIN, "level": 0, "expiry": "2028-02-29"}),
    (f"01{GTIN}17270200", {"di": GTIN, "level": 0, "expiry": "2027-02-28"}),
    (f"01{GTIN}11260400", {"di": GTIN, "level": 0, "made": "2026-04-30"}),
    (f"01{GTIN}17280229", {"di": GTIN, "level": 0, "expiry": "2028-02-29"}),
    # The other identifiers of devices.
    (f"01{GTIN}8012V2.1{GS}30100{GS}91x", {"di": GTIN, "level": 0, "software": "V2.1", "quantity": 100}),
    (f"01{GTIN}70032702281159", {"di": GTIN, "level": 0, "expiry": "2027-02-28", "expiry_time": time(11, 59)}),
    (f"01{GTIN}800826041223", {"di": GTIN, "level": 0, "made": "2026-04-12"}),
    (
        f"01{GTIN}1727022870032702281159",
        {"di": GTIN, "level": 0, "expiry": "2027-02-28", "expiry_time": time(11, 59)},
    ),
    # The same element on two barcodes that a mapping joins.
    (f"01{GTIN}{GS}01{GTIN}10L", {"di": GTIN, "level": 0, "lot": "L"}),
    # All of character set 82 that a printed label can have in one number.
    (
        f"01{GTIN}10!\"%&'*+,-./0:;=?A_z{GS}21<>",
        {"di": GTIN, "level": 0, "lot": "!\"%&'*+,-./0:;=?A_z", "serial": "<>"},
    ),
    (f"01{GTIN}10A(21)B){GS}17270200", {"di": GTIN, "level": 0, "lot": "A(21)B)", "expiry": "2027-02-28"}),
    # Printed, with blanks and lines between the elements.
    (
        "(01) 06901234567892 (17)270200\r\n(10) A-1 \u3000(21)1",
        {"di": GTIN, "level": 0, "expiry": "2027-02-28", "lot": "A-1", "serial": "1"},
    ),
    ("(01)06901234567892(10)AB-12/3.4", {"di": GTIN, "level": 0, "lot": "AB-12/3.4"}),
    # Web addresses.
    (
        "https://id.gs1.org/01/06901234567892/22/A/10/L%2F1%25/21/S?17=270200&11=260131&30=5&linkType=gs1:pip",
        {
            "di": GTIN, "level": 0, "lot": "L/1%", "serial": "S", "expiry": "2027-02-28", "made": "2026-01-31",
            "quantity": 5,
        },
    ),
    ("HTTP://DEVICES.EXAMPLE/udi/01/6901234567892", {"di": GTIN, "level": 0}),
    ("https://d.example/01/06901234567892/10/01?#top", {"di": GTIN, "level": 0, "lot": "01"}),
    ("https://d.example/01/01/06901234567892/10/A", {"di": GTIN, "level": 0, "lot": "A"}),
    ("https://d.example/01/06901234567892/235/TPX1", {"di": GTIN, "level": 0}),
    ("]Q1https://d.example/01/06901234567892/21/1", {"di": GTIN, "level": 0, "serial": "1"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "parts"), LABELS, ids=[repr(text) for text, _ in LABELS])
def test_label_has_its_parts(text, parts):
    udi = parse_udi(text)
    assert (udi.agency, udi.raw, udi.whole, udi.warnings) == ("GS1", text, False, ())
    dates = {name: date.fromisoformat(parts[name]) for name in ("made", "expiry") if name in parts}
    assert parts_of(text) == parts | dates


def test_all_elements_are_kept_as_they_stand():
    label = f"01{GTIN}172702002041240REF-1{GS}22C{GS}91in house"
    assert parse_udi(label.replace(" ", "_")).elements == (
        *(("01", GTIN), ("17", "270200"), ("20", "41"), ("240", "REF-1"), ("22", "C"), ("91", "in_house")),
    )


def test_master_udi_di_has_its_check_characters():
    # The model number of the GS1 General Specifications' example.
    assert parse_udi(f"01{GTIN}80141987654Ad4X4bL5ttr2310c2K").elements[1] == ("8014", "1987654Ad4X4bL5ttr2310c2K")


def test_other_keys_have_their_check_digits():
    # A shipment: 3 * 35 + 27 = 132, so 8; and the pallet of the GS1 General Specifications.
    assert len(parse_udi(f"01{GTIN}40211234567890123468{GS}00106141412345678908").elements) == 3


@pytest.mark.parametrize(
    "gtin",
    ["00000096385074", "06901234567892", "51022222233336", "A99912345", "A123BJC5D6E71", "MA.156.M0.100761.21234561"],
)
def test_device_identifiers_of_the_agencies(gtin):
    assert is_device_identifier(gtin)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "6901234567892",
        "06901234567891",
        "069012345678921",
        "０6901234567892",
        "+A99912345",
        "a99912345",
        "A9995",
        "1A9912345",
        "MA.156.M0.100761.2123456",
        "MA.156.M0.100761.21234561.L1",
        "06901234567892\n",
        "A99912345\n",
    ],
)
def test_what_is_no_device_identifier(text):
    assert not is_device_identifier(text)


REFUSALS = [
    # check digits
    ("UDI-101", f"01{GTIN}80141987654Ad4X4bL5ttr2310c2L"),
    ("UDI-101", f"01{GTIN}80142K"),
    ("UDI-101", f"01{GTIN}40211234567890123469"),
    ("UDI-101", f"01{GTIN}00106141412345678901"),
    ("UDI-101", f"01{GTIN}80132"),
    ("UDI-101", "6901234567891"),
    ("UDI-101", "690123456789"),  # 12 digits: a GTIN, without its last digit
    ("UDI-101", "(01)06901234567891"),
    ("UDI-101", f"01{GTIN[:-1]}310L"),
    ("UDI-101", "https://d.example/01/06901234567891"),
    ("UDI-102", "https://d.example/01/069012345678921"),
    ("UDI-101", f"01{GTIN}4106901234567891"),
    # nobody's
    ("UDI-103", ""),
    ("UDI-103", "  "),
    ("UDI-103", "LOT26"),
    ("UDI-103", "批号26A0412"),
    ("UDI-103", "０１０６９０１２３４５６７８９２"),
    ("UDI-103", "（01）06901234567892"),
    ("UDI-103", "ma.156.M0.100761.21234561"),
    ("UDI-103", "\x00"),
    ("UDI-103", "ftp://d.example/01/06901234567892"),
    ("UDI-103", "1" * 2049),
    # elements
    ("UDI-104", "26A0412"),
    ("UDI-104", "690123456789212"),  # 15 digits
    ("UDI-104", "6.90123E+12"),  # what a spreadsheet makes of one
    ("UDI-104", f"01{GTIN}10"),
    ("UDI-104", f"01{GTIN}10{GS}21S"),
    ("UDI-104", f"01{GTIN}10" + "A" * 21),
    ("UDI-104", f"01{GTIN}10批1"),
    ("UDI-104", f"01{GTIN}10２６A"),
    ("UDI-104", f"01{GTIN}1726０200"),
    ("UDI-104", f"01{GTIN}10A#1"),
    ("UDI-104", f"01{GTIN}05X"),
    ("UDI-104", f"01{GTIN}1"),
    ("UDI-104", f"01{GTIN}172702"),
    ("UDI-104", f"01{GTIN}172702A0"),
    ("UDI-104", f"01{GTIN}30"),
    ("UDI-104", f"01{GTIN}3012345678" + "9"),
    ("UDI-104", f"01{GTIN}700327022811591021S"),  # a separator after (7003) is lost
    ("UDI-104", f"01{GTIN} 10 26L01"),
    ("UDI-101", "0106901234567"),  # cut; 13 digits are a GTIN
    ("UDI-104", "010690123456789"),
    ("UDI-104", GS),
    ("UDI-104", f"]C1(01){GTIN}"),
    ("UDI-104", "]C1"),
    ("UDI-104", f"(01){GTIN[1:]}"),
    ("UDI-104", f"(01){GTIN}(10)"),
    ("UDI-104", f"(01){GTIN}(10)A B"),
    ("UDI-104", f"(01){GTIN}(10)A{GS}(21)B"),
    ("UDI-104", f"(01){GTIN}(17)2702"),
    ("UDI-104", f"(01){GTIN}(05)A"),
    ("UDI-104", f"(01){GTIN}(3109)000001"),
    ("UDI-104", f"(01){GTIN}(102)A"),
    # web addresses
    ("UDI-104", "https://d.example/"),
    ("UDI-104", "https://d.example/product?gtin=06901234567892"),
    ("UDI-104", "https://d.example/01/06901234567892/"),
    ("UDI-104", "https://d.example/01/06901234567892/21/S/10/L"),
    ("UDI-104", "https://d.example/01/06901234567892/10/L/10/L"),
    ("UDI-104", "https://d.example/01/06901234567892/10/L/235/T"),
    ("UDI-104", "https://d.example/01/06901234567892/17/270200"),
    ("UDI-104", "https://d.example/01/06901234567892?10=L"),
    ("UDI-104", "https://d.example/01/06901234567892?98765=L"),
    ("UDI-104", "https://d.example/01/06901234567892?30=1+1"),
    ("UDI-104", "https://d.example/01/06901234567892?17=270200;11=260101"),
    ("UDI-104", "https://d.example/01/06901234567892?17="),
    ("UDI-104", "https://d.example/01/06901234567892?240=A+B"),
    ("UDI-104", "https://d.example/01/06901234567892/10/%ZZ"),
    ("UDI-104", "https://d.example/01/06901234567892/10/%FF"),
    ("UDI-104", "https://d.example/01/06901234567892/10/A B"),
    ("UDI-104", "https://d.example/01/06901234567892/10/批"),
    ("UDI-104", "https:///01/06901234567892"),
    ("UDI-104", "https://[d/01/06901234567892"),
    ("UDI-104", "https://d.example/AQnYUc1gmiPGGHQ0vA"),  # compressed
    # what goes together
    ("UDI-105", "10ABC"),
    ("UDI-105", "1718072510A2160102"),  # the second of two barcodes
    ("UDI-105", "(17)270200(10)A"),
    ("UDI-105", f"01{GTIN}{GS}0109506000134352"),
    ("UDI-105", f"01{GTIN}10A{GS}10B"),
    ("UDI-105", "(01)06901234567892(10)A(10)B"),
    ("UDI-105", f"01{GTIN}3712"),
    ("UDI-105", f"02{GTIN}3712"),
    ("UDI-105", f"01{GTIN}02{GTIN}37" + "12"),
    ("UDI-105", f"01{GTIN}21S{GS}235T"),
    ("UDI-105", f"01{GTIN}250S"),
    ("UDI-105", "00106141412345678908"),
    ("UDI-105", f"03{GTIN}10A"),
    ("UDI-105", f"01{GTIN}17270228" + "70032702271159"),
    ("UDI-105", "https://d.example/01/06901234567892?250=S"),
    # two readings
    ("UDI-106", "(01)06901234567892(10)A(21)B)"),
    ("UDI-106", "(01)06901234567892(10)A(B)"),
    ("UDI-106", "(01)06901234567892(10)A(21B"),
    ("UDI-106", "(1)6901234567892"),
    ("UDI-106", "(A)(01)06901234567892"),
    ("UDI-106", "(01)06901234567892(10)A<GS>(21)B"),
    ("UDI-106", "("),
    ("UDI-106", "()"),
    ("UDI-106", f"01{GTIN}10A<GS>21B{GS}17270200"),
    ("UDI-106", f"01{GTIN}10A~21B|17270200"),
    ("UDI-106", f"]C001{GTIN}10A"),
    # dates
    ("UDI-110", f"01{GTIN}17000000"),
    ("UDI-110", f"01{GTIN}17270000"),
    ("UDI-110", f"01{GTIN}17270230"),
    ("UDI-110", f"01{GTIN}11260431"),
    ("UDI-110", f"01{GTIN}15260431"),
    ("UDI-110", f"01{GTIN}70032702001159"),
    ("UDI-110", f"01{GTIN}70032702282459"),
    ("UDI-110", f"01{GTIN}70032702289999"),
]


@pytest.mark.parametrize(("code", "text"), REFUSALS, ids=[f"{code} {text[:60]!r}" for code, text in REFUSALS])
def test_what_is_no_label_is_refused(code, text):
    with pytest.raises(Refused) as caught:
        parse_udi(text)
    assert caught.value.code == code


@pytest.mark.parametrize(("code", "text"), REFUSALS, ids=[f"{code} {text[:60]!r}" for code, text in REFUSALS])
def test_a_refusal_shows_nothing_of_the_label(code, text):
    with pytest.raises(Refused) as caught:
        parse_udi(text)
    shown = caught.value.detail
    assert all(word not in shown for word in ("0690", "2702", "批", "%ZZ", "d.example", "26A"))


@pytest.mark.parametrize("identifier", ["]C1", "]d2", "]Q3", "]e0", "]J1"])
def test_a_printed_label_behind_what_a_scanner_sends_is_told(identifier):
    with pytest.raises(
        Refused, match="UDI-104 a scanner's symbology identifier and the parentheses of a printed label do"
    ):
        parse_udi(f"{identifier}(01){GTIN}(10)A")

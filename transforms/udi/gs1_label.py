"""GS1 elements to a UDI: check digits, associations, dates."""

from __future__ import annotations

from collections.abc import Mapping

from transforms import refusal
from transforms.errors import Refused
from transforms.udi.agency import GS1
from transforms.udi.association import check_associations
from transforms.udi.check_pair import check_pair
from transforms.udi.element_string import Elements, read_element_strings
from transforms.udi.gs1_date import read_dates
from transforms.udi.lost_separator import other_readings
from transforms.udi.udi import Udi
from transforms.value.gs1 import check_digit, to_gtin14

# How many of the data's first digits end in a check digit.
_CHECKED = {
    **dict.fromkeys(("01", "02", "03", "8006", "8026"), 14),
    **dict.fromkeys(("253", "255", "410", "411", "412", "413", "414", "415", "416", "417"), 13),
    **dict.fromkeys(("00", "8017", "8018"), 18),
    "402": 17,
}

_PAIRED = ("8013", "8014")  # these end in a pair of check characters


def read_gtin(raw: str, text: str) -> Udi:
    """Return the UDI of a GTIN that stands alone; UDI-101, UDI-102."""
    gtin = to_gtin14(text)
    return Udi(GS1, raw, di=gtin, level=int(gtin[0]), elements=(("01", gtin),))


def read_scan(raw: str, text: str) -> Udi:
    """Return the UDI of element strings as scanned, with UDI-W07 where a separator may be lost."""
    elements, separated = read_element_strings(text)
    suspect = not separated and any(True for _ in other_readings(elements))
    return label_of(raw, elements, (refusal.UDI_SEPARATOR_LOST,) if suspect else ())


def label_of(raw: str, elements: Elements, warnings: tuple[str, ...] = ()) -> Udi:
    """Return the UDI of `elements`; UDI-101 for a wrong check digit, UDI-105 for elements that do not go together."""
    found = check_associations(elements)
    for ai, data in found.items():
        _verify(ai, data)
    if "01" not in found:
        raise Refused(refusal.UDI_ASSOCIATION, detail="no (01): a device is identified by its GTIN")
    dates = read_dates(found)
    return Udi(
        agency=GS1,
        raw=raw,
        di=found["01"],
        level=int(found["01"][0]),
        lot=found.get("10"),
        serial=found.get("21"),
        made=dates.made,
        expiry=dates.expiry,
        expiry_time=dates.expiry_time,
        software=found.get("8012"),
        quantity=_count(found),
        elements=tuple(found.items()),
        warnings=warnings,
    )


def _verify(ai: str, data: str) -> None:
    length = _CHECKED.get(ai)
    wrong_digit = length and check_digit(data[: length - 1]) != data[length - 1]
    if wrong_digit or (ai in _PAIRED and check_pair(data[:-2]) != data[-2:]):
        raise Refused(refusal.GTIN_CHECK_DIGIT, detail=f"the check characters of ({ai}) do not fit the others")


def _count(found: Mapping[str, str]) -> int | None:
    return int(found["30"]) if "30" in found else None

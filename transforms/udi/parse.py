"""From a label's text to its parts: the one way in."""

from __future__ import annotations

import re
from functools import lru_cache

from transforms import refusal
from transforms.errors import Refused
from transforms.udi import symbology
from transforms.udi.agency import AHM, HIBCC, ICCBBA, MA, agency_of, is_address
from transforms.udi.digital_link import read_digital_link
from transforms.udi.gs1_label import label_of, read_gtin, read_scan
from transforms.udi.hibc import read_hibc
from transforms.udi.hri import read_hri
from transforms.udi.ma import read_ma
from transforms.udi.udi import Udi
from transforms.udi.whole import read_ahm, read_iccbba
from transforms.value.text import BLANKS

# Longer than a web address or a full DataMatrix; what is longer is no label.
MAX_CHARACTERS = 2048

# A GTIN alone: no element string of a device is as short.
_GTIN = re.compile(r"[0-9]{8}|[0-9]{12,14}")


# A row asks for several parts of one label, and neighbouring rows for the same one.
@lru_cache(maxsize=1024)
def parse_udi(text: str) -> Udi:
    """Return the parts of the label `text`; blanks around it are none of it.

    Raises Refused: UDI-101 check digit of a GTIN, UDI-102 no GTIN, UDI-103 no known label, UDI-104 GS1 element,
    UDI-105 GS1 elements that do not go together, UDI-106 ambiguous, UDI-107 HIBCC, UDI-108 HIBCC check character,
    UDI-109 MA, UDI-110 date.
    """
    if len(text) > MAX_CHARACTERS:
        raise Refused(refusal.UDI_UNKNOWN, detail=f"longer than {MAX_CHARACTERS} characters")
    identifier, data = symbology.split_symbology(text.strip(BLANKS))
    if identifier in symbology.GS1:
        if data.startswith("("):
            detail = "a scanner's symbology identifier and the parentheses of a printed label do not go together"
            raise Refused(refusal.UDI_ELEMENT, detail=detail)
        return read_scan(text, data)
    agency = agency_of(data)
    if agency == HIBCC:
        return read_hibc(text, data, blank_follows=text.rstrip("\r\n").endswith(" "))
    other = {ICCBBA: read_iccbba, AHM: read_ahm, MA: read_ma}.get(agency)
    return other(text, data) if other else _read_gs1(text, data, identifier)


def _read_gs1(text: str, data: str, identifier: str) -> Udi:
    if data.startswith("("):
        return label_of(text, read_hri(data))
    if is_address(data):
        return label_of(text, read_digital_link(data))
    if _GTIN.fullmatch(data):
        return read_gtin(text, data)
    if identifier:
        raise Refused(refusal.UDI_AMBIGUOUS, detail="the symbology identifier says that these are no GS1 elements")
    return read_scan(text, data)

"""GS1 Digital Link: `https://HOST/PATH/01/GTIN/22/CPV/10/LOT/21/SERIAL?17=YYMMDD`, of any host.

The path ends in the key (01), its qualifiers follow in their order (22, 10, 21, or 235 alone); other identifiers are
query parameters, and parameters that are no numbers are none of GS1's. Compressed links are not read.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from transforms import refusal
from transforms.errors import Refused
from transforms.udi.element_string import Elements, checked_data
from transforms.udi.identifier import identifier_at
from transforms.value.gs1 import to_gtin14

SCHEMES = ("https://", "http://")
_KEY = "01"
_QUALIFIERS = (("22", "10", "21"), ("235",))
_PAIRS = 4
_ADDRESS = re.compile(r"[!-~]+")
_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")


def read_digital_link(text: str) -> Elements:
    """Return (identifier, data), decoded; UDI-104 for a web address that is no Digital Link."""
    if not _ADDRESS.fullmatch(text) or _BROKEN.search(text):
        raise _refused("a web address with characters that it cannot have")
    try:
        address = urlsplit(text)
    except ValueError:
        raise _refused("not a web address") from None
    if not address.netloc:
        raise _refused("a web address without a host")
    return [*_path_elements(address.path.split("/")), *_query_elements(address.query)]


def _path_elements(segments: list[str]) -> Elements:
    # Key and qualifiers are pairs, at most four.
    starts = range(len(segments) % 2, len(segments), 2)[-_PAIRS:]
    readings = [segments[start:] for start in starts if segments[start] == _KEY and _in_order(segments[start + 2 :: 2])]
    if len(readings) != 1:
        raise _refused("a web address that is no GS1 Digital Link of a GTIN")
    (_, gtin, *qualifiers) = readings[0]
    return [(_KEY, to_gtin14(gtin)), *(_element(*pair) for pair in zip(qualifiers[::2], qualifiers[1::2], strict=True))]


def _in_order(qualifiers: list[str]) -> bool:
    return any(qualifiers == [name for name in order if name in qualifiers] for order in _QUALIFIERS)


def _query_elements(query: str) -> Elements:
    pairs = [parameter.partition("=") for parameter in query.split("&")]
    return [_parameter(name, data) for name, _, data in pairs if name.isdecimal()]


def _parameter(name: str, data: str) -> tuple[str, str]:
    if name == _KEY or any(name in order for order in _QUALIFIERS):
        raise _refused(f"({name}) among the parameters of a Digital Link, where it cannot stand")
    if "+" in data:
        raise _refused("a plus sign in a parameter: some read it as a blank")
    return _element(name, data)


def _element(ai: str, data: str) -> tuple[str, str]:
    found = identifier_at(ai)
    if found.ai != ai:
        raise _refused("a number in a Digital Link that is no application identifier")
    # Bytes that are not UTF-8 become a character that no identifier takes.
    return ai, checked_data(found, unquote(data))


def _refused(detail: str) -> Refused:
    return Refused(refusal.UDI_ELEMENT, detail=detail)

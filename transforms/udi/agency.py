"""Whose label a text is: told from its first characters, before anything is split.

The agencies' separators are each other's data (`&` and `,` of ISBT 128, `+` and `/` of HIBCC, `.` of MA are all in GS1
character set 82), so that trying one reader after the other would read nearly everything as something.
"""

from __future__ import annotations

from transforms import refusal
from transforms.errors import Refused
from transforms.udi.digital_link import SCHEMES
from transforms.udi.separator import SPELLINGS

GS1, HIBCC, ICCBBA, MA, AHM = "GS1", "HIBCC", "ICCBBA", "MA", "AHM"

_BEGINNINGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (HIBCC, ("+", "*+")),
    (ICCBBA, ("=", "&")),
    (MA, ("MA.",)),
    # The layout of AHM codes is not published; only one that says so itself is taken for one.
    (AHM, ("AHM",)),
    (GS1, ("(", *"0123456789", *SPELLINGS)),
)


def agency_of(data: str) -> str:
    """Return the agency of a label's data; UDI-103 if their beginning is nobody's."""
    for agency, beginnings in _BEGINNINGS:
        if data.startswith(beginnings):
            return agency
    if is_address(data):
        return GS1
    raise Refused(refusal.UDI_UNKNOWN, detail="the beginning is that of no issuing agency's labels")


def is_address(data: str) -> bool:
    """Tell whether `data` is a web address."""
    return data[: len(SCHEMES[0])].lower().startswith(SCHEMES)

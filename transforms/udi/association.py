"""Which GS1 application identifiers go together on one label.

The part of the GS1 Barcode Syntax Dictionary (2026-07) that concerns trade items and their attributes; identifiers that
are not listed stand with any other. biip checks none of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from transforms import refusal
from transforms.errors import Refused

_ITEMS = ("01", "02", "03", "8006", "8026")

# One of these must be there too; `01+21`: both.
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "02": ("37",),
    "37": ("00+02", "00+8026"),
    "10": _ITEMS,
    "11": _ITEMS,
    "12": ("8020",),
    "13": _ITEMS,
    "15": _ITEMS,
    "16": _ITEMS,
    "17": (*_ITEMS, "255"),
    "20": _ITEMS,
    "21": ("01", "03", "8006"),
    "22": ("01",),
    "235": ("01",),
    "240": _ITEMS,
    "241": _ITEMS,
    "242": ("01", "02", "8006", "8026"),
    "243": ("01", "03"),
    "250": ("01+21", "03+21", "8006+21"),
    "251": ("01", "03", "8006"),
    "30": ("01", "02"),
    "422": _ITEMS,
    "7003": ("01", "02", "03"),
    "7008": ("01", "02"),
    "7020": ("01+416", "03+416", "8006+416"),
    "7021": ("01", "03", "8006"),
    "7022": ("01+7021", "03+7021", "8006+7021"),
    "710": ("01",),
    "711": ("01",),
    "712": ("01",),
    "713": ("01",),
    "714": ("01",),
    "715": ("01",),
    "716": ("01",),
    "717": ("01",),
    "7240": ("01", "8006"),
    "8001": ("01",),
    "8008": ("01", "02", "03"),
    "8012": ("01", "03", "8006"),
    "8014": ("01",),
    "8026": ("37",),
    "8200": ("01",),
}

# None of these may be there too.
EXCLUDED: Mapping[str, tuple[str, ...]] = {
    "01": ("255", "37"),
    "02": ("01", "03"),
    "03": ("01", "02", "37", "235"),
    "21": ("235",),
    "255": ("01", "02", "415", "8006", "8020", "8026"),
    "7240": ("03",),
    "8006": ("01", "03", "37"),
    "8026": ("02", "03", "8006"),
}


def check_associations(elements: list[tuple[str, str]]) -> dict[str, str]:
    """Return the elements by identifier; UDI-105 for a lonely one, two that exclude each other, or two data of one."""
    found: dict[str, str] = {}
    for ai, data in elements:
        if found.setdefault(ai, data) != data:
            raise Refused(refusal.UDI_ASSOCIATION, detail=f"({ai}) stands twice, with different data")
    _check_company(tuple(found))
    return found


# Labels of one kind have the same identifiers.
@lru_cache(maxsize=1024)
def _check_company(names: tuple[str, ...]) -> None:
    for ai in names:
        _check_one(ai, frozenset(names))


def _check_one(ai: str, found: frozenset[str]) -> None:
    groups = REQUIRED.get(ai)
    if groups and not any(all(name in found for name in group.split("+")) for group in groups):
        raise Refused(refusal.UDI_ASSOCIATION, detail=f"({ai}) without ({') or ('.join(groups)})")
    for name in EXCLUDED.get(ai, ()):
        if name in found:
            raise Refused(refusal.UDI_ASSOCIATION, detail=f"({ai}) cannot stand with ({name})")

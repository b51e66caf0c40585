"""HIBCC labels (ANSI/HIBC 2.6 Supplier Labeling Standard): primary data, secondary data, or both joined by `/`.

primary      + LIC(4) PCN(1-18) U  C           C check character modulo 43, the last of the whole text
joined       + LIC PCN U / SECONDARY / SUPPLEMENT ... C
secondary    + SECONDARY / SUPPLEMENT ... L C  L link: the check character of the primary data
"""

from __future__ import annotations

from transforms import refusal
from transforms.errors import Refused
from transforms.udi import device_identifier
from transforms.udi.agency import HIBCC
from transforms.udi.hibc_secondary import Facts, read_secondary, read_supplement, refused
from transforms.udi.mod43 import check_character, is_in_alphabet
from transforms.udi.udi import Udi

_SHORTEST = 5  # `+`, `$`, a lot, link, check character


def read_hibc(raw: str, text: str, *, blank_follows: bool) -> Udi:
    """Return the UDI of a HIBCC label. UDI-107 for what is none, UDI-108 for a wrong check character, UDI-110.

    `blank_follows`: a blank stood behind `text`. A check character may be a blank, so that it may be data.
    """
    data = _verified(_without_caption(text), blank_follows=blank_follows)[1:-1]
    if not "A" <= data[0] <= "Z":
        facts: Facts = {"link": data[-1]}
        data = data[:-1]
        secondary, *supplements = data.split("/")
        if not read_secondary(secondary, facts):
            raise refused("neither primary nor secondary data")
    else:
        primary, *supplements = data.split("/")
        facts = _read_primary(primary)
        if supplements and read_secondary(supplements[0], facts):
            del supplements[0]
    for supplement in supplements:
        read_supplement(supplement, facts)
    return Udi(HIBCC, raw, elements=(("+", data),), **facts)


def _without_caption(text: str) -> str:
    """Return the data of a caption `*...*`, in which a blank is printed as `_`."""
    if text.startswith("*") and text.endswith("*"):
        return text[1:-1].replace("_", " ")
    return text


def _verified(text: str, *, blank_follows: bool) -> str:
    """Return the text with its check character, which fits."""
    if len(text) < _SHORTEST - 1 or not is_in_alphabet(text):
        raise refused("too short, or with a character that HIBCC data cannot have")
    for reading in (text, f"{text} ") if blank_follows else (text,):
        if len(reading) >= _SHORTEST and check_character(reading[:-1]) == reading[-1]:
            return reading
    raise Refused(refusal.UDI_HIBC_CHECK, detail="the check character does not fit the others")


def _read_primary(text: str) -> Facts:
    if not device_identifier.HIBCC.fullmatch(text):
        raise refused("not labeler, product and unit")
    return {"di": text, "level": int(text[-1])}

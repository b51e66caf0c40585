"""MA labels (IDcode, ZIIOT): `MA.156.M0.` registrant (6) `.` package (1) item (6) check (1), then production units.

A unit is `.`, a letter and its value: L lot, S serial, M made, D sterilisation lot (no date), V valid until, E expiry,
and last C, the check character of the units. Dates are YYMMDD or YYYYMMDD. The check characters' algorithm is not
published: their shape is checked and nothing else. `V` is not `E`: a label may carry both.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from transforms import refusal
from transforms.errors import Refused
from transforms.udi import device_identifier
from transforms.udi.agency import MA
from transforms.udi.label_date import LabelDate, read_yymmdd, read_yyyymmdd
from transforms.udi.udi import Udi

DI_LENGTH = 25
_NUMBER = re.compile(r"""[!"%&'()*+,\-/0-9:;<=>?A-Z_a-z]{1,20}""")  # GS1 set 82 without the point, which ends a unit
_CHECK = re.compile(r"C[0-9A-Za-z]")


def read_ma(raw: str, text: str) -> Udi:
    """Return the UDI of an MA label; UDI-109 for what is none, UDI-110 for a date that is none."""
    di = text[:DI_LENGTH]
    if not device_identifier.MA.fullmatch(di) or text[DI_LENGTH : DI_LENGTH + 1] not in ("", "."):
        raise _refused("not MA.156.M0, registrant and product of 25 characters")
    units = text[DI_LENGTH + 1 :].split(".") if len(text) > DI_LENGTH else []
    check = units.pop() if units and _CHECK.fullmatch(units[-1]) else None
    facts: dict[str, Any] = {}
    for unit in units:
        _read_unit(unit, facts)
    elements = [("DI", di), *((unit[:1], unit[1:]) for unit in (*units, *([check] if check else [])))]
    return Udi(MA, raw, di=di, level=int(di[17]), elements=tuple(elements), **facts)


def _read_unit(unit: str, facts: dict[str, Any]) -> None:
    known = _UNITS.get(unit[:1])
    if known is None:
        raise _refused("a point that begins no known unit")
    name, read = known
    if name in facts:
        raise _refused(f"two times {name}")
    facts[name] = read(unit[1:])


def _number(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise _refused("a number that is empty, longer than 20, or has a character that it cannot have")
    return text


def _day(text: str) -> LabelDate:
    return read_yyyymmdd(text) if len(text) == 8 else read_yymmdd(text)


def _refused(detail: str) -> Refused:
    return Refused(refusal.UDI_MA, detail=detail)


_UNITS: dict[str, tuple[str, Callable[[str], object]]] = {
    "L": ("lot", _number),
    "S": ("serial", _number),
    "D": ("sterilisation_lot", _number),
    "M": ("made", _day),
    "V": ("valid_until", _day),
    "E": ("expiry", _day),
}

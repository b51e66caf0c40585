"""A label against the columns beside it: they must agree, and where a separator may be lost they say how to read it."""

from __future__ import annotations

from transforms import refusal
from transforms.errors import Refused
from transforms.udi.element_string import Elements
from transforms.udi.lost_separator import other_readings
from transforms.udi.parse import parse_udi

_GS = "\x1d"


def confirm(text: str, lot: str | None, serial: str | None = None) -> str:
    """Return the label `text` as the columns `lot` and `serial` confirm it; with None there is nothing to compare.

    It is `text` itself, or, where a separator may be lost, the reading that has this lot and serial, with separators;
    `text` again where no reading has either of them: it is as doubtful as before.
    UDI-112 if the label has another lot or serial, UDI-106 if several readings agree, and what `parse_udi` refuses.
    """
    udi = parse_udi(text)
    if lot is None and serial is None:
        return text
    if not udi.warnings:
        if not _agrees(udi.lot, lot) or not _agrees(udi.serial, serial):
            raise _contradiction()
        return text
    elements = list(udi.elements)
    chosen = _choose([elements, *other_readings(elements)], lot, serial)
    return text if chosen is None else _GS.join(ai + data for ai, data in chosen)


def _choose(readings: list[Elements], lot: str | None, serial: str | None) -> Elements | None:
    """Return the reading that agrees with the columns, and on more of them than any other; None without agreement."""
    confirmed: dict[int, list[Elements]] = {}
    for reading in readings:
        found = dict(reading)
        pairs = ((found.get("10"), lot), (found.get("21"), serial))
        if all(_agrees(*pair) for pair in pairs):
            count = sum(in_column is not None and on_label == in_column for on_label, in_column in pairs)
            confirmed.setdefault(count, []).append(reading)
    if not confirmed:
        raise _contradiction()
    most = max(confirmed)
    best = confirmed[most]
    if not most:
        return None
    if len(best) > 1:
        raise Refused(refusal.UDI_AMBIGUOUS, detail="several readings of the label agree with the columns")
    return best[0]


def _agrees(on_label: str | None, in_column: str | None) -> bool:
    return on_label is None or in_column is None or on_label == in_column


def _contradiction() -> Refused:
    return Refused(refusal.UDI_CONTRADICTION, detail="the label has another lot or serial number than the column")

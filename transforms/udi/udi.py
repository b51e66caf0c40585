"""A parsed label."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time

from transforms.udi.label_date import LabelDate


@dataclass(frozen=True, slots=True)
class Udi:
    """What a label says. None: it does not say it.

    `agency` is GS1, HIBCC, MA, ICCBBA or AHM. `di` is the UDI-DI: GS1 the GTIN as 14 digits; HIBCC labeler, product and
    unit digit without `+` and check character (6 to 23 characters); MA its 25 characters. `level` is the digit of the
    package: of GS1 the indicator (0 none, 1 to 8 levels, 9 variable measure), of HIBCC the unit (0 of use, 1 to 8, 9).
    `expiry_time` is local time on the day of `expiry`. `quantity` is what one package holds, a count. `valid_until` and
    `sterilisation_lot` stand only on MA labels. `link` is the character by which HIBCC secondary data that stand alone
    refer to their primary data: its check character. `elements` are all parts as they stand, by identifier. `whole`:
    the agency's labels are kept as one text, and nothing else is known. `warnings` are codes of errors.yaml.
    """

    agency: str
    raw: str
    di: str | None = None
    level: int | None = None
    lot: str | None = None
    serial: str | None = None
    made: LabelDate | None = None
    expiry: LabelDate | None = None
    expiry_time: time | None = None
    valid_until: LabelDate | None = None
    software: str | None = None
    sterilisation_lot: str | None = None
    quantity: int | None = None
    link: str | None = None
    elements: tuple[tuple[str, str], ...] = ()
    whole: bool = False
    warnings: tuple[str, ...] = ()

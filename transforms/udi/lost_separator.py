"""A separator that storage dropped: `10 26L01 17 270200` becomes the lot `26L0117270200`, and nobody can tell any more.

The label is read as it stands, which is what the standard says, and warned about where the end of the data could just
as well be elements of their own. The columns beside the label decide (`confirm.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

from transforms.errors import Refused
from transforms.udi.association import check_associations
from transforms.udi.element_string import Elements, checked_data, read_part
from transforms.udi.gs1_date import read_dates
from transforms.udi.identifier import identifier_at

# What follows a lot or serial number on labels of devices. Of all identifiers nearly every number would be suspect.
FOLLOWING = ("10", "11", "13", "15", "16", "17", "21", "240", "30", "7003", "8008", "8012")


def other_readings(elements: Elements) -> Iterator[Elements]:
    """Yield the good labels that `elements`, read without separators, may have been before one was lost."""
    *before, (ai, data) = elements
    for end in range(1, len(data)):
        if data.startswith(FOLLOWING, end):
            reading = _reading(before, ai, data[:end], data[end:])
            if reading:
                yield reading


def _reading(before: Elements, ai: str, data: str, rest: str) -> Elements | None:
    try:
        reading = [*before, (ai, checked_data(identifier_at(ai), data)), *read_part(rest)]
        found = check_associations(reading)
        read_dates(found)
    except Refused:
        return None
    return reading if len(found) == len(reading) else None

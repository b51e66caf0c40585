"""A separator that storage dropped: `10 26L01 17 270200` becomes the lot `26L0117270200`, and nobody can tell any more.

The label is read as it stands, which is what the standard says, and warned about where the end of the data could just
as well be elements of their own. The columns beside the label decide.
"""

from __future__ import annotations

from transforms.errors import Refused
from transforms.udi.association import check_associations
from transforms.udi.element_string import Elements, checked_data, read_part
from transforms.udi.gs1_date import read_dates
from transforms.udi.identifier import identifier_at

# What follows a lot or serial number on labels of devices. Of all identifiers nearly every number would be suspect.
FOLLOWING = ("10", "11", "13", "15", "16", "17", "21", "240", "30", "7003", "8008", "8012")


def is_suspect(elements: Elements) -> bool:
    """Tell whether the last data could hide elements that the label does not have otherwise."""
    *before, (ai, data) = elements
    if not identifier_at(ai).ends:
        return False
    starts = (start for start in range(1, len(data)) if data.startswith(FOLLOWING, start))
    return any(_reads_on(before, ai, data[:start], data[start:]) for start in starts)


def _reads_on(before: Elements, ai: str, data: str, rest: str) -> bool:
    """Tell whether the label would be a good one if `data` ended where they do here."""
    try:
        hidden = read_part(rest)
        read_dates(check_associations([*before, (ai, checked_data(identifier_at(ai), data)), *hidden]))
    except Refused:
        return False
    names = [name for name, _ in (*before, (ai, data), *hidden)]
    return len({*names}) == len(names) and {name for name, _ in hidden} <= {*FOLLOWING}

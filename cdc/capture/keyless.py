"""Tables without a key, mirrored as the rows that they have and how many of each (`key: none` in the connector file).

Beside the source's columns their contract has two that only the mirror has: what a row is known by, and the count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cdc.capture.contract import ColumnContract
from cdc.errors import FatalError

ORIGIN: Final = "rows"
ROW: Final = "_row"
COUNT: Final = "_count"

_COLUMNS = (
    ColumnContract(ROW, "digest of the row", "uuid", "uuid", nullable=False),
    ColumnContract(COUNT, "number of such rows", "bigint", "int", nullable=False),
)


def as_keyless(
    mirror: str, columns: Sequence[ColumnContract], primary: Sequence[str]
) -> tuple[tuple[ColumnContract, ...], tuple[str, ...], str]:
    """Return columns, key and key origin of the contract. `primary` is the primary key that the table has all the same.

    Raises FatalError SRC-122 if there is one, SRC-204 if the source has a column of such a name.
    """
    if primary:
        raise FatalError("SRC-122", f"{mirror}: the table has a primary key ({', '.join(primary)})")
    taken = [column.name for column in columns if column.name in (ROW, COUNT)]
    if taken:
        raise FatalError("SRC-204", f"{mirror}: {', '.join(taken)} is a name of the mirror's own")
    return (*columns, *_COLUMNS), (ROW,), ORIGIN


def source_columns(columns: Sequence[ColumnContract]) -> tuple[ColumnContract, ...]:
    """Return the columns that the source has."""
    return tuple(column for column in columns if column not in _COLUMNS)

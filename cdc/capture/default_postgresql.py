"""What rows hold in a PostgreSQL column that was added after they were written.

PostgreSQL evaluates a default once when it adds the column and keeps the value in the catalogue (`attmissingval`). A
default that is set later is no older row's value. Once the table is written anew (a default that differs from row to
row, a changed type, VACUUM FULL) the value stands in the rows only, and nobody outside can tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def mirror_default(row: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Return the text that PostgreSQL casts to the mirror's type (None is NULL), and whether nobody can tell.

    `row` has `identity`, `has_missing`, `missing`, `expression` of the column, and whether the table is still in its
    `first_file`. A column that has no default now counts as added without one.
    """
    if row["identity"]:
        return None, True
    if row["has_missing"]:
        return row["missing"], False
    return None, row["expression"] is not None and not row["first_file"]

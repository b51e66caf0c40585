"""What rows hold in a PostgreSQL column that was added after they were written.

PostgreSQL evaluates a default once when it adds the column and keeps the value in the catalogue (`attmissingval`); a
default that differs from row to row makes it write every row instead, and then nobody outside can tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_LITERAL = re.compile(
    r"\(?(?:'(?P<text>(?:[^']|'')*)'|(?P<plain>[+-]?\d+(?:\.\d+)?|true|false|NULL))\)?(?:::[\w\s.\"(),\[\]]+)?"
)


def mirror_default(row: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Return the text that PostgreSQL casts to the mirror's type (None is NULL), and whether nobody can tell.

    `row` has `identity`, `has_missing`, `missing` and `expression` of the column.
    """
    if row["identity"]:
        return None, True
    if row["has_missing"]:
        return row["missing"], False
    if row["expression"] is None:
        return None, False
    literal = _LITERAL.fullmatch(row["expression"])
    if literal is None:
        return None, True
    if literal["plain"] is not None:
        return (None if literal["plain"] == "NULL" else literal["plain"]), False
    return literal["text"].replace("''", "'"), False

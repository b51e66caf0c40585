"""What the service puts behind the name of a schema, to name those that stand beside it in the target.

One list: names of sources and of canonical schemas are checked against it, and whoever makes such a schema takes its
suffix from here. It stands on this side as the dictionary is checked without a service.
"""

from __future__ import annotations

import re
from typing import Final

DELETED: Final = "_deleted"
"""Beside a source's mirrors: the last images of rows that are gone."""
CHANGE: Final = "_change"
"""Beside a source's mirrors: all that their rows have been."""
HELD: Final = "_held"
"""Beside a canonical schema: candidates that are no rows."""
CONTRIBUTION: Final = "_contribution"
"""Beside a canonical schema: what is said of the rows of its folds."""
SHADOW: Final = "_shadow"
"""Beside a canonical schema, and those beside it: the same by another dictionary."""
LEAVING: Final = "_leaving"
"""Beside a canonical schema, within one transaction: tables that others take the place of."""

OF_A_SOURCE: Final = (DELETED, CHANGE)
OF_A_TARGET: Final = (HELD, CONTRIBUTION, SHADOW, LEAVING)

_SYSTEM = re.compile("pg_.*|information_schema")
_SERVICE = re.compile(f"cdc|.*({'|'.join(OF_A_TARGET)})")


def schema_taken(schema: str) -> str:
    """Return why nobody else can have a schema of that name, nothing where that is not so."""
    if _SYSTEM.fullmatch(schema):
        # It takes no schema of a name that begins with pg_, and what is made in its own ones it does not show.
        return "PostgreSQL keeps it for itself"
    return "the service keeps its own tables there" if _SERVICE.fullmatch(schema) else ""

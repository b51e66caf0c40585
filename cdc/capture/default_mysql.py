"""What rows hold in a MySQL column that was added after they were written, told from information_schema.

As of MariaDB (`cdc.capture.default_mariadb`), but for how it is printed: a literal without quotes, and an expression
is marked as one.
"""

from __future__ import annotations

from cdc.capture.default_mariadb import COMPUTED, NULL, Default, implicit_default, literal_default
from cdc.capture.types import MirrorType


def mysql_default(expression: str | None, extra: str, kind: MirrorType, *, nullable: bool) -> Default:
    """Return the default of a column; `expression` is COLUMN_DEFAULT, `extra` EXTRA as the catalogue prints them."""
    if "auto_increment" in extra or "DEFAULT_GENERATED" in extra:
        return COMPUTED
    if expression is None:
        return NULL if nullable else implicit_default(kind)
    return literal_default(expression, kind, nullable=nullable)

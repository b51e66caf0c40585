"""MySQL's types: which of them arrive exactly, and as what.

Found as MariaDB's were (`cdc.capture.types_mariadb`), on a server of its own: the connectors are two, and so are their
drivers. What is not in the table is refused (SRC-201): nobody has looked.
"""

from __future__ import annotations

from cdc.capture.types import MirrorType
from cdc.capture.types_mariadb import TYPES as _OF_MARIADB
from cdc.capture.types_mariadb import of_types
from cdc.errors import FatalError

# As of MariaDB; a collection of geometries has another name.
TYPES = {
    **{name: rule for name, rule in _OF_MARIADB.items() if name != "geometrycollection"},
    "geomcollection": _OF_MARIADB["geometrycollection"],
}


def of_mysql(column_type: str, place: str, charset: str | None = None) -> MirrorType:
    """Map `COLUMN_TYPE` of information_schema (`int unsigned`, `enum('a','b')`). `place` is `source.table.column`.

    Raises SRC-201 for a type without an exact mirror yet, SRC-202 for one that the log reader alters.
    """
    if column_type == "json":
        raise FatalError("SRC-202", f"{place} is json: the log reader writes numbers, times and bytes in it otherwise")
    return of_types(TYPES, column_type, place, charset)

"""The columns that the service's tables have beside those of a source table; no source column can have their names.

A mirror has SERVICE_COLUMNS, its deleted twin DELETED_COLUMNS, its staging table STAGE_COLUMNS: name to DDL. Of a table
whose versions are kept the change mirror has CHANGE_COLUMNS; other tables may have columns of these names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

SERVICE_COLUMNS: Final = {"_offset": "bigint NOT NULL", "_source_ts": "timestamptz"}
MAPPED_COLUMNS: Final = {"_source_ts": "timestamp with time zone"}
"""Those that a mapping may read as if they were the source's: when the row's last change was committed there."""
DELETED_COLUMNS: Final = {**SERVICE_COLUMNS, "_deleted_offset": "bigint NOT NULL", "_deleted_ts": "timestamptz"}
CHANGE_COLUMNS: Final = {
    **SERVICE_COLUMNS,
    "_version": "bigint NOT NULL",
    "_op": "text NOT NULL",
    "_valid_from": "timestamptz",
    "_valid_to": "timestamptz",
    "_old_key": "text",
}
STAGE_COLUMNS: Final = {
    "_offset": "bigint",
    "_source_ts": "timestamptz",
    "_deleted_offset": "bigint",
    "_deleted_ts": "timestamptz",
    "_op": "\"char\" DEFAULT 'u'",
    "_shape": "int DEFAULT 0",
    "_whole": "boolean DEFAULT true",
    "_code": "text",
    "_code_offset": "bigint",
}
_OWN: Final = (SERVICE_COLUMNS, DELETED_COLUMNS, STAGE_COLUMNS)

# Every table of PostgreSQL has these already.
_SYSTEM: Final = ("tableoid", "xmin", "cmin", "xmax", "cmax", "ctid")
RESERVED_NAMES: Final = frozenset(_SYSTEM).union(*_OWN)

# A table of PostgreSQL has 1600 columns at most.
MAX_SOURCE_COLUMNS: Final = 1600 - max(map(len, _OWN))

# Of names PostgreSQL keeps that many bytes and cuts off the rest in silence.
_NAME_BYTES: Final = 63


def is_name(name: str) -> bool:
    """Tell whether PostgreSQL, and a person who reads it, can have a name as it is."""
    return 0 < len(name.encode(errors="replace")) <= _NAME_BYTES and name.isprintable()


def name_faults(table: str, columns: Sequence[str]) -> list[str]:
    """Return what a mirror cannot have of a source's table: names, or so many columns."""
    faults = [f"column {name!r}" for name in columns if not is_name(name) or name in RESERVED_NAMES]
    if len(columns) > MAX_SOURCE_COLUMNS:
        faults.append(f"{len(columns)} columns, {MAX_SOURCE_COLUMNS} at most")
    if not is_name(table) or "." in table:
        faults.insert(0, f"table {table!r}")
    return faults

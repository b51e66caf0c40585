"""Names that canonical tables and columns cannot have, because PostgreSQL or the service has them already."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from transforms.beside import OF_A_SOURCE, schema_taken
from transforms.errors import Faults
from transforms.yaml.document import Scalar
from transforms.yaml.name import TABLE, check_names

# Every table of PostgreSQL has these.
_SYSTEM_COLUMNS: Final = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
# What an example calls what the service notes on a row, and on a contribution to a fold: `_warnings`, `_order`.
NOTED: Final = frozenset({"warnings"})
NOTED_OF_A_FOLD: Final = NOTED | {"order"}


def check_table(name: Scalar, sources: Collection[str], faults: Faults) -> None:
    """Find what is wrong with the name of a canonical table; `sources` are those of the dictionary."""
    check_names((name,), TABLE, faults)
    schema = name.text.partition(".")[0]
    told = schema_taken(schema) or _taken_by_source(schema, sources)
    if told:
        faults.add(name.place, "DIC-105", f"schema `{schema}` is not for canonical tables: {told}; take another one")


def check_columns(names: Iterable[Scalar], faults: Faults, noted: Collection[str] = NOTED) -> None:
    """Find canonical columns that no table can have beside those of PostgreSQL and of the service."""
    for name in names:
        if name.text in _SYSTEM_COLUMNS:
            message = f"every table of PostgreSQL has a column `{name.text}` of its own; take another name"
            faults.add(name.place, "DIC-105", message)
        elif name.text in noted:
            message = f"`{name.text}` of an example is what the service notes as `_{name.text}`; take another name"
            faults.add(name.place, "DIC-105", message)


def _taken_by_source(schema: str, sources: Collection[str]) -> str:
    found = [source for source in sources for suffix in ("", *OF_A_SOURCE) if schema == source + suffix]
    return f"the rows of source `{found[0]}` stand there" if found else ""

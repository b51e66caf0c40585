"""What differs from product to product where a connector is rendered whose changes are not landed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cdc.capture.source import Source, SourceTable


@dataclass(frozen=True, slots=True)
class Product:
    """`pinned` are settings beside, or instead of, those of all connectors. `own` names database and encryption as the
    connector does, `name` gives the parts of a table's name in its lists. `has_history` says that it keeps the history
    of table definitions in a topic."""

    pinned: Mapping[str, str]
    own: Callable[[Source], dict[str, str]]
    name: Callable[[Source, SourceTable], tuple[str, ...]]
    has_history: bool = True


def of_schema(_: Source, table: SourceTable) -> tuple[str, ...]:
    """Return `schema.table`."""
    return table.schema, table.name


def of_database(source: Source, table: SourceTable) -> tuple[str, ...]:
    """Return `database.table`, or `database.schema.table` where there are schemas."""
    return tuple(filter(None, (source.database, table.schema, table.name)))


def named(values: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that have a value."""
    return {name: value for name, value in values.items() if value}

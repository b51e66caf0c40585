"""Values that PostgreSQL holds and Python cannot: infinite times, years BC, 24:00, intervals beyond a timedelta.

Reading one must not end the turn of all other rows. It loads as the text that PostgreSQL prints; the mapping that reads
it refuses its row for that.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg.adapt import Buffer, Loader

_TYPES: Final = ("date", "time", "timetz", "timestamp", "timestamptz", "interval")


def load_unreadable_as_text(connection: psycopg.Connection[Any]) -> None:
    """Make a session load values out of Python's range as text."""
    for name in _TYPES:
        oid = connection.adapters.types[name].oid
        known = connection.adapters.get_loader(oid, psycopg.pq.Format.TEXT)
        if known is not None:
            connection.adapters.register_loader(oid, _tolerant(known))


def _tolerant(known: type[Any]) -> type[Loader]:
    class Tolerant(Loader):
        def __init__(self, oid: int, context: Any = None) -> None:
            super().__init__(oid, context)
            self._known = known(oid, context)

        def load(self, data: Buffer) -> object:
            try:
                return self._known.load(data)
            except (psycopg.DataError, OverflowError, ValueError):
                return bytes(data).decode()

    return Tolerant

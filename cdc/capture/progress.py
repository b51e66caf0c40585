"""How far a source's reader is: what has landed of the tables that it is at, since each was begun."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

import psycopg

from cdc.capture.connector import mirrors_of
from cdc.capture.readings import READING, STARTING, Unread
from cdc.capture.source import Source
from cdc.observe.load import Load, read_reading


def progress(
    target: psycopg.Connection,
    source: Source,
    unread: Iterable[Unread],
    estimates: Mapping[str, int],
    partial: Container[str] = (),
) -> Load | None:
    """Return how far the reading of those tables is that are not paused; None if there are none.

    Rows are all that landed of a table since, changes that came meanwhile among them: about as many as were read.
    `estimates` are rows by mirror. Of a table in `partial` only some rows are read, and nobody knows how many.
    """
    mirrors = mirrors_of(source)
    left = [state for state in unread if state.state in (STARTING, READING)]
    if not left:
        return None
    begun = {mirrors[state.table]: state.begun_at for state in left if state.begun_at is not None}
    unknown = {mirrors[table] for table in mirrors if table in partial}
    known = {mirror: rows for mirror, rows in estimates.items() if mirror not in unknown}
    return read_reading(target, source.stream, [mirrors[state.table] for state in left], begun, known)

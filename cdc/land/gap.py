"""Gaps: where a stream was found not to go on as it should. What is on record of one is never removed.

Events are missing (STR-102, STR-106), or others stand in their place: the source (STR-105, STR-123), the topic
(STR-107) or its end (STR-117) is not the one that was read before. The stream stops; how it was repaired shows in what
landed after.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
import structlog
from psycopg.rows import class_row

from cdc.access import Target
from cdc.errors import CdcError, FatalError
from cdc.store.connection import as_service_errors, connect

CODES: Final = frozenset({"STR-102", "STR-105", "STR-106", "STR-107", "STR-117", "STR-123"})
"""The faults of a stream by which events may be lost for the service."""
PASSED_OVER: Final = "STR-121"
"""The code of the gap that an operator makes."""

_logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Gap:
    """One gap: behind which batch, at which offset, and what was found there."""

    stream: str
    batch: int
    offset: int
    code: str
    detail: str
    found_at: datetime


def streams_named(streams: Iterable[str], error: FatalError) -> list[str]:
    """Return which of the streams an error of the client is about: it names them. `cdc.mes2` is not `cdc.mes`."""
    named = re.findall(r"[\w.]+", error.detail)
    return [stream for stream in streams if stream in named]


def note_gap(target: Target, stream: str, error: FatalError) -> None:
    """Put a gap on record, if the error tells of one; it is the same gap until something lands behind it.

    On a connection of its own: that of the landing may be in the middle of anything. A target that does not answer
    keeps nothing; the fault is still there when the next worker reads the stream.
    """
    if error.code not in CODES:
        return
    try:
        with as_service_errors(), connect(target, "cdc land") as connection:
            connection.execute(
                'INSERT INTO cdc.gap (stream, batch, "offset", code, detail)'
                " SELECT stream, batch, next_offset, %s, %s FROM cdc.position WHERE stream = %s ON CONFLICT DO NOTHING",
                (error.code, error.detail, stream),
            )
    except CdcError as failure:
        _logger.warning("gap_not_kept", stream=stream, error=failure)


def read_gaps(connection: psycopg.Connection[Any], stream: str | None = None) -> list[Gap]:
    """Return the gaps of a stream, or of all, in the order in which they were found."""
    with connection.cursor(row_factory=class_row(Gap)) as cursor:
        cursor.execute(
            'SELECT stream, batch, "offset", code, detail, found_at FROM cdc.gap'
            " WHERE stream = coalesce(%s, stream) ORDER BY found_at, stream",
            (stream,),
        )
        return cursor.fetchall()

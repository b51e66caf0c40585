"""Gaps: where a stream was found not to go on as it should. What is on record of one is never removed.

Events are missing (STR-102, STR-106, STR-124), or others stand in their place: the source (STR-105, STR-123), the topic
(STR-107) or its end (STR-117) is not the one that was read before. The stream stops; how it was repaired shows in what
landed after. A new snapshot of the whole source is one, too: what its connector had not sent before nobody has.
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
from cdc.land.position import Position
from cdc.store.connection import as_service_errors, connect

CODES: Final = frozenset({"STR-102", "STR-105", "STR-106", "STR-107", "STR-117", "STR-123", "STR-124"})
"""The faults of a stream by which events may be lost for the service."""
PASSED_OVER: Final = "STR-121"
"""The code of the gap that an operator makes, and a new snapshot of a source that had one."""
_NEW_SNAPSHOT: Final = """
INSERT INTO cdc.gap (stream, batch, "offset", code, detail)
SELECT %(stream)s, %(batch)s, %(offset)s, %(code)s, %(detail)s
WHERE NOT EXISTS (SELECT FROM cdc.gap g WHERE g.stream = %(stream)s AND g.code = %(code)s AND g."offset" > %(since)s)
"""

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


def note_new_snapshot(connection: psycopg.Connection[Any], position: Position) -> None:
    """Put on record, within the transaction that lands its first rows, that a whole source is read anew.

    `position` is that of before. Nobody knows whether its connector had sent all that was committed until then: its log
    may have lost the place. The first snapshot is none, nor one that begins again before it has ended; where an
    operator passed something over for it, that is the gap.
    """
    if not position.generations or position.snapshot_position is not None:
        return
    place = position.source_position or "a place that nobody has"
    connection.execute(
        _NEW_SNAPSHOT,
        {
            "stream": position.stream,
            "batch": position.batch,
            "offset": position.next_offset,
            "code": PASSED_OVER,
            "detail": f"a new snapshot of the whole source; the log has landed up to {place}",
            "since": position.generation_from or 0,
        },
    )


def read_gaps(connection: psycopg.Connection[Any], stream: str | None = None) -> list[Gap]:
    """Return the gaps of a stream, or of all, in the order in which they were found."""
    with connection.cursor(row_factory=class_row(Gap)) as cursor:
        cursor.execute(
            'SELECT stream, batch, "offset", code, detail, found_at FROM cdc.gap'
            " WHERE stream = coalesce(%s, stream) ORDER BY found_at, stream",
            (stream,),
        )
        return cursor.fetchall()

"""What is on record in the target of published heads: each line, and the places that could not be written to.

It decides nothing: who owns the database can change it. It says where the copies are to be found that nobody can.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from cdc.evidence.anchor import Anchor

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """A place that could not be written to when it was tried last."""

    place: str
    host: str
    detail: str
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class Overdue:
    """A stream of which batches have landed since `since` whose head is not at a place, though it should be."""

    place: str
    stream: str
    since: datetime


def note_published(connection: Connection, place: str, anchors: Sequence[Anchor]) -> None:
    """Put anchors on record that are at a place now, and forget that it could not be written to."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            'INSERT INTO cdc.anchor (place, stream, "offset", line) VALUES (%s, %s, %s, %s)',
            [(place, anchor.stream, anchor.offset, anchor.line().decode()) for anchor in anchors],
        )
        cursor.execute("DELETE FROM cdc.anchor_failure WHERE (place, host) = (%s, %s)", (place, socket.gethostname()))


def note_failure(connection: Connection, place: str, detail: str) -> None:
    """Put on record that a place cannot be written to from this host."""
    with connection.transaction():
        connection.execute(
            "INSERT INTO cdc.anchor_failure (place, host, detail) VALUES (%s, %s, %s)"
            " ON CONFLICT (place, host) DO UPDATE SET detail = excluded.detail, failed_at = excluded.failed_at",
            (place, socket.gethostname(), detail),
        )


def read_lines(connection: Connection) -> list[bytes]:
    """Return the lines on record, in the order in which they were published."""
    return [line.encode() for (line,) in connection.execute("SELECT line FROM cdc.anchor ORDER BY id").fetchall()]


def read_failures(connection: Connection, places: Sequence[str]) -> list[Failure]:
    """Return which of the places cannot be written to."""
    with connection.cursor(row_factory=class_row(Failure)) as cursor:
        query = (
            "SELECT place, host, detail, failed_at FROM cdc.anchor_failure WHERE place = ANY(%s) ORDER BY place, host"
        )
        return cursor.execute(query, (list(places),)).fetchall()


def read_overdue(connection: Connection, places: Sequence[str], patience_s: float) -> list[Overdue]:
    """Return the streams whose first batch behind the last published head landed longer ago than that, by place."""
    with connection.cursor(row_factory=class_row(Overdue)) as cursor:
        return cursor.execute(_OVERDUE, {"places": list(places), "patience": patience_s}).fetchall()


_OVERDUE = b"""
SELECT place, p.stream, b.landed_at AS since
FROM cdc.position p CROSS JOIN unnest(%(places)s::text[]) place
LEFT JOIN LATERAL (
    SELECT a."offset" FROM cdc.anchor a WHERE a.place = place AND a.stream = p.stream ORDER BY a.id DESC LIMIT 1
) last ON true
JOIN LATERAL (
    SELECT landed_at FROM cdc.batch b WHERE b.stream = p.stream AND b.first_offset >= coalesce(last."offset", 0)
    ORDER BY b.first_offset LIMIT 1
) b ON b.landed_at < now() - make_interval(secs => %(patience)s)
ORDER BY place, p.stream
"""

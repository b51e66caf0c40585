"""What was read of a stream and has not landed, kept beyond the end of the worker that read it.

Only that worker knows of it. When it finds that a topic has lost its end it stops, for a person to look; a container or
a service manager may start another one, which would land what came in its place as if nothing had been there.
"""

from __future__ import annotations

import psycopg

from cdc.change import Record
from cdc.land.journal import pack, unpack


def keep_last_read(connection: psycopg.Connection, stream: str, record: Record) -> None:
    """Keep the last record that was read of a stream, in a transaction of its own."""
    with connection.transaction():
        connection.execute(
            "INSERT INTO cdc.last_read (stream, record) VALUES (%s, %s)"
            " ON CONFLICT (stream) DO UPDATE SET record = excluded.record, kept_at = now()",
            (stream, pack([record])),
        )


def find_last_read(connection: psycopg.Connection, stream: str, next_offset: int) -> Record | None:
    """Return the record that was kept, unless it has landed since: it lies before `next_offset`."""
    with connection.transaction():
        row = connection.execute("SELECT record FROM cdc.last_read WHERE stream = %s", (stream,)).fetchone()
    (record,) = unpack(row[0]) if row else (None,)
    return record if record is not None and record.offset >= next_offset else None

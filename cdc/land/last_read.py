"""What was read of a stream and has not landed, kept beyond the end of the worker that read it.

Only that worker knows of it. If the topic loses its end before it is read again, the next worker would land what came
in its place as if nothing had been there.
"""

from __future__ import annotations

import psycopg

from cdc.change import Record
from cdc.land.journal import pack, unpack


def keep_last_read(connection: psycopg.Connection, stream: str, record: Record) -> None:
    """Keep the last record that was read of a stream, unless more is known, in a transaction of its own."""
    with connection.transaction():
        connection.execute(
            'INSERT INTO cdc.last_read AS k (stream, "offset", record) VALUES (%s, %s, %s)'
            ' ON CONFLICT (stream) DO UPDATE SET "offset" = excluded."offset", record = excluded.record,'
            ' kept_at = now() WHERE k."offset" < excluded."offset"',
            (stream, record.offset, pack([record])),
        )


def find_last_read(connection: psycopg.Connection, stream: str, next_offset: int) -> Record | None:
    """Return the record that was kept, unless it has landed since: it lies before `next_offset`."""
    with connection.transaction():
        row = connection.execute(
            'SELECT record FROM cdc.last_read WHERE stream = %s AND "offset" >= %s', (stream, next_offset)
        ).fetchone()
    return unpack(row[0])[0] if row else None

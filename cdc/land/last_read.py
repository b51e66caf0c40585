"""What was read of a stream and has not landed, kept beyond the end of the worker that read it.

Only that worker knows of it. If the topic loses its end before it is read again, the next worker would land what came
in its place as if nothing had been there.
"""

from __future__ import annotations

import psycopg
import structlog

from cdc.change import Record
from cdc.config import Protection
from cdc.land.journal import pack, unpack
from cdc.protect.seal import Opener, Sealer, ShreddedError, place_of

# A record that nobody has decoded may be of any table: it is sealed as one that no field is made of.
_MIRROR = ""
_PART = "last read"

_logger = structlog.get_logger()


def keep_last_read(
    connection: psycopg.Connection, stream: str, record: Record, protection: Protection | None = None
) -> None:
    """Keep the last record that was read of a stream, unless more is known, in a transaction of its own."""
    with connection.transaction():
        kept, key = pack([record]), None
        if protection is not None:
            sealer = Sealer(connection, protection, (_MIRROR,))
            kept, key = sealer.seal(_MIRROR, place_of(stream, record.offset, _PART), kept), sealer.key_of(_MIRROR)
        connection.execute(
            'INSERT INTO cdc.last_read AS k (stream, "offset", record, data_key) VALUES (%s, %s, %s, %s)'
            ' ON CONFLICT (stream) DO UPDATE SET "offset" = excluded."offset", record = excluded.record,'
            ' data_key = excluded.data_key, kept_at = now() WHERE k."offset" < excluded."offset"',
            (stream, record.offset, kept, key),
        )


def find_last_read(
    connection: psycopg.Connection, stream: str, next_offset: int, protection: Protection | None = None
) -> Record | None:
    """Return the record that was kept, unless it has landed since: it lies before `next_offset`.

    One whose key was shredded is none any more. Raises FatalError PRT-103 and PRT-104.
    """
    with connection.transaction():
        row = connection.execute(
            'SELECT record, data_key, "offset" FROM cdc.last_read WHERE stream = %s AND "offset" >= %s',
            (stream, next_offset),
        ).fetchone()
        if row is None or row[1] is None:
            return unpack(row[0])[0] if row else None
        try:
            kept = Opener(connection, protection).open(row[1], place_of(stream, row[2], _PART), row[0])
        except ShreddedError as gone:
            _logger.warning("last_read_not_compared", stream=stream, reason=str(gone))
            return None
    return unpack(kept)[0]

"""Debezium's envelope (JSON without schemas) to an `Event`. Values stay raw: they are decoded by the contract later.

What identifies a transaction and orders the events inside it differs by source:

- PostgreSQL: the id is `xid:lsn` and the lsn part differs in every record, so only the part before the colon counts;
  `total_order` is contiguous within the transaction, also across a restart of the task.
- MariaDB, MySQL: the id is the GTID; `total_order` starts at 1 again after a restart of the task, so the place is
  (binlog number, position of the row event, row in it, half of a key change).
- MySQL: a TRUNCATE is a transaction of its own, without BEGIN and END; its GTID stands in the source only.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated

import msgspec

from cdc.change import Event, Kind, LogPosition, Place, Record
from cdc.errors import FatalError

# The end of the source name of rows that a second connector reads beside the stream (`cdc.capture.reading`). No source
# is named so.
READER_SUFFIX = "-read"

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The target keeps places and positions as bigint, and transactions by their id in an index.
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_MAX_ID = 200


class _Source(msgspec.Struct, gc=False):
    """The `source` block; each connector fills its own half."""

    name: str = ""
    db: str | None = None
    schema: str | None = None
    table: str | None = None
    snapshot: str | bool | None = None
    ts_us: int | None = None
    ts_ms: int | None = None
    lsn: _Count | None = None
    gtid: str | None = None
    file: str | None = None
    pos: _Count | None = None
    row: _Count | None = None


class _Transaction(msgspec.Struct, gc=False):
    id: str
    total_order: _Count


_NULL = msgspec.Raw(b"null")


class _Envelope(msgspec.Struct, gc=False):
    """Union of all shapes that reach the stream: row events, BEGIN and END, heartbeats, messages, schema changes."""

    op: str | None = None
    before: msgspec.Raw = _NULL
    after: msgspec.Raw = _NULL
    source: _Source | None = None
    transaction: _Transaction | None = None
    status: str | None = None
    id: str | None = None
    event_count: _Count | None = None
    ddl: msgspec.Raw = _NULL
    tableChanges: msgspec.Raw = _NULL  # noqa: N815 - the field's name on the wire


class _Heartbeat(msgspec.Struct, forbid_unknown_fields=True):
    """A heartbeat has nothing else: what has more was meant to be something else."""

    ts_ms: int


_decode = msgspec.json.Decoder(_Envelope).decode
_decode_heartbeat = msgspec.json.Decoder(_Heartbeat).decode
_KINDS = {**dict.fromkeys("curd", Kind.ROW), "t": Kind.TRUNCATE, "m": Kind.MESSAGE}


def read_event(record: Record, database: str, origin: str | None = None) -> Event:
    """Return the event that `record` holds. `database` is the connector's kind: `postgresql`, `mariadb` or `mysql`.

    `origin` is the name of the source's database; None takes the rows of any. Raises FatalError STR-101 for a record
    that is not an envelope: nobody knows which row it changes.
    """
    if record.value is None:
        return Event(record, Kind.TOMBSTONE)
    try:
        envelope = _decode(record.value)
        if envelope.op is None:
            return _other_event(record, record.value, envelope, database)
        event = _row_event(record, envelope, envelope.source, database)
    except (msgspec.DecodeError, ValueError, OverflowError, RecursionError) as error:
        raise FatalError("STR-101", f"offset {record.offset}") from error
    if origin is not None and envelope.source is not None and envelope.source.db != origin:
        raise FatalError("STR-101", f"row of another database than {origin} at offset {record.offset}")
    return event


def _row_event(record: Record, envelope: _Envelope, source: _Source | None, database: str) -> Event:
    op = envelope.op or ""
    kind = _KINDS.get(op)
    if kind is None:
        raise FatalError("STR-101", f"operation {op!r:.5} at offset {record.offset}")
    transaction = envelope.transaction or _of_truncate(op, source, database)
    is_postgresql = database == "postgresql"
    schema = source and (source.schema if is_postgresql else source.db)
    if source is None or schema is None or source.table is None or (op == "r" and transaction is not None):
        raise FatalError("STR-101", f"offset {record.offset}")
    # Neither the markers of its snapshot nor its place in the log are the stream's.
    is_read_beside = source.name.endswith(READER_SUFFIX)
    return Event(
        record,
        kind,
        op,
        f"{schema}.{source.table}",
        None if transaction is None else transaction_id(transaction.id, database),
        () if transaction is None else _place(op, source, transaction, database),
        "incremental" if is_read_beside else _snapshot(source.snapshot),
        _bytes(envelope.before),
        _bytes(envelope.after),
        0,
        None if is_read_beside else _position(source),
        _time(source),
    )


def _of_truncate(op: str, source: _Source | None, database: str) -> _Transaction | None:
    """Return the transaction of a TRUNCATE of MySQL. Without GTIDs there is none."""
    if database != "mysql" or op != "t" or source is None or not source.gtid:
        return None
    return _Transaction(source.gtid, 1)


def _other_event(record: Record, value: bytes, envelope: _Envelope, database: str) -> Event:
    if envelope.status == "BEGIN" and envelope.id:
        return Event(record, Kind.BEGIN, transaction=transaction_id(envelope.id, database))
    if envelope.status == "END" and envelope.id and envelope.event_count is not None:
        transaction = transaction_id(envelope.id, database)
        return Event(record, Kind.END, transaction=transaction, event_count=envelope.event_count)
    if _bytes(envelope.ddl) is not None or _bytes(envelope.tableChanges) is not None:
        return Event(record, Kind.SCHEMA, source_ts=_time(envelope.source))
    return Event(record, Kind.HEARTBEAT, source_ts=_instant(_decode_heartbeat(value).ts_ms * 1000))


def transaction_id(raw: str, database: str) -> str:
    """Return the part of a transaction id that all its events share. ValueError for what is no id of a transaction."""
    if len(raw) > _MAX_ID or "\0" in raw:
        raise ValueError("not an id")
    return raw.partition(":")[0] if database == "postgresql" else raw


def _place(op: str, source: _Source, transaction: _Transaction, database: str) -> Place:
    if database == "postgresql":
        return (transaction.total_order,)
    binlog = int((source.file or "0").rpartition(".")[2])
    # Both halves of a key change stand at the same row of the same log event: the delete comes first.
    return (binlog, source.pos or 0, source.row or 0, 0 if op == "d" else 1)


def _position(source: _Source) -> LogPosition:
    if source.lsn is not None:
        return source.lsn
    if source.file is None:
        return None
    if len(source.file) > _MAX_ID or "\0" in source.file:
        raise ValueError("not the name of a log")
    return (source.file, source.pos or 0, source.row or 0)


def position_text(position: LogPosition) -> str:
    """Return a position in the source's log as an operator of that database would write it."""
    if isinstance(position, int):
        return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"
    return "" if position is None else ":".join(map(str, position))


def log_sequence_number(text: str | None) -> int | None:
    """Return the number that PostgreSQL writes as `text` (`position_text` the other way round); None is none."""
    high, _, low = (text or "").partition("/")
    return int(high, 16) << 32 | int(low, 16) if low else None


def _snapshot(value: str | bool | None) -> str | None:  # noqa: FBT001 - a value of the wire, not a flag
    return value if isinstance(value, str) and value != "false" else None


def _bytes(raw: msgspec.Raw) -> bytes | None:
    value = bytes(raw)
    return None if value == b"null" else value


def _time(source: _Source | None) -> datetime | None:
    if source is None:
        return None
    if source.ts_us:
        return _instant(source.ts_us)
    return _instant(source.ts_ms * 1000) if source.ts_ms else None


# All rows of a transaction have its commit time.
@lru_cache(maxsize=16)
def _instant(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)

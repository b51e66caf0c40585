"""Debezium's envelope (JSON without schemas) to an `Event`. Values stay raw: they are decoded by the contract later.

What identifies a transaction and orders the events inside it differs by source:

- PostgreSQL: the id is `xid:lsn` and the lsn part differs in every record, so only the part before the colon counts;
  `total_order` is contiguous within the transaction, also across a restart of the task.
- MariaDB: the id is the GTID; `total_order` starts at 1 again after a restart of the task, so the place is
  (binlog number, position of the row event, row in it, half of a key change).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec

from cdc.change import Event, Kind, LogPosition, Place, Record
from cdc.errors import FatalError

# The end of the source name of rows that a second connector reads beside the stream (`cdc.capture.reading`). No source
# is named so.
READER_SUFFIX = "-read"

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Source(msgspec.Struct, gc=False):
    """The `source` block; each connector fills its own half."""

    name: str = ""
    db: str | None = None
    schema: str | None = None
    table: str | None = None
    snapshot: str | bool | None = None
    ts_us: int | None = None
    ts_ms: int | None = None
    lsn: int | None = None
    gtid: str | None = None
    file: str | None = None
    pos: int | None = None
    row: int | None = None


class _Transaction(msgspec.Struct, gc=False):
    id: str
    total_order: int


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
    event_count: int | None = None
    ts_ms: int | None = None
    ddl: msgspec.Raw = _NULL
    tableChanges: msgspec.Raw = _NULL  # noqa: N815 - the field's name on the wire


_decode = msgspec.json.Decoder(_Envelope).decode
_KINDS = {**dict.fromkeys("curd", Kind.ROW), "t": Kind.TRUNCATE, "m": Kind.MESSAGE}


def read_event(record: Record, database: str) -> Event:
    """Return the event that `record` holds. `database` is the connector's kind: `postgresql` or `mariadb`.

    Raises FatalError STR-101 for a record that is not an envelope: nobody knows which row it changes.
    """
    if record.value is None:
        return Event(record, Kind.TOMBSTONE)
    try:
        envelope = _decode(record.value)
        if envelope.op is not None and envelope.source is not None:
            return _row_event(record, envelope, envelope.source, database)
        return _other_event(record, envelope, database)
    except (msgspec.DecodeError, UnicodeDecodeError, OverflowError) as error:
        raise FatalError("STR-101", f"offset {record.offset}") from error


def _row_event(record: Record, envelope: _Envelope, source: _Source, database: str) -> Event:
    op = envelope.op or ""
    kind = _KINDS.get(op)
    if kind is None:
        raise FatalError("STR-101", f"operation {op!r:.5} at offset {record.offset}")
    transaction = envelope.transaction
    is_postgresql = database == "postgresql"
    # Neither the markers of its snapshot nor its place in the log are the stream's.
    is_read_beside = source.name.endswith(READER_SUFFIX)
    return Event(
        record,
        kind,
        op,
        f"{source.schema if is_postgresql else source.db}.{source.table}",
        None if transaction is None else transaction_id(transaction.id, database),
        () if transaction is None else _place(op, source, transaction, database),
        "incremental" if is_read_beside else _snapshot(source.snapshot),
        _bytes(envelope.before),
        _bytes(envelope.after),
        0,
        None if is_read_beside else _position(source),
        _time(source),
    )


def _other_event(record: Record, envelope: _Envelope, database: str) -> Event:
    if envelope.status == "BEGIN" and envelope.id:
        return Event(record, Kind.BEGIN, transaction=transaction_id(envelope.id, database))
    if envelope.status == "END" and envelope.id and envelope.event_count is not None:
        transaction = transaction_id(envelope.id, database)
        return Event(record, Kind.END, transaction=transaction, event_count=envelope.event_count)
    if _bytes(envelope.ddl) is not None or _bytes(envelope.tableChanges) is not None:
        return Event(record, Kind.SCHEMA, source_ts=_time(envelope.source))
    if envelope.ts_ms is not None and envelope.source is None:
        return Event(record, Kind.HEARTBEAT, source_ts=_instant(envelope.ts_ms * 1000))
    raise FatalError("STR-101", f"offset {record.offset}")


def transaction_id(raw: str, database: str) -> str:
    """Return the part of a transaction id that all its events share."""
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
    return None if source.file is None else (source.file, source.pos or 0, source.row or 0)


def position_text(position: LogPosition) -> str:
    """Return a position in the source's log as an operator of that database would write it."""
    if isinstance(position, int):
        return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"
    return "" if position is None else ":".join(map(str, position))


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

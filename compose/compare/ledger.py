"""Every event of the streams is in the ledger once: the topics are read again, by a plain reader of their records."""

from __future__ import annotations

from kafka import KafkaConsumer, TopicPartition

from compose.compare.database import PostgreSql
from compose.compare.result import Result

FATES = ("landed", "superseded", "filtered", "replayed", "refused", "control")
_SILENCE_MS = 5_000


def compare_ledger(bootstrap: str, target: PostgreSql, result: Result) -> None:
    """Compare counts and offsets of the ledger with the topics, up to each stream's position."""
    counted = {"captured": 0} | dict.fromkeys(FATES, 0)
    with target.connection.transaction():
        target.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        positions = _positions(target)
        ledgers = {stream: _ledger(target, stream) for stream in positions}
        for stream, next_offset in positions.items():
            _compare_offsets(target, stream, next_offset, result)
    for stream, next_offset in positions.items():
        first, records = count_records(bootstrap, stream, next_offset)
        if first > 0:
            result.differ("ledger", f"{stream}: the topic begins at {first}, what was before cannot be counted")
        captured, fates = ledgers[stream]["captured"], sum(ledgers[stream][fate] for fate in FATES)
        if captured != records:
            result.differ("ledger", f"{stream}: the topic holds {records} records, the ledger {captured}")
        if records != fates:
            result.differ("ledger", f"{stream}: the topic holds {records} records, the fates add up to {fates}")
        counted["captured"] += records
        for fate in FATES:
            counted[fate] += ledgers[stream][fate]
    result.ledger = counted


def count_records(bootstrap: str, topic: str, end: int) -> tuple[int, int]:
    """Return where the topic begins, and how many committed records it holds below offset `end`."""
    partition = TopicPartition(topic, 0)
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",
        max_partition_fetch_bytes=8 << 20,
    )
    try:
        consumer.assign([partition])
        first: int = consumer.beginning_offsets([partition])[partition]
        consumer.seek(partition, first)
        records = 0
        while consumer.position(partition) < end:
            batch = consumer.poll(timeout_ms=_SILENCE_MS, max_records=5_000).get(partition, [])
            if not batch:
                break
            records += sum(record.offset < end for record in batch)
    finally:
        consumer.close(autocommit=False)
    return first, records


def _positions(target: PostgreSql) -> dict[str, int]:
    return dict(target.connection.execute("SELECT stream, next_offset FROM cdc.position ORDER BY stream").fetchall())


def _ledger(target: PostgreSql, stream: str) -> dict[str, int]:
    sums = ", ".join(f"coalesce(sum({name}), 0)::bigint" for name in ("captured", *FATES))
    row = target.connection.execute(f"SELECT {sums} FROM cdc.batch WHERE stream = %s", (stream,)).fetchone()
    return dict(zip(("captured", *FATES), row or (), strict=True))


def _compare_offsets(target: PostgreSql, stream: str, next_offset: int, result: Result) -> None:
    """Batches are numbered without gaps, each begins where the one before ended, the last ends at the position."""
    broken = target.connection.execute(
        """
        SELECT batch FROM (
            SELECT batch, first_offset,
                   lag(batch, 1, 0::bigint) OVER followed AS batch_before,
                   lag(next_offset, 1, 0::bigint) OVER followed AS offset_before
              FROM cdc.batch WHERE stream = %s WINDOW followed AS (ORDER BY batch)) ledger
         WHERE batch <> batch_before + 1 OR first_offset <> offset_before
         ORDER BY batch
        """,
        (stream,),
    ).fetchall()
    for (batch,) in broken:
        result.differ("ledger", f"{stream}: batch {batch} does not follow on the one before")
    end = target.connection.execute("SELECT max(next_offset) FROM cdc.batch WHERE stream = %s", (stream,)).fetchone()
    if end is not None and (end[0] or 0) != next_offset:
        result.differ("ledger", f"{stream}: the last batch ends at {end[0]}, the position is {next_offset}")

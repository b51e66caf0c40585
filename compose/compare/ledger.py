"""Every event of the streams is in the ledger once: the topics are read again, by a plain reader of their records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kafka import KafkaConsumer, TopicPartition

from compose.compare.database import PostgreSql
from compose.compare.result import Result

FATES = ("landed", "superseded", "filtered", "replayed", "refused", "control")
_SILENCE_MS = 5_000


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as the ledger has it: where it lies in the topic, how many records it took."""

    number: int
    first_offset: int
    next_offset: int
    captured: int


def compare_ledger(bootstrap: str, target: PostgreSql, result: Result) -> None:
    """Compare counts and offsets of the ledger with the topics, up to each stream's position."""
    result.ledger = {"captured": 0} | dict.fromkeys(FATES, 0)
    with target.connection.transaction():
        target.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        positions = _positions(target)
        ledgers = {stream: (_sums(target, stream), _batches(target, stream)) for stream in positions}
    for stream, position in positions.items():
        sums, batches = ledgers[stream]
        records = _compare_batches(stream, batches, position, committed_offsets(bootstrap, stream, position), result)
        if sums["captured"] != records:
            result.differ("ledger", f"{stream}: the topic holds {records} records, the ledger {sums['captured']}")
        if sum(sums[fate] for fate in FATES) != records:
            result.differ("ledger", f"{stream}: the topic holds {records} records, the fates do not add up to that")
        result.ledger["captured"] += records
        for fate in FATES:
            result.ledger[fate] += sums[fate]


def committed_offsets(bootstrap: str, topic: str, end: int) -> Iterator[int]:
    """Yield the offset of every committed record of a topic below `end`."""
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
        consumer.seek_to_beginning(partition)
        while consumer.position(partition) < end:
            records = consumer.poll(timeout_ms=_SILENCE_MS, max_records=5_000).get(partition, [])
            if not records:
                break
            yield from (record.offset for record in records if record.offset < end)
    finally:
        consumer.close(autocommit=False)


def _compare_batches(stream: str, batches: list[Batch], position: int, offsets: Iterator[int], result: Result) -> int:
    """Hold every record against the batch that should have taken it; return how many records there are.

    Batches are numbered without gaps, each begins where the one before ended, the last ends at the position.
    """
    records = _Records(offsets)
    total = 0
    before = Batch(0, 0, 0, 0)
    for batch in batches:
        if batch.number != before.number + 1 or batch.first_offset != before.next_offset:
            result.differ("ledger", f"{stream}: batch {batch.number} does not follow on batch {before.number}")
        outside, held = records.take(batch.first_offset), records.take(batch.next_offset)
        if outside:
            result.differ("ledger", f"{stream}: {outside} records before batch {batch.number} are in no batch")
        if held != batch.captured:
            result.differ("ledger", f"{stream}: batch {batch.number} spans {held} records and counts {batch.captured}")
        total, before = total + outside + held, batch
    outside = records.take(position)
    if outside:
        result.differ("ledger", f"{stream}: {outside} records after batch {before.number} are in no batch")
    if before.next_offset != position:
        result.differ("ledger", f"{stream}: the last batch ends at {before.next_offset}, the position is {position}")
    return total + outside


class _Records:
    """The offsets of a topic's records, counted off from the beginning."""

    def __init__(self, offsets: Iterator[int]) -> None:
        self._offsets = offsets
        self._next = next(offsets, None)

    def take(self, end: int) -> int:
        """Count the records below `end` that were not counted yet."""
        count = 0
        while self._next is not None and self._next < end:
            count, self._next = count + 1, next(self._offsets, None)
        return count


def _positions(target: PostgreSql) -> dict[str, int]:
    return dict(target.connection.execute("SELECT stream, next_offset FROM cdc.position ORDER BY stream").fetchall())


def _sums(target: PostgreSql, stream: str) -> dict[str, int]:
    sums = ", ".join(f"coalesce(sum({name}), 0)::bigint" for name in ("captured", *FATES))
    row = target.connection.execute(f"SELECT {sums} FROM cdc.batch WHERE stream = %s", (stream,)).fetchone()
    return dict(zip(("captured", *FATES), row or (), strict=True))


def _batches(target: PostgreSql, stream: str) -> list[Batch]:
    rows = target.connection.execute(
        "SELECT batch, first_offset, next_offset, captured FROM cdc.batch WHERE stream = %s ORDER BY batch", (stream,)
    )
    return [Batch(*row) for row in rows]

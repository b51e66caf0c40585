"""What a poll returns is, record for record, what the pinned client itself makes of the same bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.protocol.consumer import IsolationLevel
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.legacy_records import LegacyRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords
from kafka.record.util import calc_crc32c
from kafka.structs import TopicPartition

from cdc.change import Record
from cdc.errors import FatalError
from cdc.stream.record_batch import install, read_records

_CONTROL = DefaultRecordBatchBuilder.CONTROL_MASK
OLD_KEY = "__debezium.oldkey"
parts = st.none() | st.binary(max_size=300)
headers = st.lists(st.tuples(st.sampled_from([OLD_KEY, "__debezium.newkey", "x"]), parts), max_size=3)
contents = st.lists(st.tuples(st.integers(0, 2**41), parts, parts, headers), min_size=1, max_size=20)


def batch(
    base_offset: int,
    rows: Iterable[tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]],
    codec: int = 0,
    producer: int = -1,
    attributes: int = 0,
    epoch: int = 0,
) -> bytes:
    """Build a batch as the broker keeps it."""
    builder = DefaultRecordBatchBuilder(2, codec, producer >= 0, producer, epoch if producer >= 0 else -1, 0, 1 << 30)
    for offset, (timestamp, key, value, names) in enumerate(rows):
        builder.append(offset, timestamp, key, value, names)
    data = bytearray(builder.build())
    struct.pack_into(">q", data, 0, base_offset)
    struct.pack_into(">h", data, builder.ATTRIBUTES_OFFSET, struct.unpack_from(">h", data, 21)[0] | attributes)
    struct.pack_into(">I", data, builder.CRC_OFFSET, calc_crc32c(memoryview(data)[builder.ATTRIBUTES_OFFSET :]))
    return bytes(data)


def marker(base_offset: int, producer: int, kind: int, epoch: int = 0) -> bytes:
    """Build the control batch that ends a Kafka transaction: kind 0 aborts, 1 commits."""
    key = struct.pack(">hh", 0, kind)
    return batch(base_offset, [(0, key, b"\x00" * 6, [])], producer=producer, attributes=_CONTROL, epoch=epoch)


ROWS: list[Any] = [(0, b"k", b"v", []), (0, b"k", None, [])]


@pytest.mark.parametrize("grows", [0, 1])
def test_a_producer_that_was_started_again_is_told(grows: int) -> None:
    """By the epoch, which may grow with each of its transactions, and by an end that it did not bring about itself."""
    data = b"".join(
        [
            batch(0, ROWS, producer=1),
            batch(2, ROWS, producer=2),
            batch(4, ROWS, producer=1),
            marker(6, 1, 1, epoch=grows),
            batch(7, ROWS, producer=1, epoch=grows),
            batch(9, ROWS, producer=1, epoch=3),
            marker(11, 1, 0, epoch=4),
            batch(12, ROWS, producer=1, epoch=4),
        ]
    )
    assert [record.offset for record in both(data) if record.resumes] == [0, 2, 9, 12]


def test_a_producer_goes_on_under_another_id_behind_its_last_epoch() -> None:
    last = 2**15 - 1
    data = [
        batch(0, ROWS, producer=1, epoch=last - 1),
        marker(2, 1, 1, epoch=last),
        batch(3, ROWS, producer=2),
        batch(5, ROWS, producer=3),
    ]
    assert [record.offset for record in both(b"".join(data)) if record.resumes] == [0, 5]
    data[2] = batch(3, ROWS, producer=2, epoch=1)  # it was started again, too
    assert [record.offset for record in both(b"".join(data)) if record.resumes] == [0, 3, 5]


def test_of_what_is_read_once_more_nobody_knows_who_wrote_it_before() -> None:
    consumer: Any = SimpleNamespace(_fetcher=SimpleNamespace())
    install(consumer)
    data = [batch(0, ROWS, producer=1), batch(2, ROWS, producer=1)]
    taken = [
        consumer._fetcher.PartitionRecords(part[0], TopicPartition("t", 0), MemoryRecords(part[1])).take(2)
        for part in [(0, data[0]), (2, data[1]), (2, data[1])]
    ]
    assert [[record.resumes for record in records] for records in taken] == [[True, False], [False] * 2, [True, False]]


def fetched(data: bytes, fetch_offset: int = 0) -> Any:
    """Return a fetched answer as our consumer reads it."""
    consumer: Any = SimpleNamespace(_fetcher=SimpleNamespace())
    install(consumer)
    return consumer._fetcher.PartitionRecords(
        fetch_offset, TopicPartition("t", 0), MemoryRecords(data), isolation_level=IsolationLevel.READ_COMMITTED
    )


def both(data: bytes, fetch_offset: int = 0, aborted: list[Any] | None = None, take: int = 7) -> list[Record]:
    """Read fetched bytes in both ways, a few records at a time; return what both gave."""
    consumer: Any = SimpleNamespace(_fetcher=SimpleNamespace())
    install(consumer)
    made = [
        kind(
            fetch_offset,
            TopicPartition("t", 0),
            MemoryRecords(data),
            isolation_level=IsolationLevel.READ_COMMITTED,
            aborted_transactions=aborted,
        )
        for kind in (Fetcher.PartitionRecords, consumer._fetcher.PartitionRecords)
    ]
    found: list[Record] = []
    while True:
        theirs, ours = ([] if not each else each.take(take) for each in made)
        assert [(r.offset, r.key, r.value) for r in theirs] == [(r.offset, r.key, r.value) for r in ours]
        assert [dict(r.headers).get(OLD_KEY) for r in theirs] == [r.old_key for r in ours]
        assert ["__debezium.newkey" in dict(r.headers) for r in theirs] == [r.moves for r in ours]
        assert made[0].next_fetch_offset == made[1].next_fetch_offset
        assert made[0].leader_epoch == made[1].leader_epoch
        assert bool(made[0]) == bool(made[1])
        if not ours:
            return found
        found += ours


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
@given(rows=contents, start=st.integers(0, 30))
def test_any_batch_is_read_as_the_client_reads_it(codec: int, rows: Any, start: int) -> None:
    found = both(batch(10, rows, codec) + batch(10 + len(rows), rows), fetch_offset=start)
    assert len(found) == len([offset for offset in range(10, 10 + 2 * len(rows)) if offset >= start])


@pytest.mark.parametrize("size", [63, 64, 8191, 8192, 1 << 20, (1 << 20) + 1])
def test_sizes_at_the_bounds_of_their_encoding(size: int) -> None:
    found = both(batch(2**40, [(2**40, b"k" * size, b"v" * size, [(OLD_KEY, b"o" * size)])]))
    assert found == [Record(2**40, b"k" * size, b"v" * size, b"o" * size, resumes=True)]


def test_aborted_transactions_and_markers_are_passed_over() -> None:
    rows = [(0, b"k", b"v", []), (0, b"k", None, [])]
    data = b"".join(
        [
            batch(0, rows, producer=1),
            batch(2, rows, producer=2),
            marker(4, 1, 0),
            batch(5, rows, producer=1),
            marker(7, 2, 1),
            marker(8, 1, 1),
        ]
    )
    aborted = [SimpleNamespace(producer_id=1, first_offset=0)]
    assert [record.offset for record in both(data, aborted=aborted, take=1)] == [2, 3, 5, 6]


def damaged(data: bytes) -> Iterable[tuple[bytes, int]]:
    yield data[:-1], 2
    yield data + b"\x00", 2
    yield data, 1
    yield data, 3
    yield b"\x7e" + data[1:], 2


@pytest.mark.parametrize("place", range(5))
def test_records_that_are_not_whole_are_corrupt(place: int) -> None:
    whole = batch(0, [(0, b"k", b"v" * 9, []), (0, b"k", b"v", [("x", b"y")])])[
        DefaultRecordBatchBuilder.HEADER_STRUCT.size :
    ]
    assert len(read_records(whole, 0, 2)) == 2
    data, count = list(damaged(whole))[place]
    with pytest.raises(CorruptRecordError):
        read_records(data, 0, count)


def test_damage_behind_good_records_ends_the_reading_and_is_met_by_the_next() -> None:
    """Whatever the client does with an error, it must neither ask a dead reader for more nor pass over the batch."""
    rows = [(0, b"k", b"v", [])]
    bad = bytearray(batch(1, rows))
    bad[-1] ^= 1
    first = fetched(batch(0, rows) + bytes(bad))
    assert [record.offset for record in first.take(7)] == [0]
    assert not first
    assert first.next_fetch_offset == 1
    second = fetched(bytes(bad), fetch_offset=1)
    with pytest.raises(FatalError, match=r"STR-116 .*: t: checksum of the batch at offset 1"):
        second.take(7)
    assert not second


def test_another_message_format_is_told() -> None:
    old = LegacyRecordBatchBuilder(1, 0, 1 << 20)
    old.append(0, 0, b"k", b"v")
    with pytest.raises(FatalError, match=r"STR-116 .*message format 1"):
        fetched(bytes(old.build())).take(7)

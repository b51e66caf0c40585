"""Kafka's record batches to records: one loop over the decompressed bytes of a batch.

The client makes three objects of each record and reads every number with a call of its own, which was most of the
reader's time. Here a batch (message format 2, https://kafka.apache.org/documentation/#recordbatch) becomes a list of
`Record` at once; what no stage needs (timestamps, headers but one) is passed over. The first one that a producer wrote
since it was started again says so, which the client does not tell. What the client does around it stays: checksums,
aborted transactions, control batches, positions.

This hooks a private class of the client, whose version is therefore pinned exactly; a test holds both ways together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError, KafkaError
from kafka.structs import TopicPartition

from cdc.change import Record
from cdc.errors import FatalError
from cdc.stream.producer import Producers

_OLD_KEY, _NEW_KEY = b"__debezium.oldkey", b"__debezium.newkey"
_FORMAT = 2


def install(consumer: Any) -> None:
    """Make a consumer's polls return `Record`s."""
    producers: Mapping[TopicPartition, Producers] = defaultdict(Producers)  # they outlast a fetched answer
    consumer._fetcher.PartitionRecords = type("PartitionRecords", (_PartitionRecords,), {"producers": producers})


def read_records(data: bytes, base_offset: int, count: int) -> list[Record]:
    """Return the records of a batch. `data` are its decompressed records, without the batch's header.

    Raises CorruptRecordError if they are not `count` whole records.
    """
    records = []
    position = 0
    try:
        for _ in range(count):
            length, position = _number(data, position)
            end = position + length
            position += 1  # attributes: none are in use
            while data[position] > 127:  # the timestamp
                position += 1
            delta, position = _number(data, position + 1)
            key, position = _part(data, position)
            value, position = _part(data, position)
            headers, position = _number(data, position)
            old_key, moves = None, False
            if headers:
                old_key, moves, position = _halves(data, position, headers)
            if position != end:
                raise CorruptRecordError(f"record at offset {base_offset + delta} has not the length that it says")
            records.append(Record(base_offset + delta, key, value, old_key, moves=moves))
    except IndexError as error:
        raise CorruptRecordError(f"batch at offset {base_offset} ends inside a record") from error
    if position != len(data):
        raise CorruptRecordError(f"batch at offset {base_offset} has more bytes than records")
    return records


def _number(data: bytes, position: int) -> tuple[int, int]:
    """Read a variable-length integer in zigzag form; return it and the position after it. Raises IndexError."""
    byte = data[position]
    if byte < 128:
        return (byte >> 1) ^ -(byte & 1), position + 1
    value, shift = byte & 127, 7
    while True:
        position += 1
        byte = data[position]
        value |= (byte & 127) << shift
        if byte < 128:
            return (value >> 1) ^ -(value & 1), position + 1
        shift += 7


def _part(data: bytes, position: int) -> tuple[bytes | None, int]:
    """Read bytes that may be missing, with their length before them."""
    size, position = _number(data, position)
    end = position + size
    return (data[position:end], end) if size >= 0 else (None, position)


def _halves(data: bytes, position: int, headers: int) -> tuple[bytes | None, bool, int]:
    """Read a record's headers; return the key that the row had before, if they say it, and whether it gets another."""
    old_key, moves = None, False
    for _ in range(headers):
        name, position = _part(data, position)
        value, position = _part(data, position)
        if name == _OLD_KEY:
            old_key = value
        moves |= name == _NEW_KEY
    return old_key, moves, position


class _PartitionRecords(Fetcher.PartitionRecords):  # type: ignore[misc]  # the client is untyped
    """One fetched answer of a partition."""

    producers: Mapping[TopicPartition, Producers]

    def _unpack_records(self, _tp: Any, records: Any, *_deserializers: Any) -> Iterator[Record]:
        """Yield what was fetched. Raises FatalError STR-116.

        The client would take any error of Kafka's for a broker that does not answer, and what ends in the middle for
        something that goes on: it asks for ever for the next record, within one poll. So it is told that there is no
        more; it fetches anew what follows the last good record, and meets the damage first.
        """
        try:
            yield from self._unpacked(records)
        except KafkaError as error:
            self.drain()
            raise FatalError("STR-116", f"{self.topic_partition.topic}: {error.args[0]}") from error

    def _unpacked(self, records: Any) -> Iterator[Record]:
        last = None
        while (batch := records.next_batch()) is not None:
            last = batch
            if self.check_crcs and not batch.validate_crc():
                raise CorruptRecordError(f"checksum of the batch at offset {batch.base_offset}")
            for record in self._records_of(batch):
                self.next_fetch_offset = record.offset + 1
                yield record
            self.next_fetch_offset = batch.next_offset
        if last is not None:
            # Also behind records that compaction or a transaction's marker took: else they were fetched for ever.
            self.next_fetch_offset = last.next_offset
        self.drain()

    def _records_of(self, batch: Any) -> list[Record]:
        if batch.magic != _FORMAT:
            raise CorruptRecordError(f"message format {batch.magic} of the batch at offset {batch.base_offset}")
        self.leader_epoch = batch.leader_epoch
        if self._is_void(batch):
            return []
        batch._maybe_uncompress()
        found = read_records(bytes(batch._buffer[batch._pos :]), batch.base_offset, batch.records_count)
        if found and self.producers[self.topic_partition].begins(batch):
            found[0] = found[0]._replace(resumes=True)
        self.records_read += len(found)
        self.bytes_read += batch.size_in_bytes
        return found

    def _is_void(self, batch: Any) -> bool:
        """Tell whether a batch has no records for a reader: it is of an aborted transaction, or the marker of one."""
        if batch.has_producer_id():
            self._consume_aborted_transactions_up_to(batch.last_offset)
            aborts = self._contains_abort_marker(batch)
            if batch.is_control_batch:
                self.producers[self.topic_partition].end(batch, aborts=aborts)
            if aborts:
                self.aborted_producer_ids.discard(batch.producer_id)
            elif self._is_batch_aborted(batch):
                return True
        return bool(batch.is_control_batch)

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from cdc.change import Record
from cdc.land import journal

parts = st.none() | st.binary(max_size=40)
bodies = st.lists(st.tuples(parts, parts, parts), min_size=1, max_size=20)


def records(found: list[tuple[bytes | None, bytes | None, bytes | None]]) -> list[Record]:
    return [Record(offset * 2, *body) for offset, body in enumerate(found)]


@given(bodies)
def test_a_chunk_gives_back_every_record(found: list[tuple[bytes | None, bytes | None, bytes | None]]) -> None:
    (chunk,) = journal.chunks(records(found), b"")
    assert journal.unpack(chunk.data) == records(found)
    assert (chunk.first_offset, chunk.next_offset) == (0, (len(found) - 1) * 2 + 1)


@given(bodies)
def test_a_chunk_of_before_gives_back_every_record(
    found: list[tuple[bytes | None, bytes | None, bytes | None]],
) -> None:
    data = zstandard.ZstdCompressor(level=3).compress(msgspec.msgpack.encode(records(found)))
    assert journal.unpack(data) == records(found)


@pytest.mark.parametrize("size", [1, 31, 33, 36])
def test_a_chunk_that_breaks_off_is_none(size: int) -> None:
    raw = journal.record_bytes(Record(7, b"key", b"value"))[:size]
    with pytest.raises(ValueError, match="breaks off"):
        journal.unpack(zstandard.ZstdCompressor().compress(raw))


@given(bodies, st.integers(0, 20))
def test_the_chain_does_not_depend_on_where_it_was_cut(
    found: list[tuple[bytes | None, bytes | None, bytes | None]], cut: int
) -> None:
    whole = list(journal.chunks(records(found), b""))[-1].chain
    chain = b""
    for part in (records(found)[:cut], records(found)[cut:]):
        for chunk in journal.chunks(part, chain):
            chain = chunk.chain
    assert chain == whole


def test_every_part_of_a_record_counts() -> None:
    record = Record(1, b"k", b"v", b"o")
    others = [
        record._replace(offset=2),
        record._replace(key=b""),
        record._replace(key=None),
        record._replace(value=b"w"),
        record._replace(old_key=None),
        Record(1, b"kv", b"", b"o"),
    ]
    digests = {journal.record_digest(found) for found in (record, *others)}
    assert len(digests) == len(others) + 1


def test_the_head_is_what_is_written_down_for_whoever_verifies_it_without_this_software() -> None:
    def number(value: int) -> bytes:
        return value.to_bytes(8, "big", signed=True)

    found = [Record(7, b"key", b"value", None), Record(9, b"k", None, b"old")]
    first = number(7) + number(3) + number(5) + number(-1) + b"key" + b"value"
    second = number(9) + number(1) + number(-1) + number(3) + b"k" + b"old"
    head = b""
    for written in (first, second):
        head = sha256(head + sha256(written).digest()).digest()
    assert list(journal.chunks(found, b""))[-1].chain == head


def test_large_records_are_cut_into_chunks() -> None:
    half = journal.CHUNK_BYTES // 2
    found = list(journal.chunks([Record(n, None, bytes(half)) for n in range(5)], b""))
    assert [chunk.records for chunk in found] == [2, 2, 1]

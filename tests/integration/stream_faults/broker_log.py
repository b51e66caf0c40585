"""The broker's own file of a stream, cut off while the broker is down: as if it came back with an older disk."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from compose.local.kafka import Broker
from compose.local.stack import Stack

# https://kafka.apache.org/documentation/#recordbatch: base offset and length stand first in each batch.
_HEAD = struct.Struct(">qi")


@contextmanager
def broker_down(stack: Stack) -> Iterator[Broker]:
    """Stop the broker for the block."""
    broker = stack.services()["kafka"]
    assert isinstance(broker, Broker)
    stack.stop(["kafka"])
    yield broker
    stack.start(["kafka"])


def lose(broker: Broker, stream: str, offset: int) -> int:
    """Let the log of a stream end where the batch begins that has an offset; return where that is."""
    (log,) = (broker.folder / "log" / f"{stream}-0").glob("*.log")
    end, place = max((base, place) for base, place in _batches(log) if base <= offset)
    with log.open("r+b") as file:
        file.truncate(place)
    for index in ("index", "timeindex"):
        log.with_suffix(f".{index}").unlink()  # the broker makes them anew; what they say of the lost end is wrong
    return end


def _batches(log: Path) -> Iterator[tuple[int, int]]:
    """Yield the first offset of each batch, and the place where it begins."""
    data, place = log.read_bytes(), 0
    while place < len(data):
        base, length = _HEAD.unpack_from(data, place)
        yield base, place
        place += _HEAD.size + length

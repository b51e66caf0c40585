"""Whole units wait here until they are cut into batches: one landing transaction each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cdc.change import Record
from cdc.stream.unit import Unit


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive whole units of one stream."""

    units: tuple[Unit, ...]

    @property
    def first_offset(self) -> int:
        """Offset of the first record."""
        return self.units[0].first_offset

    @property
    def next_offset(self) -> int:
        """Offset after the last record."""
        return self.units[-1].next_offset

    @property
    def is_part(self) -> bool:
        """Whether it is a part of a transaction that is too large for one batch."""
        return self.units[0].whole is not None

    @property
    def is_last_part(self) -> bool:
        """Whether that transaction ends with it."""
        return self.units[0].is_last

    def records(self) -> Iterator[Record]:
        """All records in offset order."""
        for unit in self.units:
            yield from unit.records


class Pending:
    """Units that were closed and have not landed, with their size."""

    def __init__(self, batch_rows: int, batch_bytes: int) -> None:
        self._batch_rows = batch_rows
        self._batch_bytes = batch_bytes
        self._units: deque[tuple[Unit, int, int]] = deque()
        self._rows = 0
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._units)

    def __iter__(self) -> Iterator[Unit]:
        return (unit for unit, _, _ in self._units)

    def add(self, unit: Unit) -> None:
        """Append the unit that was closed last."""
        size = unit.size
        self._units.append((unit, len(unit.records), size))
        self._rows += len(unit.records)
        self._bytes += size

    @property
    def is_full(self) -> bool:
        """Whether there is enough for a batch, so that reading on would only cost memory."""
        return self._rows >= self._batch_rows or self._bytes >= self._batch_bytes

    def take(self) -> Batch:
        """Remove and return the next batch: the first units, up to the limits but at least one."""
        taken: list[Unit] = []
        rows = size = 0
        while self._units:
            unit, unit_rows, unit_bytes = self._units[0]
            too_much = rows + unit_rows > self._batch_rows or size + unit_bytes > self._batch_bytes
            if taken and (too_much or _must_part(taken, unit)):
                break
            self._units.popleft()
            taken.append(unit)
            rows, size = rows + unit_rows, size + unit_bytes
        self._rows -= rows
        self._bytes -= size
        return Batch(tuple(taken))


def _must_part(taken: Sequence[Unit], unit: Unit) -> bool:
    """Tell whether a unit may not share a batch with those before it.

    What a generation did not bring is deleted at its end, in one piece with its last unit. A re-read row is compared
    with the mirror, which therefore has to show all that was streamed before it; so is a table that changes. A part of
    a large transaction is a batch of its own.
    """
    before = taken[-1]
    if unit.schema_changed and any(other.rows for other in taken):
        return True
    if before.closes_generation or unit.opens_generation or before.whole is not None or unit.whole is not None:
        return True
    return unit.id is None and bool(unit.rows) and before.id is not None

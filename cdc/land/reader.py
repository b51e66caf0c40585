"""The reading half of a stream's landing: records to units, units to batches that are ready to be written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from cdc.change import Record
from cdc.config import Land
from cdc.errors import FatalError
from cdc.land.batch import Pending
from cdc.land.change.decode import TableDecoder
from cdc.land.position import Position
from cdc.land.prepare import Prepared, prepare
from cdc.stream.assembler import Assembler, Limits
from cdc.stream.envelope import read_event
from cdc.stream.unit import Landed, State, Unit

# A transaction of more batches than this is read twice instead of being held.
_LARGE_BATCHES = 4


class StreamReader:
    """Reads one stream from a position on.

    A transaction that is too large to be held is counted to its end. Then `rewind` says where to read again from: once
    what is pending has been taken, call `begin_again` and feed the records from there. `reads_parts` holds from then
    until its last part has been taken.

    Nothing is read behind a broken rule: `end` is what it says (FatalError STR-1xx), to be raised once all that stands
    before it has landed.
    """

    def __init__(
        self,
        database: str,
        origin: str | None,
        position: Position,
        limits: Land,
        find_landed: Callable[[str], Landed | None],
    ) -> None:
        self.end: FatalError | None = None
        self._database = database
        self._origin = origin
        self._find_landed = find_landed
        rows, size = limits.batch_rows, limits.batch_bytes
        self._limits = Limits(rows, size, _LARGE_BATCHES * rows, _LARGE_BATCHES * size)
        self._pending = Pending(rows, size)
        self._chain = position.chain
        self._whole: Unit | None = None
        self.reads_parts = False
        state = State(
            position.last_unit, position.generations, position.snapshot_position, dict(position.snapshot_tables)
        )
        self._assembler = self._new_assembler(state)

    @property
    def has_pending(self) -> bool:
        """Whether there is anything that could land."""
        return len(self._pending) > 0

    @property
    def is_full(self) -> bool:
        """Whether a batch should land before more is read."""
        return self._pending.is_full or self.end is not None

    @property
    def rewind(self) -> int | None:
        """Where a large transaction begins that is to be read again; None if there is none."""
        return None if self._whole is None else self._whole.first_offset

    def feed(self, records: Iterable[Record]) -> None:
        """Take the next records of the stream, up to one that breaks a rule."""
        try:
            for record in records:
                if self._whole is not None or self.end is not None:
                    return  # what follows is read again, or not at all
                for unit in self._assembler.feed(read_event(record, self._database, self._origin)):
                    self._add(unit)
        except FatalError as error:
            self.flush()
            self.end = error

    def flush(self) -> None:
        """Close an open snapshot slice: nothing more has arrived."""
        for unit in self._assembler.flush():
            self._add(unit)

    def begin_again(self) -> None:
        """Expect the records of the large transaction from its first one on; they come in parts."""
        whole, self._whole = self._whole, None
        assert whole is not None and whole.counted is not None  # noqa: S101, PT018 - `rewind` has said so
        self.reads_parts = True
        self._assembler = self._new_assembler(replace(whole.counted.state), whole)

    def take(self, decoder: TableDecoder) -> Prepared:
        """Take the next batch of what is pending and make it ready."""
        batch = self._pending.take()
        if batch.is_part and batch.is_last_part:
            self.reads_parts = False
        prepared = prepare(batch, decoder, self._chain)
        self._chain = prepared.chunks[-1].chain
        return prepared

    def _add(self, unit: Unit) -> None:
        if unit.counted is not None:
            self._whole = unit
        else:
            self._pending.add(unit)

    def _new_assembler(self, state: State, whole: Unit | None = None) -> Assembler:
        return Assembler(self._database, state, self._known, self._limits, whole)

    def _known(self, unit_id: str) -> Landed | None:
        for unit in self._pending:
            if unit.id == unit_id and unit.row_count:
                return Landed(unit.last_place)
        return self._find_landed(unit_id)

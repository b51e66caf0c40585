"""The landing transaction: the one place where mirrors, journal, ledger and position move, all or nothing."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property, partial
from typing import Any

import structlog
from psycopg.rows import class_row

from cdc.change import Event
from cdc.crash import crash_point
from cdc.errors import FatalError
from cdc.land import journal, ledger, replay
from cdc.land.change.decode import Item
from cdc.land.change.segment import perform, segments
from cdc.land.gap import note_new_snapshot
from cdc.land.mirror.generation import heal_missing
from cdc.land.mirror.writer import COPY_FROM_ROWS, MISFITS, RowMissing
from cdc.land.pipeline import sync
from cdc.land.position import Position, lock, require_unmoved, write_position
from cdc.land.prepare import Prepared
from cdc.land.session import Session
from cdc.land.tables import Ground, Tables
from cdc.protect.seal import Sealer
from cdc.stream.envelope import position_text
from cdc.stream.unit import Unit, resumable_id

_logger = structlog.get_logger()


def land(session: Session, position: Position, prepared: Prepared) -> Position:
    """Land a batch and return the position after it. On any error nothing was written.

    Raises Moved, NewColumn, FatalError STR-105, LND-102 to LND-107, LND-109, LND-110, or what the database says.
    """
    refused: dict[int, str] = {}
    careful: set[str] = set()
    while True:
        landing = _Landing(session, position, prepared, careful)
        try:
            landed = landing.run()
        except MISFITS:
            misfits = landing.find_misfits()
            if not misfits.keys() - refused.keys():
                raise
            refused |= misfits
            prepared = prepared.again(prepared.decoder, refused)
        except RowMissing as missing:
            if missing.mirror in careful:
                raise FatalError("LND-109", missing.mirror) from missing
            careful.add(missing.mirror)
        else:
            landing.report()
            return landed


class _Landing:
    """One attempt to land one batch."""

    def __init__(self, session: Session, position: Position, prepared: Prepared, careful: Container[str]) -> None:
        self._session = session
        self._connection = session.connection
        self._position = position
        self._prepared = prepared
        self._batch = prepared.batch
        self._decoder = prepared.decoder
        self._careful = careful
        self._started = time.perf_counter()
        self._ledger = ledger.Ledger()
        self._tables: Tables | None = None

    @property
    def _generation_from(self) -> int | None:
        """First offset of the snapshot generation that is open, or was the last one, at the end of the batch."""
        opened = [unit.first_offset for unit in self._batch.units if unit.opens_generation]
        return opened[-1] if opened else self._position.generation_from

    @cached_property
    def _mirrors(self) -> dict[int, str]:
        return self._prepared.mirrors_of_offsets()

    def run(self) -> Position:
        """Open the transaction, write everything, commit."""
        for contract in self._prepared.written_contracts():
            self._session.prepare(contract)
        with self._pipeline() as settle, self._connection.transaction():
            # 1. The position is ours and where we believe it; nobody else can move it until we commit.
            ground = self._open()
            chunks = self._sealed_chunks(ground)
            crash_point("W3")
            # 2. Mirrors, changed keys, stale rows and refused records, table by table.
            tables = self._write_tables(ground)
            # 3. What is counted beside them, and what a closed snapshot generation did not bring.
            self._count_repeated()
            if self._batch.units[0].opens_generation:
                note_new_snapshot(self._connection, self._position)
            position = self._advance()
            self._close_generation(position, ground)
            # 4. Evidence, ledger, position.
            crash_point("W5")
            self._record(position, ground, chunks)
            settle()
            for expectation in tables.expectations:
                expectation.check()
            crash_point("W6")
        crash_point("W8")
        return position

    def report(self) -> None:
        """Log what was refused, by mirror and code, once it is committed."""
        refusals = {} if self._tables is None else self._tables.refusals
        for (mirror, code), count in refusals.items():
            _logger.warning("changes_refused", mirror=mirror, code=code, count=count, batch=self._position.batch + 1)

    def find_misfits(self) -> dict[int, str]:
        """After a refusal by the database: find the rows that it does not take, one by one; offset to code."""
        return {} if self._tables is None else self._tables.find_misfits()

    @contextmanager
    def _pipeline(self) -> Iterator[Any]:
        """Send the statements of a small batch without waiting for each answer; COPY cannot be pipelined."""
        rows = sum(len(decoded) for _, decoded in self._prepared.units)
        with self._connection.pipeline() if rows < COPY_FROM_ROWS else nullcontext() as pipeline:
            yield (lambda: None) if pipeline is None else partial(sync, pipeline)

    def _open(self) -> Ground:
        mine = self._position
        with self._connection.cursor(row_factory=class_row(Position)) as cursor:
            lock(cursor, mine.stream)
            watched = self._connection.execute(
                "SELECT mirror, array_agg(name ORDER BY name) FROM cdc.watched_column GROUP BY mirror"
            )
            changes = self._connection.execute("SELECT mirror FROM cdc.change_mirror")
            stale = self._connection.execute("SELECT DISTINCT mirror FROM cdc.stale WHERE stream = %s", (mine.stream,))
            sealer = self._sealer()
            opener, units = self._session.opener(), self._batch.units
            recorded = replay.read_recorded(opener, mine.stream, units, self._decoder.database)
            require_unmoved(cursor.fetchone(), mine)
        return Ground(
            mine.stream,
            mine.batch + 1,
            {mirror: tuple(names) for mirror, names in watched.fetchall()},
            frozenset(mirror for (mirror,) in stale.fetchall()),
            frozenset(mirror for (mirror,) in changes.fetchall()),
            frozenset(replay.find_replayed(units, recorded(), self._generation_from)),
            self._generation_from,
            sealer,
        )

    def _sealer(self) -> Sealer | None:
        protection = self._session.protection
        return None if protection is None else Sealer(self._connection, protection, {*self._mirrors.values()})

    def _sealed_chunks(self, ground: Ground) -> Sequence[journal.Chunk]:
        """Return the chunks as they are kept. Before anything is written: its errors are nobody else's."""
        chunks, sealer = self._prepared.chunks, ground.sealer
        if sealer is None:
            return chunks
        return [journal.sealed(sealer, ground.stream, chunk, _within(self._mirrors, chunk)) for chunk in chunks]

    def _write_tables(self, ground: Ground) -> Tables:
        tables = self._tables = Tables(self._session, self._prepared, self._ledger, ground, self._careful)
        for segment in segments(self._decoder.cascades, self._new_items(ground)):
            for mirror in sorted(segment.items):
                tables.write(self._prepared.contracts[mirror], segment.items[mirror])
            perform(tables, self._decoder.cascades, segment.actions)
        return tables

    def _new_items(self, ground: Ground) -> Iterator[tuple[Event, str, tuple[Item, ...]]]:
        """Yield what has to land, in stream order: event, mirror, items. What landed before is counted."""
        for unit, decoded in self._prepared.units:
            replayed = self._replayed_offsets(unit, ground)
            if not replayed:
                yield from decoded
                continue
            for event, mirror, items in decoded:
                if event.record.offset in replayed:
                    self._ledger.count(mirror, "replayed")
                else:
                    yield event, mirror, items

    def _replayed_offsets(self, unit: Unit, ground: Ground) -> set[int]:
        return {row.record.offset for row in unit.rows} if unit.first_offset in ground.replayed else set()

    def _count_repeated(self) -> None:
        for unit in self._batch.units:
            self._ledger.control += unit.control
            for fate, events in (("replayed", unit.repeated), ("superseded", unit.abandoned)):
                for event in events:
                    self._ledger.count(self._decoder.contract(event).mirror, fate)

    def _advance(self) -> Position:
        position = self._position
        last_unit, generations = position.last_unit, position.generations
        for unit in self._batch.units:
            last_unit = resumable_id(unit, last_unit)
            generations += unit.closes_generation
        return dataclasses.replace(
            position,
            next_offset=self._batch.next_offset,
            batch=position.batch + 1,
            chain=self._prepared.chunks[-1].chain,
            last_unit=last_unit,
            generation_from=self._generation_from,
            snapshot_position=self._batch.units[-1].snapshot_position,
            snapshot_tables=self._batch.units[-1].snapshot_tables,
            generations=generations,
            source_position=_source_position(self._batch.units) or position.source_position,
        )

    def _close_generation(self, position: Position, ground: Ground) -> None:
        """Delete the rows that the snapshot did not bring: they were deleted in the source while nobody looked."""
        last = self._batch.units[-1]
        if not last.closes_generation or position.generation_from is None:
            return
        contracts = self._decoder.captured_contracts()
        parameters = {
            "mirrors": [contract.mirror for contract in contracts],
            "generation_from": position.generation_from,
            "deleted_offset": last.next_offset - 1,
            "deleted_ts": last.source_ts,
            "stream": position.stream,
            "batch": position.batch,
        }
        for contract in contracts:
            self._session.take_time()
            self._session.writer(ground.table(contract)).delete_ghosts(parameters)
        heal_missing(self._connection, parameters)
        for table in map(ground.table, contracts):
            if table.keeps_changes:
                self._session.take_time()
                self._session.writer(table).keep_absent({"version": parameters["deleted_offset"], **parameters})
        crash_point("W13")

    def _record(self, position: Position, ground: Ground, chunks: Iterable[journal.Chunk]) -> None:
        units = self._batch.units
        stamps = [unit.source_ts for unit in units if unit.source_ts is not None]
        with self._connection.cursor() as cursor:
            new = [unit for unit in units if unit.first_offset not in ground.replayed]
            replay.note_parts(new, position.batch)
            replay.write_units(cursor, position.stream, position.batch, new)
            entry = ledger.BatchEntry(
                position.stream,
                position.batch,
                self._position.next_offset,
                position.next_offset,
                sum(unit.is_last for unit in units),
                sum(len(unit.records) for unit in units),
                stamps[0] if stamps else None,
                stamps[-1] if stamps else None,
                time.perf_counter() - self._started,
            )
            ledger.write_ledger(cursor, entry, self._ledger)
            for chunk in chunks:
                journal.write_chunk(cursor, position.stream, position.batch, chunk)
            counted = (entry.captured, *self._ledger.totals())
            write_position(cursor, position, stamps[-1] if stamps else None, _source_position(units), counted)
            cursor.execute("NOTIFY cdc_landed")


def _within(mirrors: Mapping[int, str], chunk: journal.Chunk) -> set[str]:
    return {mirror for offset, mirror in mirrors.items() if chunk.first_offset <= offset < chunk.next_offset}


def _source_position(units: tuple[Unit, ...]) -> str | None:
    return next((position_text(unit.position) for unit in reversed(units) if unit.position), None)

"""The landing transaction: the one place where mirrors, journal, ledger and position move, all or nothing."""

from __future__ import annotations

import dataclasses
import time
from collections import ChainMap, Counter, defaultdict
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import structlog
from psycopg.rows import class_row

from cdc.capture.contract import Contract
from cdc.change import Change, Event, Refusal
from cdc.crash import crash_point
from cdc.errors import FatalError
from cdc.land import journal, ledger, replay
from cdc.land.decode import LONG_KEY, Item, Stretch, stretches
from cdc.land.duplicate import Claims, keys_of, may_double
from cdc.land.fold import Folded, fold
from cdc.land.generation import heal_missing
from cdc.land.position import Position, lock, require_unmoved, write_position
from cdc.land.prepare import Prepared
from cdc.land.reread import fill_in, reread_keys
from cdc.land.session import Session
from cdc.land.write import COPY_FROM_ROWS, MISFITS, Expectation, MirrorWriter, RowMissing
from cdc.stream.envelope import position_text
from cdc.stream.unit import Unit, resumable_id

_logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Ground:
    """What the transaction finds when it opens."""

    watched: Mapping[str, tuple[str, ...]]
    stale: frozenset[str]
    replayed: frozenset[int]


def land(session: Session, position: Position, prepared: Prepared) -> Position:
    """Land a batch and return the position after it. On any error nothing was written.

    Raises Moved, NewColumn, FatalError STR-105, LND-102 to LND-106, or what the database says.
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
                raise FatalError("LND-104", missing.mirror) from missing
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
        # Of a large transaction the batches before this one are not committed; what they staged is still there.
        self._stage_is_filled = prepared.batch.is_part
        self._started = time.perf_counter()
        self._ledger = ledger.Ledger()
        self._refusals: Counter[tuple[str, str]] = Counter()
        self._folded: list[tuple[MirrorWriter, Folded]] = []
        self._expectations: list[Expectation] = []
        self._overlaid: dict[int, Event] = {}

    @property
    def _generation_from(self) -> int | None:
        """First offset of the snapshot generation that is open, or was the last one, at the end of the batch."""
        opened = [unit.first_offset for unit in self._batch.units if unit.opens_generation]
        return opened[-1] if opened else self._position.generation_from

    def run(self) -> Position:
        """Open the transaction, write everything, commit."""
        contracts = self._prepared.contracts
        for contract in contracts.values():
            self._session.prepare(contract)
        with self._pipeline() as sync, self._connection.transaction():
            # 1. The position is ours and where we believe it; nobody else can move it until we commit.
            ground = self._open()
            crash_point("W3")
            # 2. Mirrors, changed keys, stale rows and refused records, table by table.
            tables = self._tables(ground)
            for mirror in sorted(tables):
                self._write_table(contracts[mirror], tables[mirror], ground)
            # 3. What is counted beside them, and what a closed snapshot generation did not bring.
            self._count_repeated()
            position = self._advance()
            self._close_generation(position, ground)
            # 4. Evidence, ledger, position.
            crash_point("W5")
            self._record(position, ground)
            sync()
            for expectation in self._expectations:
                expectation.check()
            crash_point("W6")
        crash_point("W8")
        return position

    def report(self) -> None:
        """Log what was refused, by mirror and code, once it is committed."""
        for (mirror, code), count in self._refusals.items():
            _logger.warning("changes_refused", mirror=mirror, code=code, count=count, batch=self._position.batch + 1)

    def find_misfits(self) -> dict[int, str]:
        """After a refusal by the database: find the rows that it does not take, one by one; offset to code."""
        misfits: dict[int, str] = {}
        for writer, folded in self._folded:
            misfits.update(writer.find_misfits(folded))
        return misfits

    @contextmanager
    def _pipeline(self) -> Iterator[Any]:
        """Send the statements of a small batch without waiting for each answer; COPY cannot be pipelined."""
        rows = sum(len(decoded) for _, decoded in self._prepared.units)
        with self._connection.pipeline() if rows < COPY_FROM_ROWS else nullcontext() as pipeline:
            yield pipeline.sync if pipeline is not None else lambda: None

    def _open(self) -> _Ground:
        mine = self._position
        with self._connection.cursor(row_factory=class_row(Position)) as cursor:
            lock(cursor, mine)
            watched = self._connection.execute(
                "SELECT mirror, array_agg(name ORDER BY name) FROM cdc.watched_column GROUP BY mirror"
            )
            stale = self._connection.execute("SELECT DISTINCT mirror FROM cdc.stale WHERE stream = %s", (mine.stream,))
            recorded = replay.read_recorded(self._connection, mine.stream, self._batch.units, self._decoder.database)
            require_unmoved(cursor.fetchone(), mine)
        return _Ground(
            {mirror: tuple(names) for mirror, names in watched.fetchall()},
            frozenset(mirror for (mirror,) in stale.fetchall()),
            frozenset(replay.find_replayed(self._batch.units, recorded())),
        )

    def _tables(self, ground: _Ground) -> dict[str, list[Item]]:
        """Return what has to land, in stream order, by mirror; what landed before is counted."""
        tables: defaultdict[str, list[Item]] = defaultdict(list)
        for unit, decoded in self._prepared.units:
            replayed = self._replayed_offsets(unit, ground)
            for mirror, items in decoded:
                if replayed and items[0].offset in replayed:
                    self._ledger.count(mirror, "replayed")
                else:
                    tables[mirror] += items
        return tables

    def _replayed_offsets(self, unit: Unit, ground: _Ground) -> set[int]:
        return {row.record.offset for row in unit.rows} if unit.first_offset in ground.replayed else set()

    def _write_table(self, contract: Contract, items: list[Item], ground: _Ground) -> None:
        mirror = contract.mirror
        writer = self._session.writer(contract, ground.watched.get(mirror, ()))
        has_stale = mirror in ground.stale or mirror in self._careful
        for number, stretch in enumerate(stretches(self._fill_in(writer, items))):
            if number or self._stage_is_filled:
                writer.empty_stage()
            changes = self._admit(writer, stretch.changes, has_stale=has_stale)
            folded = fold(change for change in changes if not (isinstance(change, Refusal) and change.code == LONG_KEY))
            self._folded.append((writer, folded))
            writer.resolve(folded, has_stale=has_stale)
            refusals = [change for change in changes if isinstance(change, Refusal)] + folded.refusals
            refusals = [refusal for refusal in refusals if refusal.offset not in self._overlaid]
            has_stale |= bool(refusals)
            if folded.images:
                self._expectations += writer.write(
                    folded, self._position.stream, self._position.batch + 1, has_stale=has_stale
                )
            for refusal in refusals:
                self._refuse(writer, refusal)
            self._count(mirror, stretch, folded, {refusal.offset for refusal in refusals})
            if stretch.truncation is not None:
                truncation = stretch.truncation
                writer.truncate(
                    truncation.offset, truncation.source_ts, self._position.stream, self._position.batch + 1
                )
                has_stale = False

    def _fill_in(self, writer: MirrorWriter, items: list[Item]) -> list[Item]:
        """Put the rows that were read beside the stream where they belong among its changes."""
        keys = reread_keys(items, self._prepared.events) if self._prepared.reads_beside else []
        if not keys:
            return items
        filling = fill_in(items, self._prepared.events, writer.known(keys), self._decoder, self._prepared.refused)
        self._overlaid.update(filling.overlaid)
        self._ledger.count(writer.table.contract.mirror, "superseded", filling.superseded)
        return filling.items

    def _admit(
        self, writer: MirrorWriter, changes: list[Change | Refusal], *, has_stale: bool
    ) -> list[Change | Refusal]:
        """Refuse second rows of a key, where nothing but a declaration says that there are none."""
        contract = writer.table.contract
        if contract.key_origin != "declared" or not changes:
            return changes
        events = ChainMap(self._overlaid, self._prepared.events)
        if not has_stale and not may_double(changes, events):
            return changes
        claims = Claims(contract.mirror, writer.claims(keys_of(changes)), events, self._generation_from)
        return list(claims.admit(changes))

    def _refuse(self, writer: MirrorWriter, refusal: Refusal) -> None:
        record = self._prepared.events[refusal.offset].record
        self._refusals[(writer.table.contract.mirror, refusal.code)] += 1
        writer.refuse(
            (
                *(self._position.stream, refusal.offset, self._position.batch + 1),
                *(None if part is None else str(part) for part in refusal.key),
                *(refusal.code, refusal.detail, record.key, record.value),
            )
        )
        crash_point("W10")

    def _count(self, mirror: str, stretch: Stretch, folded: Folded, refused: set[int]) -> None:
        events = len({change.offset for change in stretch.changes if change.offset not in self._overlaid})
        landed = {image.last_offset for image in folded.images.values() if image.values is not None or image.is_deleted}
        self._ledger.count(mirror, "refused", len(refused))
        self._ledger.count(mirror, "landed", len(landed - refused) + (stretch.truncation is not None))
        self._ledger.count(mirror, "superseded", events - len(refused | landed))

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
            generations=generations,
        )

    def _close_generation(self, position: Position, ground: _Ground) -> None:
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
            writer = self._session.writer(contract, ground.watched.get(contract.mirror, ()))
            writer.delete_ghosts(parameters)
        heal_missing(self._connection, parameters)
        crash_point("W13")

    def _record(self, position: Position, ground: _Ground) -> None:
        units = self._batch.units
        stamps = [unit.source_ts for unit in units if unit.source_ts is not None]
        with self._connection.cursor() as cursor:
            new = [unit for unit in units if unit.first_offset not in ground.replayed]
            replay.note_parts(new, position.batch)
            replay.write_units(cursor, position.stream, position.batch, new)
            entry = ledger.BatchEntry(
                position.stream,
                position.batch,
                self._batch.first_offset,
                position.next_offset,
                sum(unit.is_last for unit in units),
                sum(len(unit.records) for unit in units),
                stamps[0] if stamps else None,
                stamps[-1] if stamps else None,
                time.perf_counter() - self._started,
            )
            ledger.write_ledger(cursor, entry, self._ledger)
            for chunk in self._prepared.chunks:
                journal.write_chunk(cursor, position.stream, position.batch, chunk)
            write_position(cursor, position, stamps[-1] if stamps else None, _source_position(units))
            cursor.execute("NOTIFY cdc_landed")


def _source_position(units: tuple[Unit, ...]) -> str | None:
    return next((position_text(unit.position) for unit in reversed(units) if unit.position), None)

"""The landing transaction: the one place where mirrors, journal, ledger and position move, all or nothing."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
import structlog
from psycopg.rows import class_row

from cdc.capture.contract import Contract
from cdc.change import Change, Event, Refusal
from cdc.errors import FatalError
from cdc.land import journal, ledger, replay
from cdc.land.batch import Batch
from cdc.land.decode import LONG_KEY, Item, Stretch, TableDecoder, stretches
from cdc.land.duplicate import Claims, keys_of, may_double
from cdc.land.fold import Folded, fold
from cdc.land.generation import heal_missing
from cdc.land.mirror_table import MirrorTable
from cdc.land.position import Position, lock, require_unmoved
from cdc.land.reread import fill_in, reread_keys
from cdc.land.write import COPY_FROM_ROWS, MISFITS, Expectation, MirrorWriter, RowMissing
from cdc.stream.envelope import position_text
from cdc.stream.unit import Unit, resumable_id

_logger = structlog.get_logger()


@dataclass(slots=True)
class Session:
    """A connection to the target, with what landing keeps for its lifetime: a writer and a staging table per mirror."""

    connection: psycopg.Connection
    _writers: dict[str, MirrorWriter] = field(default_factory=dict)
    _staged: dict[str, Contract] = field(default_factory=dict)

    def prepare(self, contract: Contract) -> None:
        """Make the mirror's staging table, again when the contract has grown. Outside of the landing transaction."""
        if self._staged.get(contract.mirror) != contract:
            self.writer(contract, ()).create_stage()
            self._staged[contract.mirror] = contract

    def writer(self, contract: Contract, watched: tuple[str, ...]) -> MirrorWriter:
        """Return the mirror's writer as it is now."""
        known = self._writers.get(contract.mirror)
        if known is None or known.table.contract != contract or known.table.watched != watched:
            known = self._writers[contract.mirror] = MirrorWriter(self.connection, MirrorTable(contract, watched))
        return known


@dataclass(frozen=True, slots=True)
class _Ground:
    """What the transaction finds when it opens."""

    watched: Mapping[str, tuple[str, ...]]
    stale: frozenset[str]
    replayed: frozenset[int]


def land(session: Session, decoder: TableDecoder, position: Position, batch: Batch) -> Position:
    """Land a batch and return the position after it. On any error nothing was written.

    Raises Moved, NewColumn, FatalError STR-105, LND-102 to LND-106, or what the database says.
    """
    refused: dict[int, str] = {}
    careful: set[str] = set()
    while True:
        landing = _Landing(session, decoder, position, batch, refused, careful)
        try:
            landed = landing.run()
        except MISFITS:
            misfits = landing.find_misfits()
            if not misfits.keys() - refused.keys():
                raise
            refused |= misfits
        except RowMissing as missing:
            if missing.mirror in careful:
                raise FatalError("LND-104", missing.mirror) from missing
            careful.add(missing.mirror)
        else:
            landing.report()
            return landed


class _Landing:
    """One attempt to land one batch."""

    def __init__(
        self,
        session: Session,
        decoder: TableDecoder,
        position: Position,
        batch: Batch,
        refused: Mapping[int, str],
        careful: Container[str],
    ) -> None:
        self._session = session
        self._connection = session.connection
        self._decoder = decoder
        self._position = position
        self._batch = batch
        self._refused = refused
        self._careful = careful
        self._started = time.perf_counter()
        self._ledger = ledger.Ledger()
        self._refusals: Counter[tuple[str, str]] = Counter()
        self._folded: list[tuple[MirrorWriter, Folded]] = []
        self._expectations: list[Expectation] = []
        self._chunks = list(journal.chunks(batch.records(), position.chain))
        self._events: dict[int, Event] = {}
        self._overlaid: set[int] = set()

    @property
    def _generation_from(self) -> int | None:
        """First offset of the snapshot generation that is open, or was the last one, at the end of the batch."""
        opened = [unit.first_offset for unit in self._batch.units if unit.opens_generation]
        return opened[-1] if opened else self._position.generation_from

    def run(self) -> Position:
        """Open the transaction, write everything, commit."""
        events = [(unit, event) for unit in self._batch.units for event in unit.events]
        self._events = {event.record.offset: event for _, event in events}
        items = [(unit, event, self._decoder.items(event, self._refused)) for unit, event in events]
        contracts = {contract.mirror: contract for contract in (self._decoder.contract(event) for _, event in events)}
        for contract in contracts.values():
            self._session.prepare(contract)
        with self._pipeline(len(items)) as sync, self._connection.transaction():
            # 1. The position is ours and where we believe it; nobody else can move it until we commit.
            ground = self._open()
            # 2. Mirrors, changed keys, stale rows and refused records, table by table.
            tables: dict[str, list[Item]] = {}
            for unit, event, done in items:
                mirror = self._decoder.contract(event).mirror
                if event.transaction is not None and unit.first_offset in ground.replayed:
                    self._ledger.count(mirror, "replayed")
                else:
                    tables.setdefault(mirror, []).extend(done)
            for mirror in sorted(tables):
                self._write_table(contracts[mirror], tables[mirror], ground)
            # 3. What is counted beside them, and what a closed snapshot generation did not bring.
            self._count_repeated()
            position = self._advance()
            self._close_generation(position, ground)
            # 4. Evidence, ledger, position.
            self._record(position, ground)
            sync()
            for expectation in self._expectations:
                expectation.check()
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
    def _pipeline(self, rows: int) -> Iterator[Any]:
        """Send the statements of a small batch without waiting for each answer; COPY cannot be pipelined."""
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

    def _write_table(self, contract: Contract, items: list[Item], ground: _Ground) -> None:
        mirror = contract.mirror
        writer = self._session.writer(contract, ground.watched.get(mirror, ()))
        has_stale = mirror in ground.stale or mirror in self._careful
        for number, stretch in enumerate(stretches(self._fill_in(writer, items))):
            if number:
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
        keys = reread_keys(items, self._events)
        if not keys:
            return items
        filling = fill_in(items, self._events, writer.known(keys), self._decoder, self._refused)
        self._overlaid.update(filling.overlaid)
        self._events.update(filling.overlaid)
        self._ledger.count(writer.table.contract.mirror, "superseded", filling.superseded)
        return filling.items

    def _admit(
        self, writer: MirrorWriter, changes: list[Change | Refusal], *, has_stale: bool
    ) -> list[Change | Refusal]:
        """Refuse second rows of a key, where nothing but a declaration says that there are none."""
        contract = writer.table.contract
        if contract.key_origin != "declared" or not changes:
            return changes
        if not has_stale and not may_double(changes, self._events):
            return changes
        claims = Claims(contract.mirror, writer.claims(keys_of(changes)), self._events, self._generation_from)
        return list(claims.admit(changes))

    def _refuse(self, writer: MirrorWriter, refusal: Refusal) -> None:
        record = self._events[refusal.offset].record
        self._refusals[(writer.table.contract.mirror, refusal.code)] += 1
        writer.refuse(
            (
                *(self._position.stream, refusal.offset, self._position.batch + 1),
                *(None if part is None else str(part) for part in refusal.key),
                *(refusal.code, refusal.detail, record.key, record.value),
            )
        )

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
            chain=self._chunks[-1].chain,
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

    def _record(self, position: Position, ground: _Ground) -> None:
        units = self._batch.units
        stamps = [unit.source_ts for unit in units if unit.source_ts is not None]
        with self._connection.cursor() as cursor:
            new = [unit for unit in units if unit.first_offset not in ground.replayed]
            replay.write_units(cursor, position.stream, position.batch, new)
            entry = ledger.BatchEntry(
                position.stream,
                position.batch,
                self._batch.first_offset,
                position.next_offset,
                len(units),
                sum(len(unit.records) for unit in units),
                stamps[0] if stamps else None,
                stamps[-1] if stamps else None,
                time.perf_counter() - self._started,
            )
            ledger.write_ledger(cursor, entry, self._ledger)
            for chunk in self._chunks:
                journal.write_chunk(cursor, position.stream, position.batch, chunk)
            _write_position(cursor, position, stamps[-1] if stamps else None, _source_position(units))
            cursor.execute("NOTIFY cdc_landed")


def _source_position(units: tuple[Unit, ...]) -> str | None:
    return next((position_text(unit.position) for unit in reversed(units) if unit.position), None)


def _write_position(
    cursor: psycopg.Cursor, position: Position, source_ts: datetime | None, source_position: str | None
) -> None:
    cursor.execute(
        "UPDATE cdc.position SET next_offset = %s, batch = %s, chain = %s, last_unit = %s, generation_from = %s,"
        " snapshot_position = %s, generations = %s, source_ts = coalesce(%s::timestamptz, source_ts),"
        " source_position = coalesce(%s::text, source_position), updated_at = now() WHERE stream = %s",
        (
            *(position.next_offset, position.batch, position.chain, position.last_unit, position.generation_from),
            *(position.snapshot_position, position.generations, source_ts, source_position, position.stream),
        ),
    )

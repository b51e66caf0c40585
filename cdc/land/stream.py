"""One stream on its way into the mirrors: from the records of its topic to landed batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

import structlog
from psycopg.errors import LockNotAvailable

from cdc.capture.contract import Contract
from cdc.change import Record
from cdc.config import Land
from cdc.errors import FatalError
from cdc.land.batch import Batch, Pending
from cdc.land.contracts import Announcement, follow_source, read_contracts_in_force, renew_sessions
from cdc.land.decode import TableDecoder
from cdc.land.position import Position
from cdc.land.prepare import prepare
from cdc.land.replay import find_landed
from cdc.land.session import Session
from cdc.land.transaction import land
from cdc.land.watch import CatalogueWatch
from cdc.stream.envelope import read_event
from cdc.stream.row import NewColumn, Outgrown
from cdc.stream.schema_change import SchemaChange, read_schema_changes
from cdc.stream.unit import Assembler, Landed, State

_logger = structlog.get_logger()
_NOTHING = Announcement()
# What nothing waits for is done when nobody reads the mirror.
_SHORT_WAIT = "1s"


@dataclass(frozen=True, slots=True)
class StreamSource:
    """What landing has to know of a source: its stream, the product, how to ask its catalogue, what is captured of it.

    `captured` returns the mirrors of the tables that the connector file names now.
    """

    name: str
    stream: str
    database: str
    read_catalogue: Callable[[], tuple[Contract, ...]]
    captured: Callable[[], Container[str]]


class StreamLanding:
    """Lands one stream from a position on. After any error it is done with: another one starts from the position."""

    def __init__(self, source: StreamSource, session: Session, position: Position, limits: Land) -> None:
        self.source = source
        self.position = position
        self._session = session
        self._pending = Pending(limits.batch_rows, limits.batch_bytes)
        state = State(position.last_unit, position.generations, position.snapshot_position)
        self._assembler = Assembler(source.database, state, self._find_landed, limits.batch_rows, limits.batch_bytes)
        self._limits = limits
        self._is_announced = source.database != "postgresql"
        self._watch = CatalogueWatch(source.stream, source.read_catalogue, limits.catalogue_every_s)
        self._decoder = self._read_contracts()
        self._trusted_until = 0.0

    @property
    def has_pending(self) -> bool:
        """Whether there is anything that could land."""
        return len(self._pending) > 0

    @property
    def is_full(self) -> bool:
        """Whether a batch should land before more is read."""
        return self._pending.is_full

    def feed(self, records: Iterable[Record]) -> None:
        """Take the next records of the stream. Raises FatalError STR-1xx when the unit rules are broken."""
        for record in records:
            for unit in self._assembler.feed(read_event(record, self.source.database)):
                self._pending.add(unit)

    def flush(self) -> None:
        """Close an open snapshot slice: nothing more has arrived."""
        for unit in self._assembler.flush():
            self._pending.add(unit)

    def land_next(self) -> Position:
        """Land one batch of what is pending and return the position after it."""
        self._doubt_again()
        batch = self._pending.take()
        changes = self._concerning(batch)
        if changes:
            self.grow(Announcement(changes))
        self.position = self._land(batch)
        return self.position

    def grow(self, announcement: Announcement = _NOTHING) -> None:
        """Read the source's catalogue again and let contracts and mirrors grow by what is new.

        Raises FatalError LND-106 if the catalogue does not have the column that the stream waits for, TGT-110 to
        TGT-113 if a mirror cannot follow, TransientError SRC-110 if the source does not answer.
        """
        wanted = self.source.read_catalogue()
        self._watch.forget()
        unknown = announcement.unknown
        if unknown is not None and not _has_column(wanted, unknown):
            raise FatalError("LND-106", f"{unknown.mirror}.{unknown.column}")
        self._follow(wanted, announcement)

    def watch_source(self) -> None:
        """Let contracts and mirrors follow what nothing in the stream tells of; returns at once, to be called often.

        Raises as `grow` does, but for a source that does not answer: it is asked again later.
        """
        wanted = None if self._is_announced else self._watch.take()
        if wanted is None:
            return
        try:
            self._follow(wanted, _NOTHING, lock_timeout=_SHORT_WAIT)
        except LockNotAvailable:
            _logger.info("mirror_in_use", stream=self.source.stream)

    def _land(self, batch: Batch) -> Position:
        try:
            return self._landed(batch)
        except NewColumn as unknown:
            self.grow(Announcement(unknown=unknown))
        except Outgrown:
            self.grow()
            # What does not fit the contract now is refused, and the source is not asked again for a while.
            self._decoder = self._read_contracts(doubts=False)
            self._trusted_until = time.monotonic() + self._limits.catalogue_every_s
        except FatalError as error:
            if error.code != "LND-102":
                raise
            # The table was added to the connector: `cdc target apply` may have put its contract in force meanwhile.
            self._decoder = self._read_contracts()
        return self._landed(batch)

    def _landed(self, batch: Batch) -> Position:
        return land(self._session, self.position, prepare(batch, self._decoder, self.position.chain))

    def _doubt_again(self) -> None:
        if not self._decoder.doubts and time.monotonic() >= self._trusted_until:
            self._decoder = self._read_contracts()

    def _concerning(self, batch: Batch) -> list[SchemaChange]:
        """Return the schema changes in a batch that concern a table with a contract."""
        tables = {contract.source_table for contract in self._decoder.contracts}
        records = (record for unit in batch.units if unit.schema_changed for record in unit.records)
        return [
            change
            for record in records
            for change in read_schema_changes(record)
            if not tables.isdisjoint(change.tables)
        ]

    def _follow(
        self, wanted: tuple[Contract, ...], announcement: Announcement, lock_timeout: str | None = None
    ) -> None:
        connection = self._session.connection
        with connection.transaction():
            if lock_timeout is not None:
                connection.execute("SELECT set_config('lock_timeout', %s, true)", (lock_timeout,))
            steps = follow_source(connection, self.source.name, wanted, announcement if self._is_announced else None)
        with connection.transaction():
            renew_sessions(connection, steps)
        for step in steps:
            _logger.info("mirror_changed", stream=self.source.stream, step=step.title)
        self._decoder = self._read_contracts()

    def _read_contracts(self, *, doubts: bool = True) -> TableDecoder:
        with self._session.connection.transaction():
            contracts = read_contracts_in_force(self._session.connection, self.source.name)
        return TableDecoder(contracts, self.source.database, self.source.captured, doubts=doubts)

    def _find_landed(self, unit_id: str) -> Landed | None:
        for unit in self._pending:
            if unit.id == unit_id and unit.rows:
                return Landed(unit.last_place)
        return find_landed(self._session.connection, self.source.stream, unit_id)


def _has_column(contracts: Iterable[Contract], unknown: NewColumn) -> bool:
    return any(
        contract.mirror == unknown.mirror
        and unknown.column in (*(column.name for column in contract.columns), *contract.omitted)
        for contract in contracts
    )

"""One stream on its way into the mirrors: from the records of its topic to landed batches.

Two threads share the work. The reader feeds records and takes batches that are ready (`feed`, `take`); the writer,
which has the connection to the target, lands them one after the other (`land`, `grow`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from psycopg.errors import LockNotAvailable
from psycopg.pq import TransactionStatus

from cdc.capture.contract import Contract
from cdc.capture.drift_policy import DriftPolicy
from cdc.capture.log_end import Marks
from cdc.capture.policy import Policy, require_policy
from cdc.config import Land
from cdc.crash import crash_point
from cdc.errors import FatalError
from cdc.land.batch import Batch
from cdc.land.change.decode import TableDecoder
from cdc.land.contract.in_force import Announcement, follow_source, read_contracts_in_force, renew_sessions
from cdc.land.contract.merge import is_published_anew
from cdc.land.contract.watch import Catalogue, SourceWatch
from cdc.land.position import Position
from cdc.land.prepare import Prepared
from cdc.land.reader import StreamReader
from cdc.land.restored import marks_of, marks_of_units, require_not_restored
from cdc.land.session import Session
from cdc.land.transaction import land
from cdc.reference import Secret
from cdc.stream.row import NewColumn, Outgrown
from cdc.stream.schema_change import SchemaChange, read_schema_changes
from cdc.stream.unit import Landed

_logger = structlog.get_logger()
_NOTHING = Announcement()
# What nothing waits for is done when nobody reads the mirror.
_SHORT_WAIT = "200ms"
NOT_THE_OWNER = "TGT-117"
"""The code of a mirror that has to grow, where the worker's role is not its owner."""


@dataclass(frozen=True, slots=True)
class StreamSource:
    """What landing has to know of a source: its stream, the product, how to ask its catalogue, what is captured of it.

    `captured` returns the mirrors of the tables that the connector file names now. `origin` is the captured database.
    `note_gap` is told, by their names in the source, which tables were not captured for a while: it puts on record that
    they have to be read again. `policy` are the columns for whose values tokens stand, `tokens` the keys of these.
    `drift` says what to do where tables change. `read_log_end` asks where the source's log ends now.
    """

    name: str
    stream: str
    database: str
    read_catalogue: Callable[[], tuple[Contract, ...]]
    captured: Callable[[], Container[str]]
    origin: str | None = None
    note_gap: Callable[[Sequence[str]], None] | None = None
    policy: Policy = field(default_factory=dict)
    tokens: Mapping[str, Secret] = field(default_factory=dict)
    drift: DriftPolicy = field(default_factory=dict)
    read_log_end: Callable[[], Marks] | None = None


class Abandoned(Exception):
    """A batch behind one that failed: it will be read again."""


class StreamLanding:
    """Lands one stream from a position on. After any error it is done with: another one starts from the position.

    `find_landed` says what is on record of a source transaction; the reader's thread asks it.
    """

    def __init__(
        self,
        source: StreamSource,
        session: Session,
        position: Position,
        limits: Land,
        find_landed: Callable[[str], Landed | None],
    ) -> None:
        self.source = source
        self.position = position
        self.reader = StreamReader(source.database, source.origin, position, limits, find_landed)
        self._session = session
        self._limits = limits
        self._is_announced = source.database != "postgresql"
        self._watch = SourceWatch(source.stream, source.read_catalogue, limits.catalogue_every_s)
        self._marks: Marks = marks_of(session.opener(), source.database, position) if source.read_log_end else {}
        self._log_watch = SourceWatch(source.stream, self._read_log_end, limits.catalogue_every_s, "log_end")
        self._decoder = self._read_contracts()
        self._trusted_until = 0.0
        self._is_broken = False
        self._part: Position | None = None

    def take(self) -> Prepared:
        """Take the next batch of what is pending and make it ready."""
        return self.reader.take(self._decoder)

    def land(self, prepared: Prepared) -> Position:
        """Land one batch and return the position after it. Of a large transaction the last part commits all of them.

        Raises Abandoned if a batch before it has failed, FatalError LND-111 inside of another stream's transaction.
        """
        if self._is_broken:
            raise Abandoned
        try:
            self._require_own_transaction()
            self._doubt_again()
            changes = self._concerning(prepared.batch)
            if changes:
                self.grow(Announcement(changes))
            if prepared.batch.is_part:
                self._land_part(prepared)
            else:
                self.position = self._land(prepared)
            self._marks = {**self._marks, **marks_of_units(self.source.database, prepared.batch.units)}
        except BaseException:
            self._is_broken = True
            raise
        return self.position

    def abandon(self) -> None:
        """Land nothing more; undo the parts of a large transaction that is not whole."""
        self._is_broken = True
        if self._part is not None:
            self._part = None
            self._session.roll_back()

    def grow(self, announcement: Announcement = _NOTHING) -> None:
        """Read the source's catalogue again and let contracts and mirrors grow by what is new.

        Raises FatalError LND-106 if the catalogue does not have the column that the stream waits for, TGT-110 to
        TGT-113 if a mirror cannot follow, TGT-119 if the connector file says to stop, TransientError SRC-110 if the
        source does not answer.
        """
        wanted = self.source.read_catalogue()
        self._watch.forget()
        unknown = announcement.unknown
        if unknown is not None and not _has_column(wanted, unknown):
            raise FatalError("LND-106", unknown.detail)
        self._follow(wanted, announcement)

    def hold_against_source(self) -> None:
        """Hold what has landed against where the source's log ends, if that was just read. Returns at once.

        Raises FatalError STR-123 for a source that was restored to an earlier time.
        """
        if self.source.read_log_end is not None and (read := self._log_watch.take()) is not None:
            require_not_restored(self.source.stream, *read)

    def _read_log_end(self) -> tuple[Marks, Marks]:
        """Return what had landed before the source was asked, and its answer."""
        landed = self._marks
        return landed, self.source.read_log_end() if landed and self.source.read_log_end is not None else landed

    def take_reading(self) -> Catalogue | None:
        """Return the source's catalogue if it was just read: of a source whose log does not tell of every change.

        Returns at once, to be called often. Raises FatalError as reading it does.
        """
        return None if self._is_announced else self._watch.take()

    def follow(self, reading: Catalogue) -> None:
        """Let contracts and mirrors follow a reading, unless the catalogue was read again since. Raises as `grow`."""
        if self._is_broken or not self._watch.is_latest():
            return
        try:
            self._follow(reading, _NOTHING, lock_timeout=_SHORT_WAIT)
        except LockNotAvailable:
            _logger.info("mirror_in_use", stream=self.source.stream)
        except FatalError as error:
            if error.code != NOT_THE_OWNER:
                raise
            _logger.warning("mirror_not_changed", stream=self.source.stream, error=error)  # no row has it yet

    def _land(self, prepared: Prepared) -> Position:
        try:
            return self._landed(prepared)
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
        return self._landed(prepared)

    def _landed(self, prepared: Prepared) -> Position:
        if prepared.decoder is not self._decoder or not prepared.is_decoded:
            prepared = prepared.again(self._decoder)
        return land(self._session, self._part or self.position, prepared)

    def _land_part(self, prepared: Prepared) -> None:
        """Land a part in the transaction that the first one opens and the last one commits."""
        try:
            self._session.connection.execute("SELECT")  # the batch's own transaction is a savepoint in this one
            self._part = self._land(prepared)
            if prepared.batch.is_last_part:
                self._session.connection.commit()
                self.position, self._part = self._part, None
            else:
                crash_point("W15")
        except BaseException:
            self._part = None
            self._session.roll_back()
            raise

    def _require_own_transaction(self) -> None:
        """Hold that nothing is open but the parts before: what another stream has begun would end with this one."""
        status = self._session.connection.info.transaction_status
        if self._part is None and status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
            raise FatalError("LND-111", f"{self.source.stream}: {status.name}")

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
            if any(change.concerns(table) for table in tables)
        ]

    def _follow(
        self, wanted: tuple[Contract, ...], announcement: Announcement, lock_timeout: str | None = None
    ) -> None:
        connection = self._session.connection
        self._note_gaps(wanted)
        with connection.transaction():
            self._session.take_time()
            if lock_timeout is not None:
                connection.execute("SELECT set_config('lock_timeout', %s, true)", (lock_timeout,))
            said = announcement if self._is_announced else None
            offset = (self._part or self.position).next_offset
            steps = follow_source(connection, self.source.name, wanted, said, self.source.drift, offset)
            if steps:
                crash_point("W12")
        with connection.transaction():
            renew_sessions(connection, steps)
        for step in steps:
            _logger.info("mirror_changed", stream=self.source.stream, step=step.title)
        before, self._decoder = self._decoder, self._read_contracts()
        self._tell_ignored(before)

    def _tell_ignored(self, before: TableDecoder) -> None:
        known = {(contract.mirror, one.name) for contract in before.contracts for one in contract.ignored}
        for contract in self._decoder.contracts:
            for one in contract.ignored:
                if (contract.mirror, one.name) not in known:
                    _logger.warning("column_ignored", stream=self.source.stream, column=f"{contract.mirror}.{one.name}")

    def _note_gaps(self, wanted: Iterable[Contract]) -> None:
        """Put on record what the log does not tell, before the contract in force forgets it."""
        in_force = {contract.mirror: contract for contract in self._decoder.contracts}
        gaps = [
            contract.source_table
            for contract in wanted
            if contract.mirror in in_force and is_published_anew(in_force[contract.mirror], contract)
        ]
        if gaps and self.source.note_gap is not None:
            _logger.warning("capture_was_interrupted", stream=self.source.stream, code="CON-108", tables=gaps)
            self.source.note_gap(gaps)

    def _read_contracts(self, *, doubts: bool = True) -> TableDecoder:
        with self._session.connection.transaction():
            contracts = read_contracts_in_force(self._session.connection, self.source.name)
        require_policy(contracts, self.source.policy)
        return TableDecoder(
            contracts, self.source.database, self.source.captured, doubts=doubts, tokens=self.source.tokens
        )


def _has_column(contracts: Iterable[Contract], unknown: NewColumn) -> bool:
    return any(
        contract.mirror == unknown.mirror
        and unknown.column in (*(column.name for column in contract.columns), *contract.skipped)
        for contract in contracts
    )

"""One stream on its way into the mirrors: from the records of its topic to landed batches."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from cdc.capture.contract import Contract
from cdc.change import Record
from cdc.config import Land
from cdc.errors import FatalError
from cdc.land.batch import Batch, Pending
from cdc.land.contracts import put_in_force, read_contracts_in_force
from cdc.land.decode import TableDecoder
from cdc.land.position import Position
from cdc.land.replay import find_landed
from cdc.land.transaction import Session, land
from cdc.stream.envelope import read_event
from cdc.stream.row import NewColumn
from cdc.stream.unit import Assembler, Landed, State


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
        self._decoder = self._read_contracts()

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
        batch = self._pending.take()
        if any(unit.schema_changed for unit in batch.units):
            self.grow()
        try:
            self.position = self._land(batch)
        except NewColumn as unknown:
            self.grow(unknown)
            self.position = self._land(batch)
        return self.position

    def _land(self, batch: Batch) -> Position:
        try:
            return land(self._session, self._decoder, self.position, batch)
        except FatalError as error:
            if error.code != "LND-102":
                raise
        # The table was added to the connector: `cdc target apply` may have put its contract in force meanwhile.
        self._decoder = self._read_contracts()
        return land(self._session, self._decoder, self.position, batch)

    def grow(self, unknown: NewColumn | None = None) -> None:
        """Read the source's catalogue again and let contracts and mirrors grow by what is new.

        Raises FatalError LND-106 if the catalogue does not have the column that the stream waits for, TGT-110 to
        TGT-112 if a mirror cannot follow, TransientError SRC-110 if the source does not answer.
        """
        wanted = self.source.read_catalogue()
        if unknown is not None and not _has_column(wanted, unknown):
            raise FatalError("LND-106", f"{unknown.mirror}.{unknown.column}")
        with self._session.connection.transaction():
            put_in_force(self._session.connection, self.source.name, wanted)
        self._decoder = self._read_contracts()

    def _read_contracts(self) -> TableDecoder:
        with self._session.connection.transaction():
            contracts = read_contracts_in_force(self._session.connection, self.source.name)
        return TableDecoder(contracts, self.source.database, self.source.captured)

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

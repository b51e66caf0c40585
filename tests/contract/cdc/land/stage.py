"""A target with the demo's mirrors, and recorded streams to land there without Kafka."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psycopg

from cdc.capture.contract import Contract, read_contracts
from cdc.change import Record
from cdc.config import Land
from cdc.land.contract.in_force import put_in_force, read_contracts_in_force
from cdc.land.position import Position, take_over
from cdc.land.replay import find_landed
from cdc.land.session import Session
from cdc.land.stream import StreamLanding, StreamSource
from cdc.stream.unit import Landed

REPO = Path(__file__).resolve().parents[4]
ENVELOPES = REPO / "tests" / "contract" / "envelopes"
DATABASES = {"erp": "mariadb", "mes": "postgresql"}


def recorded(source: str) -> list[Record]:
    """Return the stream that was recorded of a demo source on the real connectors."""
    return [record(json.loads(line)) for line in (ENVELOPES / f"{source}.jsonl").read_text().splitlines()]


def record(document: dict[str, Any]) -> Record:
    old_key = document["headers"].get("__debezium.oldkey")
    parts = (document["key"], document["value"], old_key)
    return Record(document["offset"], *(None if part is None else part.encode() for part in parts))


def contracts_of(source: str) -> tuple[Contract, ...]:
    return read_contracts(REPO / "connector-configs" / "contracts" / source)


def with_column(contracts: Iterable[Contract], mirror: str, column: Any) -> tuple[Contract, ...]:
    return tuple(
        dataclasses.replace(contract, columns=(*contract.columns, column)) if contract.mirror == mirror else contract
        for contract in contracts
    )


class DirectLanding(StreamLanding):
    """Reader and writer of a stream in one thread, without Kafka: what a large transaction reads again is kept here."""

    def __init__(self, source: StreamSource, session: Session, position: Position, limits: Land) -> None:
        super().__init__(source, session, position, limits, self._landed_before)
        self._records: list[Record] = []

    @property
    def has_pending(self) -> bool:
        return self.reader.has_pending or self.reader.end is not None

    @property
    def is_full(self) -> bool:
        return self.reader.is_full

    def feed(self, records: Iterable[Record]) -> None:
        new = list(records)
        self._records += new
        self.reader.feed(new)
        self._read_again()

    def flush(self) -> None:
        self.reader.flush()

    def land_next(self) -> Position:
        if self.reader.end is not None and not self.reader.has_pending:
            raise self.reader.end
        self.land(self.take())
        self._read_again()
        return self.position

    def watch_source(self) -> None:
        reading = self.take_reading()
        if reading is not None:
            self.follow(reading)

    def _read_again(self) -> None:
        while self.reader.rewind is not None and not self.reader.has_pending:
            first = self.reader.rewind
            self.reader.begin_again()
            self.reader.feed(record for record in self._records if record.offset >= first)

    def _landed_before(self, unit_id: str) -> Landed | None:
        return find_landed(self._session.connection, self.source.stream, unit_id)


class Stage:
    """One source's mirrors in a target that has been migrated, and its landing."""

    def __init__(
        self,
        dsn: str,
        source: str,
        contracts: tuple[Contract, ...],
        database: str = "postgresql",
        origin: str | None = None,
        changes: Iterable[str] = (),
    ) -> None:
        self.source = source
        self.origin = origin
        self.database = database
        self.stream = f"cdc.{source}"
        self.catalogue = contracts
        self.connection = psycopg.connect(
            dsn, options="-c TimeZone=UTC -c DateStyle=ISO -c client_min_messages=warning"
        )
        with self.connection.transaction():
            for mirror in changes:
                self.connection.execute("INSERT INTO cdc.change_mirror (mirror) VALUES (%s)", (mirror,))
            put_in_force(self.connection, source, contracts)
        self.session = Session(self.connection)
        self.position = take_over(self.connection, self.stream, source)

    def landing(self, **limits: Any) -> DirectLanding:
        """Start from the position, as after a restart."""
        self.position = take_over(self.connection, self.stream, self.source)
        source = StreamSource(
            self.source, self.stream, self.database, lambda: self.catalogue, self.captured, self.origin
        )
        return DirectLanding(source, self.session, self.position, Land(**limits))

    def captured(self) -> set[str]:
        """Return the mirrors of the tables that the source's catalogue has."""
        return {contract.mirror for contract in self.catalogue}

    def land(self, records: Iterable[Record], **limits: Any) -> Position:
        """Land all whole units of the records from the position on, in batches as large as the limits allow."""
        landing = self.landing(**limits)
        landing.feed(found for found in records if found.offset >= self.position.next_offset)
        landing.flush()
        while landing.has_pending:
            self.position = landing.land_next()
        return self.position

    def land_units(self, records: Iterable[Record], cut: Callable[[], bool], **limits: Any) -> Position:
        """Land unit by unit or several together, as `cut` says after each record."""
        landing = self.landing(**limits)
        for found in records:
            landing.feed([found])
            if landing.has_pending and cut():
                landing.flush()
                while landing.has_pending:
                    self.position = landing.land_next()
        landing.flush()
        while landing.has_pending:
            self.position = landing.land_next()
        return self.position

    def close(self) -> None:
        self.connection.close()

    def query(self, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self.connection.transaction():
            return self.connection.execute(text, parameters).fetchall()

    def do(self, text: str) -> None:
        """Run statements that return nothing."""
        with self.connection.transaction():
            self.connection.execute(text.encode())

    def mirrors(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row of every mirror, deleted twin and change mirror, whatever the order of the columns."""
        with self.connection.transaction():
            contracts = read_contracts_in_force(self.connection, self.source)
            found = self.connection.execute("SELECT schemaname || '.' || tablename FROM pg_tables").fetchall()
        tables = {name for (name,) in found}
        return {
            f"{schema}.{contract.table}": self.query(
                f'SELECT to_jsonb(t)::text FROM "{schema}"."{contract.table}" t ORDER BY 1'
            )
            for contract in contracts
            for schema in (self.source, f"{self.source}_deleted", f"{self.source}_change")
            if f"{schema}.{contract.table}" in tables
        }

    def state(self) -> dict[str, Any]:
        """Return all that must not depend on how batches were cut.

        A partial change that builds on a refused one (VAL-104) is superseded where the same batch heals the row.
        """
        chain = self.query("SELECT next_offset, chain, generations, generation_from, last_unit FROM cdc.position")
        stale = self.query('SELECT mirror, key, code, stream, "offset" FROM cdc.stale ORDER BY 1, 2')
        refused = self.query(
            """SELECT stream, "offset", mirror, key, code FROM cdc.refused WHERE code <> 'VAL-104' ORDER BY 1, 2"""
        )
        units = self.query("SELECT id, events, digest FROM cdc.unit ORDER BY id")
        captured = self.query("SELECT sum(captured), sum(replayed), sum(control) FROM cdc.batch")
        return {
            **self.mirrors(),
            "position": chain,
            "stale": stale,
            "refused": refused,
            "units": units,
            "ledger": captured,
        }

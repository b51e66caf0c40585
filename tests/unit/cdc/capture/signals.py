"""The signal topic of a source, in memory: what connectors and the service write to it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from cdc.access import Kafka
from cdc.capture.connector import table_names
from cdc.capture.contract import ColumnContract, Contract
from cdc.capture.source import Source, SourceTable
from cdc.stream.signal import Signal

BROKERS = Kafka("b")
LOT, CERT = "public.lot", "public.cert"


def source(*names: str, state: str = "running", kind: str = "postgresql") -> Source:
    tables = tuple(SourceTable("public", name) for name in names)
    return Source("mes", kind, "h", "1", "mes", "u", "p", state, tables)


def plain_contracts(file: Source) -> tuple[Contract, ...]:
    """Return contracts of its tables, of no column that a snapshot has to select otherwise."""
    return tuple(Contract(f"mes.{name}", name, (), "none", ()) for name in table_names(file))


WEIGHT = ColumnContract("w", "float", "real", "float", nullable=True)


def weighed_contracts(file: Source) -> tuple[Contract, ...]:
    """Return the same with a column that MariaDB's snapshot brings with six digits, unless it selects it otherwise."""
    return tuple(replace(contract, columns=(WEIGHT,)) for contract in plain_contracts(file))


def signal(key: str | None, value: Any) -> Signal:
    return Signal(None if key is None else key.encode(), json.dumps(value).encode())


def needed(*tables: str) -> Signal:
    return signal("mes/needed", {"tables": tables})


def dropped(*tables: str) -> Signal:
    return signal("mes/dropped", {"tables": tables})


def starting(*tables: str) -> Signal:
    return signal("mes/starting", {"tables": tables})


def notified(step: str, connector: str = "mes-read", **more: str) -> Signal:
    """As Debezium 3.6 writes it."""
    data = {"connector_name": connector, **more}
    value = {"id": "1", "type": step, "aggregate_type": "Initial Snapshot", "additional_data": data, "timestamp": 1}
    return signal('{"id":"1"}', value)


def in_progress(*tables: str) -> Signal:
    more = {"data_collections": ",".join(tables), "current_collection_in_progress": tables[0]}
    return notified("IN_PROGRESS", **more)


def scanned(table: str, status: str = "SUCCEEDED", connector: str = "mes-read", rows: str = "3") -> Signal:
    more = {"scanned_collection": table, "data_collections": table, "total_rows_scanned": rows, "status": status}
    return notified("TABLE_SCAN_COMPLETED", connector, **more)


def read(table: str, connector: str = "mes-read") -> tuple[Signal, Signal]:
    """The end of a snapshot whose last table this is: only now all rows of it have been sent."""
    return scanned(table, connector=connector), notified("COMPLETED", connector)


STARTED = notified("STARTED", "mes")
SKIPPED = notified("SKIPPED", "mes")
COMPLETED = notified("COMPLETED", "mes")
ALL = (scanned(LOT, connector="mes"), scanned(CERT, connector="mes"))


class Topic:
    """A signal topic in memory."""

    def __init__(self, *signals: Signal) -> None:
        self.signals = list(signals)
        self.reads = 0

    def read(self, _bootstrap: str, topic: str) -> list[Signal]:
        assert topic == "cdc-signal.mes"
        self.reads += 1
        return list(self.signals)

    def send(self, _bootstrap: str, _topic: str, key: bytes, value: bytes) -> None:
        assert key != b"mes"  # the connector would obey it
        self.signals.append(Signal(key, value))

    def written(self) -> list[tuple[str, list[str]]]:
        ours = (found for found in self.signals if found.key is not None and found.key.startswith(b"mes"))
        return [(found.key.decode(), json.loads(found.value or b"")["tables"]) for found in ours if found.key]

from __future__ import annotations

from cdc.change import Record
from cdc.land.last_read import find_last_read, keep_last_read
from tests.contract.cdc.land.stage import Stage
from tests.unit.cdc.stream.wire import PostgresWire


def test_it_is_found_until_it_has_landed(stage: Stage) -> None:
    wire = PostgresWire()
    wire.heartbeat()
    stage.land(wire.records)
    last_read = Record(7, None, b"\x00" * 100_000, b"old key")
    assert find_last_read(stage.connection, stage.stream, 1) is None
    keep_last_read(stage.connection, stage.stream, Record(5, b"key", None))
    keep_last_read(stage.connection, stage.stream, last_read)
    keep_last_read(stage.connection, stage.stream, Record(6, b"of a worker that had read less", None))
    assert find_last_read(stage.connection, stage.stream, 1) == last_read
    assert find_last_read(stage.connection, stage.stream, 7) == last_read
    assert find_last_read(stage.connection, stage.stream, 8) is None

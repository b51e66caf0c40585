from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cdc.change import Kind, Record
from cdc.errors import FatalError
from cdc.stream.envelope import read_event
from tests.unit.cdc.stream.wire import MariaWire, PostgresWire, Wire

ENVELOPES = Path(__file__).resolve().parents[3] / "contract" / "envelopes"


def documents(source: str) -> list[dict[str, Any]]:
    lines = (ENVELOPES / f"{source}.jsonl").read_text().splitlines()
    return [json.loads(json.loads(line)["value"]) for line in lines]


def shape(document: dict[str, Any]) -> str:
    if "op" in document:
        return str(document["op"])
    return str(document.get("status") or ("ddl" if "ddl" in document else "heartbeat"))


def wired() -> dict[str, Wire]:
    postgresql, mariadb = PostgresWire(), MariaWire()
    for wire in (postgresql, mariadb):
        wire.snapshot("t", "id", {"id": 1}, "last")
        wire.begin()
        wire.insert("t", "id", {"id": 1})
        wire.update("t", "id", {"id": 1})
        wire.delete("t", "id", {"id": 1})
        wire.truncate("t")
        wire.end()
    postgresql.begin()
    postgresql.message()
    mariadb.heartbeat()
    mariadb.ddl("x")
    return {"mes": postgresql, "erp": mariadb}


@pytest.mark.parametrize("source", ["erp", "mes"])
def test_wire_has_the_recorded_shapes(source: str) -> None:
    """What tests build by hand has no entry and no kind of value that the connector does not send."""
    recorded = {shape(document): document for document in documents(source)}
    for record in wired()[source].records:
        built = json.loads(record.value or b"")
        real = recorded[shape(built)]
        assert built.keys() <= real.keys() | {"ts_ms"}
        for part in ("source", "transaction"):
            if built.get(part) is not None:
                assert built[part].keys() <= real[part].keys()


@pytest.mark.parametrize("source", ["erp", "mes"])
def test_every_recorded_record_is_understood(source: str) -> None:
    database = {"erp": "mariadb", "mes": "postgresql"}[source]
    lines = (ENVELOPES / f"{source}.jsonl").read_text().splitlines()
    for line in map(json.loads, lines):
        value = json.loads(line["value"])
        event = read_event(Record(line["offset"], None, line["value"].encode()), database)
        expected = {"BEGIN": Kind.BEGIN, "END": Kind.END, "ddl": Kind.SCHEMA, "heartbeat": Kind.HEARTBEAT}
        expected |= {"t": Kind.TRUNCATE, "m": Kind.MESSAGE}
        assert event.kind is expected.get(shape(value), Kind.ROW)
        if event.kind is Kind.ROW:
            assert event.table == f"{value['source'].get('schema') or value['source']['db']}.{value['source']['table']}"
            assert event.source_ts is not None
            assert event.position
        if event.kind is Kind.ROW and event.op != "r":
            assert event.transaction
            assert event.place
            assert ":" not in event.transaction


def test_a_tombstone_is_control() -> None:
    assert read_event(Record(1, b"{}", None), "mariadb").kind is Kind.TOMBSTONE


SOURCE = b'"source": {"db": "src", "schema": "public", "table": "t", "file": "binlog.000001", "pos": 4}'


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"[]",
        b"{}",
        b"{",
        b'\xef\xbb\xbf{"ts_ms": 1}',
        b'{"op": "c"}',
        b'{"op": "z", "source": {}}',
        b'{"op": "\xff", %b}' % SOURCE,
        b'{"op": "c", "after": ' + b"[" * 100_000 + b"]" * 100_000 + b", %b}" % SOURCE,
        b'{"op": "c", "after": {}, "source": {"db": "src", "schema": "public"}}',
        b'{"op": "r", "after": {}, %b, "transaction": {"id": "1", "total_order": 1}}' % SOURCE,
        b'{"op": "c", "after": {}, %b, "transaction": {"id": "1", "total_order": -1}}' % SOURCE,
        b'{"op": "c", "after": {}, %b, "transaction": {"id": "1", "total_order": 9223372036854775808}}' % SOURCE,
        b'{"op": "c", "after": {}, %b, "transaction": {"id": "1\\u0000", "total_order": 1}}' % SOURCE,
        b'{"op": "c", "after": {}, %b, "transaction": {"id": "1", "total_order": 1}}' % SOURCE.replace(b"0001", b"x"),
        b'{"op": "c", "after": {}, %b}' % SOURCE.replace(b"binlog", b"bin\\u0000log"),
        b'{"op": "c", "after": {}, %b}' % SOURCE.replace(b"pos", b"ts_us").replace(b"4", b"9" * 19),
        b'{"status": "BEGIN"}',
        b'{"status": "BEGIN", "id": "%b"}' % (b"1" * 201),
        # Each of them has what a heartbeat has, and is none: a row, a marker, something of somebody else.
        b'{"op": "c", "after": {"id": 1}, "ts_ms": 1}',
        b'{"op": null, "after": {"id": 1}, "ts_ms": 1}',
        b'{"after": {"id": 1}, "ts_ms": 1}',
        b'{"status": "END", "id": "1", "ts_ms": 1}',
        b'{"status": "ROLLBACK", "id": "1", "event_count": 0, "ts_ms": 1}',
        b'{"hello": 1, "ts_ms": 1}',
        b'{"ts_ms": 9223372036854775807}',
    ],
)
def test_anything_else_stops_the_stream(value: bytes) -> None:
    with pytest.raises(FatalError, match="STR-101"):
        read_event(Record(1, None, value), "mariadb")


def test_a_row_of_another_database_stops_the_stream() -> None:
    wire = PostgresWire()
    wire.snapshot("t", "id", {"id": 1}, "last")
    assert read_event(wire.records[-1], "postgresql", "src").table == "public.t"
    with pytest.raises(FatalError, match=r"STR-101 .*another database than plm at offset 0"):
        read_event(wire.records[-1], "postgresql", "plm")


@pytest.mark.parametrize("wire", [PostgresWire(), MariaWire()])
@pytest.mark.parametrize("marker", ["first", "true", "last"])
def test_rows_of_the_second_connector_have_neither_its_markers_nor_its_position(wire: Wire, marker: str) -> None:
    wire.snapshot("t", "id", {"id": 1}, marker)
    record = wire.records[-1]
    assert read_event(record, wire.database).snapshot == marker
    document = json.loads(record.value or b"")
    document["source"]["name"] = "src-read"
    event = read_event(record._replace(value=json.dumps(document).encode()), wire.database)
    assert (event.snapshot, event.position, event.transaction) == ("incremental", None, None)

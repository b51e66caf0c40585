from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from cdc.change import Record
from cdc.errors import FatalError
from cdc.stream.assembler import Assembler, Limits
from cdc.stream.envelope import read_event
from cdc.stream.unit import Landed, State, Unit, event_digest
from tests.unit.cdc.stream.wire import MariaWire, MySqlWire, PostgresWire, Wire

RECORDED = Path(__file__).resolve().parents[3] / "contract" / "envelopes"


def units(
    wire: Wire,
    *,
    state: State | None = None,
    landed: Callable[[str], Landed | None] = lambda _: None,
    slice_rows: int = 5000,
    slice_bytes: int = 1 << 24,
    records: Iterable[Record] | None = None,
) -> list[Unit]:
    """Return what the assembler makes of a whole stream."""
    assembler = Assembler(wire.database, state or State(None, 1), landed, Limits(slice_rows, slice_bytes))
    closed = [
        unit
        for record in (wire.records if records is None else records)
        for unit in assembler.feed(read_event(record, wire.database))
    ]
    return closed + list(assembler.flush())


def stopped(wire: Wire, **options: Any) -> str:
    with pytest.raises(FatalError) as caught:
        units(wire, **options)
    return caught.value.code


def row(number: int) -> dict[str, Any]:
    return {"id": number}


@pytest.mark.parametrize("wire", [PostgresWire(), MariaWire(), MySqlWire()])
def test_a_unit_is_closed_by_its_end_and_holds_every_record(wire: Wire) -> None:
    wire.begin()
    wire.insert("item", "id", row(1))
    wire.heartbeat()
    wire.insert("item", "id", row(2))
    wire.end()
    (unit,) = units(wire)
    assert [event.record.offset for event in unit.rows] == [1, 3]
    assert len(unit.records) == 5
    assert unit.control == 3
    assert (unit.first_offset, unit.next_offset) == (0, 5)


def test_an_open_unit_is_not_given_out() -> None:
    wire = PostgresWire()
    wire.begin()
    wire.insert("item", "id", row(1))
    assert units(wire) == []


@pytest.mark.parametrize("wire", [PostgresWire(), MariaWire()])
def test_an_end_that_counts_more_stops_the_stream(wire: Wire) -> None:
    wire.begin()
    wire.insert("item", "id", row(1))
    wire.end(count=2)
    assert stopped(wire) == "STR-102"


def test_an_order_that_jumps_stops_the_stream() -> None:
    wire = PostgresWire()
    wire.begin()
    wire.insert("item", "id", row(1))
    wire.order += 1
    wire.insert("item", "id", row(2))
    wire.end()
    assert stopped(wire) == "STR-102"


def test_postgresql_messages_are_counted_by_end_and_are_control() -> None:
    wire = PostgresWire()
    wire.begin()
    wire.message()
    wire.end()
    (unit,) = units(wire)
    assert unit.rows == []
    assert unit.control == 3
    assert unit.source_ts is not None


def test_mariadb_ddl_without_end_is_closed_by_the_next_begin() -> None:
    wire = MariaWire()
    wire.begin()
    wire.ddl("ALTER TABLE item ADD COLUMN x int")
    wire.begin()
    wire.insert("item", "id", row(1))
    wire.end()
    first, second = units(wire)
    assert first.schema_changed
    assert first.rows == []
    assert len(second.rows) == 1


def test_mariadb_truncate_without_end_is_closed_by_a_heartbeat() -> None:
    wire = MariaWire()
    wire.begin()
    wire.truncate("item")
    wire.heartbeat()
    (unit,) = units(wire)
    assert [event.op for event in unit.rows] == ["t"]
    assert unit.resumable


def test_a_truncate_of_mysql_is_a_unit_of_its_own() -> None:
    wire = MySqlWire()
    wire.begin()
    wire.insert("item", "id", row(1))
    wire.end()
    wire.truncate("item")
    wire.truncate("part")
    wire.begin()
    wire.insert("item", "id", row(2))
    wire.end()
    found = units(wire)
    assert [[event.op for event in unit.rows] for unit in found] == [["c"], ["t"], ["t"], ["c"]]
    assert len({unit.id for unit in found}) == 4
    assert [unit.position for unit in found[1:3]] == [("binlog.000001", 204, 0), ("binlog.000001", 304, 0)]


def test_a_truncate_of_mysql_comes_again_whole() -> None:
    wire = MySqlWire()
    first = wire.truncate("item")
    wire.repeat(first, first)
    one, again = units(wire)
    assert (one.id, one.digest()) == (again.id, again.digest())


def test_a_truncate_of_mysql_inside_a_transaction_or_without_gtid_stops() -> None:
    wire = MySqlWire()
    wire.begin()
    wire.insert("item", "id", row(1))
    wire.truncate("item")
    assert stopped(wire) == "STR-103"
    lone = MySqlWire()
    lone.truncate("item")
    (record,) = lone.records
    value = json.loads(record.value or b"")
    value["source"]["gtid"] = None
    assert stopped(lone, records=[Record(0, None, json.dumps(value).encode())]) == "STR-104"


def test_rows_go_on_after_a_heartbeat_closed_their_unit() -> None:
    wire = MariaWire()
    wire.begin()
    wire.heartbeat()
    wire.insert("item", "id", row(1))
    wire.end()
    first, second = units(wire)
    assert first.rows == []
    assert second.id == first.id
    assert len(second.rows) == 1


def test_rows_go_on_after_a_restart_behind_the_heartbeat() -> None:
    wire = MariaWire()
    transaction = wire.begin()
    wire.heartbeat()
    wire.insert("item", "id", row(1))
    wire.end()
    (unit,) = units(wire, state=State(transaction, 1), records=wire.records[2:])
    assert len(unit.rows) == 1


def test_a_begin_with_the_same_id_continues_the_unit_and_end_counts_the_tail() -> None:
    wire = MariaWire()
    transaction = wire.begin()
    wire.insert("item", "id", row(1))
    wire.insert("item", "id", row(2))
    wire.begin(transaction)
    wire.insert("item", "id", row(3))
    wire.end(count=1)
    (unit,) = units(wire)
    assert len(unit.rows) == 3


def test_a_foreign_begin_inside_a_transaction_stops_the_stream() -> None:
    wire = MariaWire()
    wire.begin()
    wire.insert("item", "id", row(1))
    wire.begin()
    assert stopped(wire) == "STR-103"


def test_a_postgresql_begin_without_end_stops_the_stream() -> None:
    wire = PostgresWire()
    wire.begin()
    wire.begin()
    assert stopped(wire) == "STR-103"


@pytest.mark.parametrize("wire", [PostgresWire(), MariaWire()])
def test_rows_that_come_again_inside_a_unit_are_repetitions(wire: Wire) -> None:
    wire.begin()
    wire.insert("item", "id", row(1))
    wire.change_key("item", "id", row(1), row(2))
    wire.repeat(1, 3)
    wire.insert("item", "id", row(4))
    wire.end()
    (unit,) = units(wire)
    assert [event.op for event in unit.rows] == ["c", "d", "c", "c"]
    assert len(unit.repeated) == 3
    assert len(unit.records) == 9


def test_rows_without_a_begin_are_a_replay_if_their_transaction_landed() -> None:
    wire = MariaWire()
    transaction = wire.begin()
    wire.insert("item", "id", row(1))
    wire.insert("item", "id", row(2))
    wire.end()
    (whole,) = units(wire)
    wire.repeat(2, 3)
    landed = Landed(whole.last_place)
    _, again = units(wire, landed=lambda unit_id: landed if unit_id == transaction else None)
    assert again.replay
    assert again.rows == []
    assert len(again.repeated) == 1


def test_rows_without_a_begin_stop_the_stream_if_nobody_knows_them() -> None:
    wire = PostgresWire()
    wire.begin()
    wire.insert("item", "id", row(1))
    wire.end()
    assert stopped(wire, records=wire.records[1:]) == "STR-103"


def test_a_streamed_row_without_transaction_metadata_stops_the_stream() -> None:
    wire = PostgresWire()
    wire.insert("item", "id", row(1))
    assert stopped(wire) == "STR-104"


def snapshot(wire: Wire, *rows: tuple[str, int, str]) -> None:
    for table, number, marker in rows:
        wire.snapshot(table, "id", row(number), marker)


FIRST, TRUE, FIRST_IN, LAST_IN, LAST = (
    "first",
    "true",
    "first_in_data_collection",
    "last_in_data_collection",
    "last",
)


def edges(closed: Iterable[Unit]) -> list[tuple[int, bool, bool]]:
    return [(len(unit.rows), unit.opens_generation, unit.closes_generation) for unit in closed]


def test_a_snapshot_is_cut_into_slices_of_one_generation() -> None:
    wire = PostgresWire()
    snapshot(wire, ("a", 1, FIRST), ("a", 2, TRUE), ("a", 3, LAST_IN), ("b", 1, FIRST_IN), ("b", 2, LAST))
    state = State(None, 0)
    assert edges(units(wire, state=state, slice_rows=2)) == [(2, True, False), (2, False, False), (1, False, True)]
    assert state.generations == 1
    assert state.snapshot_position is None


def test_a_generation_opens_with_its_first_row_even_if_the_first_table_was_empty() -> None:
    wire = PostgresWire()
    snapshot(wire, ("b", 1, FIRST_IN), ("b", 2, TRUE), ("b", 3, LAST))
    assert edges(units(wire, state=State(None, 0), slice_rows=2)) == [(2, True, False), (1, False, True)]


def test_an_interrupted_snapshot_that_starts_again_opens_another_generation() -> None:
    wire = PostgresWire()
    snapshot(wire, ("a", 1, FIRST), ("a", 2, TRUE), ("a", 1, FIRST), ("a", 3, LAST))
    assert edges(units(wire, state=State(None, 0))) == [(2, True, False), (2, True, True)]


@pytest.mark.parametrize("again", [FIRST_IN, LAST_IN])
def test_a_second_start_is_noticed_without_a_first_row_of_the_snapshot(again: str) -> None:
    wire = PostgresWire()
    snapshot(wire, ("b", 1, again), ("c", 1, FIRST_IN))
    wire.start_snapshot()
    snapshot(wire, ("b", 1, again), ("c", 1, LAST))
    assert edges(units(wire, state=State(None, 0))) == [(2, True, False), (2, True, True)]


@pytest.mark.parametrize("table", [(FIRST_IN, TRUE), (FIRST_IN, LAST_IN), (LAST_IN,)])
def test_a_second_start_is_noticed_while_the_log_of_the_source_stands_still(table: tuple[str, ...]) -> None:
    wire = PostgresWire()
    for last in (TRUE, LAST):
        snapshot(wire, *(("b", number, marker) for number, marker in enumerate(table)))
        snapshot(wire, ("c", 1, FIRST_IN), ("c", 2, last))
    count = len(table) + 2
    assert edges(units(wire, state=State(None, 0))) == [(count, True, False), (count, True, True)]


def test_a_second_start_is_noticed_after_a_restart_of_the_worker() -> None:
    wire = PostgresWire()
    snapshot(wire, ("b", 1, FIRST_IN))
    (begun,) = units(wire, state=State(None, 0))
    wire.start_snapshot()
    snapshot(wire, ("b", 2, LAST))
    (again,) = units(wire, state=State(None, 0, begun.snapshot_position), records=wire.records[1:])
    assert again.opens_generation
    assert again.closes_generation


def test_the_first_streamed_begin_closes_a_generation_without_a_last_row() -> None:
    wire = PostgresWire()
    snapshot(wire, ("a", 1, FIRST))
    wire.begin()
    wire.message()
    wire.end()
    assert edges(units(wire, state=State(None, 0))) == [(1, True, False), (0, False, True)]


def test_an_empty_database_closes_its_first_generation_with_the_first_begin() -> None:
    wire = PostgresWire()
    wire.begin()
    wire.message()
    wire.end()
    state = State(None, 0)
    assert edges(units(wire, state=state)) == [(0, False, True)]
    assert state.generations == 1


@pytest.mark.parametrize("wire", [PostgresWire(), MariaWire()])
def test_a_transaction_that_a_new_snapshot_cuts_off_is_left_to_it(wire: Wire) -> None:
    wire.begin()
    wire.insert("item", "id", row(1))
    wire.insert("item", "id", row(2))
    wire.id = None
    snapshot(wire, ("item", 1, FIRST), ("item", 3, LAST))
    cut_off, generation = units(wire)
    assert (cut_off.rows, [event.record.offset for event in cut_off.abandoned]) == ([], [1, 2])
    assert edges([generation]) == [(2, True, True)]
    assert (cut_off.next_offset, generation.first_offset) == (3, 3)


def test_a_snapshot_that_goes_on_inside_a_transaction_stops_the_stream() -> None:
    wire = PostgresWire()
    snapshot(wire, ("item", 1, FIRST))
    position = units(wire)[0].position
    wire.begin()
    wire.insert("item", "id", row(2))
    wire.id = None
    snapshot(wire, ("item", 3, TRUE))
    assert stopped(wire, state=State(None, 0, position), records=wire.records[1:]) == "STR-103"


def test_incremental_snapshot_rows_are_slices_without_a_generation() -> None:
    wire = PostgresWire()
    wire.snapshot("a", "id", row(1), "incremental")
    assert edges(units(wire)) == [(1, False, False)]


@pytest.mark.parametrize("wire", [PostgresWire(), MariaWire()])
def test_incremental_snapshot_rows_inside_a_transaction_land_with_it_and_are_no_part_of_it(wire: Wire) -> None:
    wire.begin()
    first = _reread(wire, 7)
    own = wire.insert("item", "id", row(1))
    second = _reread(wire, 8)
    wire.end(count=1)
    wire.begin()
    wire.insert("item", "id", row(2))
    wire.end()
    unit, following = units(wire)
    assert [event.record.offset for event in unit.rows] == [own]
    assert [event.record.offset for event in unit.events] == [first, own, second]
    assert len(unit.records) == unit.control + 3
    assert not following.reread
    assert unit.digest() == sha256(b"".join(map(event_digest, unit.rows))).digest()


def test_an_incremental_snapshot_row_does_not_keep_mariadb_ddl_open() -> None:
    wire = MariaWire()
    wire.begin()
    wire.ddl("ALTER TABLE a ADD b int")
    _reread(wire, 7)
    wire.begin()
    wire.insert("item", "id", row(1))
    wire.end()
    ddl, unit = units(wire)
    assert (ddl.rows, len(ddl.reread), len(unit.rows)) == ([], 1, 1)


def _reread(wire: Wire, number: int) -> int:
    """A row of an incremental snapshot has no transaction, wherever it stands."""
    open_id, wire.id = wire.id, None
    offset = wire.snapshot("item", "id", row(number), "incremental")
    wire.id = open_id
    return offset


def test_a_slice_is_cut_by_bytes_too() -> None:
    wire = PostgresWire()
    for number in range(6):
        wire.snapshot("a", "id", row(number), "true")
    size = sum(record.size for record in wire.records)
    cut = units(wire, slice_bytes=size // 3)
    assert [len(unit.rows) for unit in cut] == [2, 2, 2]


def test_the_tail_of_a_transaction_of_messages_is_control() -> None:
    wire = PostgresWire()
    wire.begin()
    wire.message()
    wire.message()
    wire.end(count=1)  # the connector starts to count where it starts again
    (unit,) = units(wire, records=wire.records[2:])
    assert (unit.control, unit.rows, unit.repeated) == (2, [], [])


def test_a_tail_of_messages_that_lacks_some_stops_the_stream() -> None:
    wire = PostgresWire()
    wire.begin()
    wire.insert("item", "id", row(1))
    wire.message()
    wire.end()
    assert stopped(wire, records=wire.records[2:]) == "STR-102"
    assert stopped(wire, records=wire.records[3:]) == "STR-102"


def test_a_tail_of_messages_may_bring_no_row() -> None:
    wire = PostgresWire()
    wire.begin()
    wire.message()
    wire.insert("item", "id", row(1))
    wire.end(count=2)
    assert stopped(wire, records=wire.records[1:]) == "STR-103"


@pytest.mark.parametrize("source", ["erp", "mes"])
def test_the_recorded_streams_become_units_without_a_rest(source: str) -> None:
    database = {"erp": "mariadb", "mes": "postgresql"}[source]
    documents = [json.loads(line) for line in (RECORDED / f"{source}.jsonl").read_text().splitlines()]
    records = [
        Record(document["offset"], *(part and part.encode() for part in (document["key"], document["value"])))
        for document in documents
    ]
    state = State(None, 0)
    assembler = Assembler(database, state, lambda _: None)
    closed = [unit for record in records for unit in assembler.feed(read_event(record, database))]
    assert list(assembler.flush()) == []
    assert state.generations == 1
    assert [record for unit in closed for record in unit.records] == records
    assert [unit for unit in closed if unit.opens_generation] == [unit for unit in closed if unit.closes_generation]


SMALL = Limits(slice_rows=2, slice_bytes=1 << 24, large_rows=4, large_bytes=1 << 24)


def read_twice(wire: Wire, state: State, limits: Limits = SMALL) -> tuple[Unit, list[Unit]]:
    """Count the stream's large transaction, then read it again; return it and its parts."""
    first = Assembler(wire.database, state, lambda _: None, limits)
    closed = [unit for record in wire.records for unit in first.feed(read_event(record, wire.database))]
    (whole,) = [unit for unit in closed if unit.counted is not None]
    assert whole.counted is not None
    second = Assembler(wire.database, whole.counted.state, lambda _: None, limits, whole)
    again = [record for record in wire.records if whole.first_offset <= record.offset < whole.next_offset]
    if whole.counted.is_abandoned:
        again = [record for record in wire.records if record.offset >= whole.first_offset]
    parts = [unit for record in again for unit in second.feed(read_event(record, wire.database))]
    return whole, [part for part in parts if part.whole is whole]


@pytest.mark.parametrize("wire", [PostgresWire(), MariaWire()])
def test_a_large_transaction_is_counted_and_comes_in_parts(wire: Wire) -> None:
    wire.begin("0-1-1" if wire.database == "mariadb" else None)
    for number in range(9):
        wire.insert("item", "id", row(number))
        wire.heartbeat()
    wire.end()
    whole, parts = read_twice(wire, State(None, 1))
    assert (whole.rows, whole.records) == ([], [])
    assert (whole.row_count, whole.next_offset) == (9, wire.records[-1].offset + 1)
    assert [record for part in parts for record in part.records] == wire.records
    assert [part.is_last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert {part.row_count for part in parts} == {9}
    assert {part.digest() for part in parts} == {whole.digest()}
    assert max(len(part.records) for part in parts) <= 3


def test_both_halves_of_a_key_change_stay_in_one_part() -> None:
    wire = PostgresWire()
    wire.begin()
    for number in range(9):
        wire.change_key("item", "id", row(number), row(number + 10))
    wire.end()
    _, parts = read_twice(wire, State(None, 1))
    assert len(parts) > 2
    assert all(part.rows[0].op == "d" for part in parts if part.rows)


def test_a_large_transaction_that_a_new_snapshot_cuts_off_is_abandoned_in_parts() -> None:
    wire = PostgresWire()
    wire.begin()
    for number in range(9):
        wire.insert("item", "id", row(number))
    wire.id = None
    wire.start_snapshot()
    wire.snapshot("item", "id", row(1), "first")
    whole, parts = read_twice(wire, State(None, 1))
    assert whole.row_count == 0
    assert sum(len(part.abandoned) for part in parts) == 9
    assert not any(part.rows for part in parts)


def test_a_large_transaction_that_differs_when_it_is_read_again_stops() -> None:
    wire = PostgresWire()
    wire.begin()
    for number in range(9):
        wire.insert("item", "id", row(number))
    wire.end()
    first = Assembler(wire.database, State(None, 1), lambda _: None, SMALL)
    (whole,) = [unit for record in wire.records for unit in first.feed(read_event(record, wire.database))]
    other = wire.records[2]
    wire.records[2] = other._replace(value=(other.value or b"").replace(b'"id": 1', b'"id": 7'))
    second = Assembler(wire.database, State(None, 1), lambda _: None, SMALL, whole)
    events = [read_event(record, wire.database) for record in wire.records]
    with pytest.raises(FatalError, match="STR-102"):
        list(map(second.feed, events))


def test_a_large_transaction_whose_count_is_wrong_stops_before_anything_lands() -> None:
    wire = PostgresWire()
    wire.begin()
    for number in range(9):
        wire.insert("item", "id", row(number))
    wire.end(count=8)
    first = Assembler(wire.database, State(None, 1), lambda _: None, SMALL)
    *before, end = [read_event(record, wire.database) for record in wire.records]
    assert [list(first.feed(event)) for event in before] == [[]] * len(before)
    with pytest.raises(FatalError, match="STR-102"):
        first.feed(end)

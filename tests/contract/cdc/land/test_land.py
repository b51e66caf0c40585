from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from cdc.config import Land, Protection
from cdc.errors import FatalError
from cdc.land.contract.in_force import put_in_force
from cdc.land.position import Moved, take_over
from cdc.reference import Secret
from tests.contract.cdc.land.stage import DirectLanding, Stage
from tests.contract.cdc.land.tables import CONTRACTS, column, item, pair
from tests.unit.cdc.stream.wire import MariaWire, PostgresWire, Wire

UNCHANGED = "__cdc_unchanged_27a7e750f592ad6f9ec68dcf536b11c4"
ITEMS = "SELECT id, name, note, qty::text, _offset FROM src.item ORDER BY id"
GONE = "SELECT id, name, note, qty::text, _offset, _deleted_offset FROM src_deleted.item ORDER BY id"
KEYS = "SELECT batch, mirror, key, op::text FROM cdc.journal_key ORDER BY batch, mirror, key"
LEDGER = "SELECT captured, landed, superseded, filtered, replayed, refused, control FROM cdc.batch ORDER BY batch"


@pytest.fixture
def wire() -> PostgresWire:
    return PostgresWire()


def seed(stage: Stage, wire: Wire, *rows: dict[str, Any]) -> None:
    """Insert items and land them, so that what follows finds them in the mirror."""
    wire.begin()
    for row in rows:
        wire.insert("item", "id", row)
    wire.end()
    stage.land(wire.records)


def stopped(stage: Stage, wire: Wire) -> str:
    """Land, expect the stream to stop, and see that nothing of the last batch was kept."""
    before = stage.state()
    with pytest.raises(FatalError) as caught:
        stage.land(wire.records)
    assert stage.state() == before
    return caught.value.code


def test_insert_update_delete_leave_the_row_the_ledger_and_the_keys(stage: Stage, wire: PostgresWire) -> None:
    seed(stage, wire, item(1), item(2))
    wire.begin()
    wire.update("item", "id", item(1, name="b"))
    wire.update("item", "id", item(1, name="c"))
    wire.delete("item", "id", {"id": 2, "name": None, "note": None, "qty": None, "seen": None})
    wire.end()
    stage.land(wire.records)
    assert stage.query(ITEMS) == [(1, "c", "long", "1.50", 7)]
    assert stage.query(GONE) == [(2, "a", "long", "1.50", 2, 8)]
    assert stage.query(LEDGER) == [(4, 2, 0, 0, 0, 0, 2), (5, 2, 1, 0, 0, 0, 2)]
    assert stage.query(KEYS)[2:] == [(2, "src.item", ["1"], "u"), (2, "src.item", ["2"], "d")]


def test_a_row_that_comes_and_goes_within_a_batch_leaves_its_last_image(stage: Stage, wire: PostgresWire) -> None:
    wire.begin()
    wire.insert("item", "id", item(1))
    wire.update("item", "id", item(1, name="b"))
    wire.delete("item", "id", {"id": 1})
    wire.end()
    stage.land(wire.records)
    assert stage.query(ITEMS) == []
    assert stage.query(GONE) == [(1, "b", "long", "1.50", 2, 3)]


def test_a_row_that_is_inserted_again_is_no_longer_among_the_deleted(stage: Stage, wire: PostgresWire) -> None:
    seed(stage, wire, item(1))
    wire.begin()
    wire.delete("item", "id", {"id": 1})
    wire.insert("item", "id", item(1, name="again"))
    wire.end()
    stage.land(wire.records)
    assert stage.query(ITEMS) == [(1, "again", "long", "1.50", 6)]
    assert stage.query(GONE) == []


def test_an_unchanged_long_value_stays_as_the_mirror_has_it(stage: Stage, wire: PostgresWire) -> None:
    seed(stage, wire, item(1, note="very long"))
    wire.begin()
    wire.update("item", "id", item(1, name="b", note=UNCHANGED))
    wire.end()
    stage.land(wire.records)
    assert stage.query(ITEMS) == [(1, "b", "very long", "1.50", 5)]


def test_a_row_that_somebody_else_keeps_from_being_updated_stops_the_stream(stage: Stage, wire: PostgresWire) -> None:
    seed(stage, wire, item(1))
    with stage.connection.transaction():
        stage.connection.execute(
            "CREATE FUNCTION src.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
        )
        stage.connection.execute(
            "CREATE TRIGGER keep BEFORE UPDATE ON src.item FOR EACH ROW EXECUTE FUNCTION src.keep()"
        )
    wire.begin()
    wire.update("item", "id", item(1, name="b", note=UNCHANGED))
    wire.end()
    assert stopped(stage, wire) == "LND-109"


def test_a_chain_of_key_changes_carries_the_unchanged_value_along(stage: Stage, wire: PostgresWire) -> None:
    seed(stage, wire, item(1, note="very long"))
    wire.begin()
    wire.change_key("item", "id", item(1), item(2, note=UNCHANGED))
    wire.change_key("item", "id", item(2), item(3, note=UNCHANGED))
    wire.end()
    stage.land(wire.records)
    assert stage.query(ITEMS) == [(3, "a", "very long", "1.50", 8)]
    assert [row[:3] for row in stage.query(GONE)] == [(1, "a", "very long"), (2, "a", "very long")]


def test_two_rows_that_swap_their_keys_swap_their_unchanged_values(stage: Stage, wire: PostgresWire) -> None:
    seed(stage, wire, item(1, name="one", note="first"), item(2, name="two", note="second"))
    wire.begin()
    wire.change_key("item", "id", item(1), item(9, name="one", note=UNCHANGED))
    wire.change_key("item", "id", item(2), item(1, name="two", note=UNCHANGED))
    wire.change_key("item", "id", item(9), item(2, name="one", note=UNCHANGED))
    wire.end()
    stage.land(wire.records)
    assert [row[:3] for row in stage.query(ITEMS)] == [(1, "two", "second"), (2, "one", "first")]
    assert [row[0] for row in stage.query(GONE)] == [9]


def reread(wire: Wire, *rows: dict[str, Any]) -> None:
    """Rows of an incremental snapshot, which have no transaction wherever they stand."""
    open_id, wire.id = wire.id, None
    for row in rows:
        wire.snapshot("item", "id", row, "incremental")
    wire.id = open_id


@pytest.mark.parametrize("others", [0, 200])
def test_an_update_of_a_row_that_has_not_been_read_is_refused_until_it_is(
    stage: Stage, wire: PostgresWire, others: int
) -> None:
    seed(stage, wire, item(1), *(item(number) for number in range(100, 100 + others)))
    wire.begin()
    wire.update("item", "id", item(1, name="b", note=UNCHANGED))
    unread = wire.update("item", "id", item(2, name="b", note=UNCHANGED))
    for number in range(100, 100 + others):
        wire.update("item", "id", item(number, name="c", note=UNCHANGED))
    wire.end()
    stage.land(wire.records)
    assert [row[:3] for row in stage.query(ITEMS)][:2] == [(1, "b", "long"), *[(100, "c", "long")] * (others > 0)]
    assert stage.query('SELECT mirror, key, code, "offset" FROM cdc.stale') == [("src.item", ["2"], "VAL-110", unread)]
    assert stage.query('SELECT "offset", code FROM cdc.refused') == [(unread, "VAL-110")]
    assert stage.query(LEDGER)[-1] == (others + 4, others + 1, 0, 0, 0, 1, 2)
    reread(wire, item(2, name="b", note="as read"))
    stage.land(wire.records)
    assert stage.query("SELECT name, note FROM src.item WHERE id = 2") == [("b", "as read")]
    assert stage.query("SELECT FROM cdc.stale") == []


@pytest.mark.parametrize("shredded", [True, False])
def test_a_refused_change_is_laid_over_the_row_as_long_as_its_key_is_there(
    stage: Stage, wire: PostgresWire, *, shredded: bool
) -> None:
    stage.session.protection = Protection({"m1": Secret("master" * 8)}, "m1")
    wire.begin()
    wire.update("item", "id", item(2, name="b", note=UNCHANGED))
    wire.end()
    stage.land(wire.records)
    if shredded:
        stage.do("UPDATE cdc.data_key SET wrapped = NULL, shredded_at = now(), shredded_by = 'a', reason = 'b'")
    reread(wire, item(2, name="a", note="as read"))
    stage.land(wire.records)
    wanted = ([], [("VAL-110",)]) if shredded else ([("b", "as read")], [])
    assert (stage.query("SELECT name, note FROM src.item"), stage.query("SELECT code FROM cdc.stale")) == wanted


def test_a_row_that_is_read_in_the_same_batch_as_its_update_is_whole(stage: Stage, wire: PostgresWire) -> None:
    wire.begin()
    wire.update("item", "id", item(2, name="b", note=UNCHANGED))
    reread(wire, item(2, name="b", note="as read"))
    wire.update("item", "id", item(2, name="c", note=UNCHANGED))
    wire.end()
    stage.land(wire.records)
    assert [row[:3] for row in stage.query(ITEMS)] == [(2, "c", "as read")]
    assert stage.query("SELECT FROM cdc.stale") == []
    assert stage.query(LEDGER) == [(5, 1, 2, 0, 0, 0, 2)]


def test_an_unread_row_that_is_deleted_is_forgotten(stage: Stage, wire: PostgresWire) -> None:
    wire.begin()
    wire.update("item", "id", item(2, note=UNCHANGED))
    wire.end()
    stage.land(wire.records)
    wire.begin()
    wire.delete("item", "id", {"id": 2})
    wire.end()
    stage.land(wire.records)
    assert stage.query("SELECT FROM cdc.stale") == []
    assert stage.query(ITEMS) == []


def test_an_unread_row_that_changes_its_key_is_refused_at_its_new_one(stage: Stage, wire: PostgresWire) -> None:
    wire.begin()
    wire.change_key("item", "id", item(2), item(3, note=UNCHANGED))
    wire.end()
    stage.land(wire.records)
    assert stage.query("SELECT key, code FROM cdc.stale") == [(["3"], "VAL-110")]
    assert stage.query(ITEMS) == []


def test_rows_that_are_read_beside_the_stream_open_no_generation_and_take_nothing_away(
    stage: Stage, wire: PostgresWire
) -> None:
    seed(stage, wire, item(1))
    reread(wire, item(2), item(3))
    wire.begin()
    wire.insert("item", "id", item(4))
    reread(wire, item(5))
    wire.end()
    before = stage.query("SELECT generations FROM cdc.position")
    stage.land(wire.records)
    assert [row[0] for row in stage.query(ITEMS)] == [1, 2, 3, 4, 5]
    assert stage.query("SELECT generations FROM cdc.position") == before
    assert stage.query("SELECT sum(captured), sum(landed), sum(control) FROM cdc.batch") == [(9, 5, 4)]


def test_a_row_that_is_read_within_a_repeated_transaction_lands(stage: Stage, wire: PostgresWire) -> None:
    seed(stage, wire, item(1))
    transaction = [record.offset for record in wire.records]
    wire.repeat(transaction[0], transaction[-2])
    wire.id = "701"
    reread(wire, item(2))
    wire.id = None
    wire.repeat(transaction[-1], transaction[-1])
    stage.land(wire.records)
    assert [row[0] for row in stage.query(ITEMS)] == [1, 2]
    assert stage.query("SELECT sum(replayed), sum(landed) FROM cdc.batch") == [(1, 2)]


def test_a_table_whose_contract_came_into_force_while_the_worker_ran_lands(stage: Stage, wire: PostgresWire) -> None:
    with stage.connection.transaction():
        stage.connection.execute("DELETE FROM cdc.contract WHERE mirror = 'src.pair'")
    landing = stage.landing()
    with stage.connection.transaction():
        put_in_force(stage.connection, stage.source, CONTRACTS)
    wire.begin()
    wire.insert("pair", "code,number", pair("A", 1))
    wire.end()
    landing.feed(wire.records)
    landing.land_next()
    assert stage.query("SELECT code, number FROM src.pair") == [("A", 1)]


def test_an_update_that_moves_a_row_by_itself_moves_it(stage: Stage) -> None:
    wire = MariaWire()
    wire.begin()
    wire.insert("pair", "code,number", pair("A", 1))
    wire.update("pair", "code,number", pair("B", 1, "3.00"), before=pair("A", 1))
    wire.end()
    stage.database = "mariadb"
    stage.land(wire.records)
    assert stage.query("SELECT code, number, qty::text FROM src.pair") == [("B", 1, "3.00")]
    assert stage.query("SELECT code, number, qty::text FROM src_deleted.pair") == [("A", 1, "2.00")]
    assert stage.query(LEDGER) == [(4, 1, 1, 0, 0, 0, 2)]
    assert stage.query(KEYS) == [(1, "src.pair", ["A", "1"], "d"), (1, "src.pair", ["B", "1"], "u")]


def test_truncate_is_a_barrier_within_the_batch(stage: Stage, wire: PostgresWire) -> None:
    seed(stage, wire, item(1), item(2))
    wire.begin()
    wire.insert("item", "id", item(3))
    truncated = wire.truncate("item")
    wire.insert("item", "id", item(2, name="new"))
    wire.end()
    stage.land(wire.records)
    assert stage.query(ITEMS) == [(2, "new", "long", "1.50", 8)]
    assert [(row[0], row[5]) for row in stage.query(GONE)] == [(1, truncated), (3, truncated)]
    assert stage.query(KEYS)[2:] == [(2, "src.item", ["2"], "u"), (2, "src.item", None, "t")]
    assert stage.query(LEDGER)[1] == (5, 3, 0, 0, 0, 0, 2)


def test_old_values_of_watched_columns_are_noted(stage: Stage, wire: PostgresWire) -> None:
    with stage.connection.transaction():
        stage.connection.execute("INSERT INTO cdc.watched_column VALUES ('src.item', 'name'), ('src.item', 'qty')")
    seed(stage, wire, item(1, name="old"))
    wire.begin()
    wire.update("item", "id", item(1, name="new"))
    wire.insert("item", "id", item(2))
    wire.end()
    stage.land(wire.records)
    assert stage.query("SELECT batch, key, old FROM cdc.journal_key ORDER BY batch, key") == [
        (1, ["1"], None),
        (2, ["1"], {"name": "old", "qty": "1.50"}),
        (2, ["2"], None),
    ]


def test_every_batch_tells_those_who_listen(stage: Stage, wire: PostgresWire, target_dsn: str) -> None:
    with psycopg.connect(target_dsn, autocommit=True) as listener:
        listener.execute("LISTEN cdc_landed")
        seed(stage, wire, item(1))
        assert len(list(listener.notifies(timeout=5, stop_after=1))) == 1


def test_control_records_alone_move_the_position(stage: Stage) -> None:
    wire = MariaWire()
    wire.heartbeat()
    wire.heartbeat()
    stage.database = "mariadb"
    assert stage.land(wire.records).next_offset == 2
    assert stage.query(LEDGER) == [(2, 0, 0, 0, 0, 0, 2)]
    assert stage.query("SELECT extract(epoch FROM source_ts) * 1000 FROM cdc.position") == [(1_795_547_701_000,)]


# -- values that cannot be taken


def test_a_refused_value_keeps_the_record_and_marks_the_row_until_it_comes_whole(
    stage: Stage, wire: PostgresWire
) -> None:
    seed(stage, wire, item(1))
    wire.begin()
    refused = wire.update("item", "id", item(1, qty="12.345"))
    wire.update("item", "id", item(1, name="b", note=UNCHANGED))
    wire.end()
    stage.land(wire.records)
    assert stage.query("SELECT key, code, detail, record_value FROM cdc.refused") == [
        (["1"], "VAL-101", "src.item.qty", wire.records[4].value)
    ]
    assert stage.query('SELECT mirror, key, code, "offset" FROM cdc.stale') == [("src.item", ["1"], "VAL-101", refused)]
    assert stage.query(ITEMS) == [(1, "b", "long", "1.50", 6)]
    assert stage.query(LEDGER)[1] == (4, 1, 0, 0, 0, 1, 2)
    wire.begin()
    wire.update("item", "id", item(1, qty="12.34"))
    wire.end()
    stage.land(wire.records)
    assert stage.query("SELECT * FROM cdc.stale") == []


def test_a_row_that_only_became_stale_is_among_the_changed_keys(stage: Stage, wire: PostgresWire) -> None:
    seed(stage, wire, item(1))
    wire.begin()
    wire.update("item", "id", item(1, qty="x"))
    wire.insert("item", "id", item(2, qty="x"))
    wire.end()
    stage.land(wire.records)
    assert stage.query(KEYS)[1:] == [(2, "src.item", ["1"], "u"), (2, "src.item", ["2"], "d")]
    assert stage.query(ITEMS) == [(1, "a", "long", "1.50", 1)]


def test_a_partial_change_of_a_row_whose_insert_was_refused_is_refused_too(stage: Stage, wire: PostgresWire) -> None:
    for qty, note in (("x", "long"), ("2.00", UNCHANGED)):
        wire.begin()
        (wire.insert if qty == "x" else wire.update)("item", "id", item(1, qty=qty, note=note))
        wire.end()
        stage.land(wire.records)
    assert stage.query('SELECT code FROM cdc.refused ORDER BY "offset"') == [("VAL-101",), ("VAL-104",)]
    assert stage.query("SELECT code FROM cdc.stale") == [("VAL-104",)]


def test_a_key_change_takes_the_stale_mark_along(stage: Stage, wire: PostgresWire) -> None:
    seed(stage, wire, item(1))
    wire.begin()
    wire.update("item", "id", item(1, qty="x"))
    wire.end()
    stage.land(wire.records)
    wire.begin()
    wire.change_key("item", "id", item(1), item(2, note=UNCHANGED))
    wire.end()
    stage.land(wire.records)
    assert stage.query("SELECT key, code FROM cdc.stale") == [(["2"], "VAL-101")]
    assert [row[0] for row in stage.query(ITEMS)] == [2]


def test_a_value_that_only_the_database_refuses_is_refused_alone(new_stage: Callable[..., Stage]) -> None:
    contract = dataclasses.replace(
        CONTRACTS[0], columns=(*CONTRACTS[0].columns, dataclasses.replace(column("extra", "text"), mirror_type="jsonb"))
    )
    stage, wire = new_stage(contracts=(contract,)), PostgresWire()
    wire.begin()
    wire.insert("item", "id", {**item(1), "extra": '{"a": 1}'})
    wire.insert("item", "id", {**item(2), "extra": '{"a": '})
    wire.end()
    stage.land(wire.records)
    assert stage.query("SELECT id FROM src.item") == [(1,)]
    assert stage.query("SELECT key, code FROM cdc.refused") == [(["2"], "VAL-105")]
    assert stage.query(LEDGER) == [(4, 1, 0, 0, 0, 1, 2)]


# -- what stops the stream


def test_a_table_without_a_contract_stops_the_stream(stage: Stage, wire: PostgresWire) -> None:
    wire.begin()
    wire.insert("item", "id", item(1))
    wire.insert("other", "id", {"id": 1})
    wire.end()
    assert stopped(stage, wire) == "LND-102"


def test_an_unreadable_key_stops_the_stream(stage: Stage, wire: PostgresWire) -> None:
    wire.begin()
    wire.insert("item", "id", {**item(1), "id": "one"})
    wire.end()
    assert stopped(stage, wire) == "LND-103"


def test_another_owner_fences_this_one(stage: Stage, wire: PostgresWire) -> None:
    landing = stage.landing()
    take_over(stage.connection, stage.stream, stage.source)
    wire.begin()
    wire.insert("item", "id", item(1))
    wire.end()
    landing.feed(wire.records)
    with pytest.raises(FatalError, match="LND-105"):
        landing.land_next()
    assert stage.query(ITEMS) == []


def test_a_commit_whose_reply_was_lost_is_found_and_not_repeated(stage: Stage, wire: PostgresWire) -> None:
    wire.begin()
    wire.insert("item", "id", item(1))
    wire.end()
    first = stage.landing()
    second = DirectLanding(first.source, stage.session, first.position, Land())
    for landing in (first, second):
        landing.feed(wire.records)
    landed = first.land_next()
    with pytest.raises(Moved) as moved:
        second.land_next()
    assert moved.value.position == landed
    assert stage.query("SELECT count(*) FROM cdc.batch") == [(1,)]


# -- transactions that come again


@pytest.mark.parametrize("together", [True, False])
def test_a_whole_transaction_that_comes_again_is_replayed(stage: Stage, wire: PostgresWire, together: bool) -> None:
    wire.begin()
    wire.insert("item", "id", item(1))
    wire.update("item", "id", item(1, name="b"))
    wire.end()
    wire.repeat(0, 3) if together else (stage.land(wire.records), wire.repeat(0, 3))
    stage.land(wire.records)
    assert stage.query(ITEMS) == [(1, "b", "long", "1.50", 2)]
    assert stage.query("SELECT sum(landed), sum(superseded), sum(replayed), sum(control) FROM cdc.batch") == [
        (1, 1, 2, 4)
    ]


def test_a_transaction_that_comes_again_with_other_content_stops_the_stream(stage: Stage, wire: PostgresWire) -> None:
    seed(stage, wire, item(1))
    wire.begin(str(wire.number))
    wire.insert("item", "id", item(1, name="other"))
    wire.end()
    assert stopped(stage, wire) == "STR-105"


def test_an_id_that_has_come_round_is_another_transaction(stage: Stage, wire: PostgresWire) -> None:
    """PostgreSQL counts transactions in 32 bits, and writes at least so much log for each."""
    seed(stage, wire, item(1))
    wire.log_from += 2**32 * 32
    wire.begin(str(wire.number))
    wire.insert("item", "id", item(2))
    wire.end()
    wire.repeat(wire.next_offset - 4, wire.next_offset)  # it, too, is recognised when it comes again
    stage.land(wire.records)
    assert [row[0] for row in stage.query(ITEMS)] == [1, 2]
    assert stage.query("SELECT sum(landed), sum(replayed) FROM cdc.batch") == [(2, 1)]


@pytest.mark.parametrize("comes_again", [True, False])
def test_ids_begin_anew_behind_a_snapshot(stage: Stage, wire: PostgresWire, comes_again: bool) -> None:
    """A source that was restored, or replaced, and read anew: what landed before under an id tells nothing any more."""
    seed(stage, wire, item(1))
    landed = wire.next_offset
    snapshot(wire, (item(2), "first"), (item(3), "last"))
    if comes_again:
        wire.repeat(0, landed - 1)  # the snapshot has what came of it
    wire.begin(str(wire.number))
    wire.insert("item", "id", item(4))
    wire.end()
    stage.land(wire.records)
    assert [row[0] for row in stage.query(ITEMS)] == [2, 3, 4]


def test_the_tail_of_a_landed_transaction_that_comes_again_is_replayed(stage: Stage) -> None:
    stage.database = "mariadb"
    wire = MariaWire()
    transaction = wire.begin()
    for number in (1, 2, 3):
        wire.insert("item", "id", item(number))
    wire.end()
    stage.land(wire.records)
    wire.begin(transaction)
    wire.repeat(2, 3)
    wire.end(count=2)
    stage.land(wire.records)
    assert stage.query(LEDGER)[1] == (4, 0, 0, 0, 2, 0, 2)
    assert [row[4] for row in stage.query(ITEMS)] == [1, 2, 3]


def test_a_tail_without_begin_is_compared_with_what_landed(stage: Stage) -> None:
    stage.database = "mariadb"
    wire = MariaWire()
    transaction = wire.begin()
    for number in (1, 2):
        wire.insert("item", "id", item(number))
    wire.end()
    stage.land(wire.records)
    wire.repeat(2, 3)
    stage.land(wire.records)
    assert stage.query(LEDGER)[1] == (2, 0, 0, 0, 1, 0, 1)
    wire.id, wire.position = transaction, wire.position - 100
    wire.insert("item", "id", item(2, name="other"))
    wire.end()
    assert stopped(stage, wire) == "STR-105"


# -- snapshots


def snapshot(wire: Wire, *rows: tuple[dict[str, Any], str]) -> None:
    for row, marker in rows:
        wire.snapshot("item", "id", row, marker)


def test_a_transaction_that_a_new_snapshot_cuts_off_is_superseded_by_it(stage: Stage, wire: PostgresWire) -> None:
    snapshot(wire, (item(1), "first"), (item(2), "last"))
    stage.land(wire.records)
    wire.begin()
    wire.insert("item", "id", item(3, name="half"))
    wire.update("item", "id", item(1, name="half"))
    wire.id = None
    snapshot(wire, (item(1, name="new"), "first"), (item(2), "last"))
    stage.land(wire.records)
    assert [(row[0], row[1]) for row in stage.query(ITEMS)] == [(1, "new"), (2, "a")]
    counts = "SELECT sum(captured), sum(landed), sum(superseded), sum(control) FROM cdc.batch"
    assert stage.query(counts) == [(7, 4, 2, 1)]


def test_rows_that_a_second_snapshot_did_not_bring_are_deleted_at_its_end(stage: Stage, wire: PostgresWire) -> None:
    snapshot(wire, (item(1), "first"), (item(2), "true"), (item(3), "true"))
    stage.land(wire.records)
    snapshot(wire, (item(1), "first"), (item(3, name="c"), "true"))
    stage.land(wire.records)
    assert [row[0] for row in stage.query(ITEMS)] == [1, 2, 3]
    snapshot(wire, (item(4), "last"))
    stage.land(wire.records)
    assert [(row[0], row[1]) for row in stage.query(ITEMS)] == [(1, "a"), (3, "c"), (4, "a")]
    assert stage.query(GONE) == [(2, "a", "long", "1.50", 1, 5)]
    assert stage.query("SELECT generations, generation_from FROM cdc.position") == [(1, 3)]
    assert ("src.item", ["2"], "d") in [row[1:] for row in stage.query(KEYS)]


def test_a_snapshot_whose_first_table_is_empty_loses_none_of_its_rows(stage: Stage, wire: PostgresWire) -> None:
    snapshot(wire, (item(1), "first_in_data_collection"), (item(2), "true"), (item(3), "last"))
    stage.land(wire.records, batch_rows=1)
    assert [row[0] for row in stage.query(ITEMS)] == [1, 2, 3]


def test_a_row_that_is_read_again_unchanged_moves_its_offset_only(stage: Stage, wire: PostgresWire) -> None:
    snapshot(wire, (item(1), "first"), (item(2), "last"))
    stage.land(wire.records)
    before = stage.query("SELECT id, _source_ts FROM src.item ORDER BY id")
    snapshot(wire, (item(1), "first"), (item(2, name="b"), "last"))
    stage.land(wire.records)
    after = stage.query("SELECT id, _source_ts, _offset FROM src.item ORDER BY id")
    assert after[0] == (*before[0], 2)
    assert after[1][1] > before[1][1]


def test_each_later_snapshot_of_a_source_is_a_gap_on_record(stage: Stage, wire: PostgresWire) -> None:
    snapshot(wire, (item(1), "first"), (item(2), "last"))
    stage.land(wire.records)
    assert stage.query("SELECT code FROM cdc.gap") == []
    for expected in (1, 2):
        snapshot(wire, (item(1), "first"), (item(2), "true"))
        stage.land(wire.records)
        snapshot(wire, (item(1), "first"), (item(2), "last"))  # the one before was interrupted
        stage.land(wire.records)
        assert stage.query("SELECT code FROM cdc.gap") == [("STR-121",)] * expected


def test_a_row_whose_second_reading_was_refused_is_stale_and_no_ghost(stage: Stage, wire: PostgresWire) -> None:
    snapshot(wire, (item(1), "first"), (item(2), "last"))
    stage.land(wire.records)
    snapshot(wire, (item(1, qty="x"), "first"), (item(2), "last"))
    stage.land(wire.records)
    assert [row[0] for row in stage.query(ITEMS)] == [1, 2]
    assert stage.query("SELECT key FROM cdc.stale") == [(["1"],)]


def test_a_snapshot_heals_what_was_refused_before_it(stage: Stage, wire: PostgresWire) -> None:
    snapshot(wire, (item(1, qty="x"), "first"), (item(2, qty="x"), "last"))
    stage.land(wire.records)
    snapshot(wire, (item(1), "last"))
    stage.land(wire.records)
    assert stage.query("SELECT * FROM cdc.stale") == []
    assert stage.query(KEYS)[2:] == [(2, "src.item", ["1"], "u"), (2, "src.item", ["2"], "d")]


def test_a_snapshot_says_nothing_of_a_table_that_is_not_captured_any_more(stage: Stage, wire: PostgresWire) -> None:
    wire.snapshot("pair", "code,number", pair("A", 1), "first")
    wire.snapshot("pair", "code,number", pair("B", 1, "x"), "true")
    wire.snapshot("item", "id", item(1), "true")
    wire.snapshot("item", "id", item(2, qty="x"), "last")
    stage.land(wire.records)
    stage.catalogue = tuple(contract for contract in stage.catalogue if contract.table == "item")
    wire.start_snapshot()
    snapshot(wire, (item(3), "last"))
    stage.land(wire.records)
    assert [row[0] for row in stage.query(ITEMS)] == [3]
    assert stage.query("SELECT code FROM src.pair") == [("A",)]
    assert stage.query("SELECT code FROM src_deleted.pair") == []
    assert stage.query("SELECT mirror, key FROM cdc.stale") == [("src.pair", ["B", "1"])]
    assert [row[1:3] for row in stage.query(KEYS) if row[0] == 2] == [("src.item", [key]) for key in "123"]


# -- columns that come while the stream runs


def test_a_new_column_grows_the_mirror_and_loses_nothing(stage: Stage, wire: PostgresWire) -> None:
    seed(stage, wire, item(1), item(2))
    stage.catalogue = (
        dataclasses.replace(CONTRACTS[0], columns=(*CONTRACTS[0].columns, column("grade", "name", default="A"))),
        CONTRACTS[1],
    )
    wire.begin()
    wire.insert("item", "id", {**item(3), "grade": None})
    wire.update("item", "id", {**item(1), "grade": "B"})
    wire.end()
    stage.land(wire.records)
    assert stage.query("SELECT id, grade FROM src.item ORDER BY id") == [(1, "B"), (2, "A"), (3, None)]


def test_a_schema_event_grows_the_mirror_before_any_row_has_the_column(stage: Stage) -> None:
    stage.database, wire = "mariadb", MariaWire()
    seed(stage, wire, item(1))
    stage.catalogue = (
        dataclasses.replace(CONTRACTS[0], columns=(*CONTRACTS[0].columns, column("grade", "name", default="A"))),
        CONTRACTS[1],
    )
    wire.begin()
    wire.ddl("ALTER TABLE item ADD COLUMN grade varchar(20) DEFAULT 'A'", "item", {**item(1), "grade": "A"})
    wire.heartbeat()
    stage.land(wire.records)
    assert stage.query("SELECT id, grade FROM src.item") == [(1, "A")]


def test_an_event_older_than_the_column_leaves_its_default(stage: Stage, wire: PostgresWire) -> None:
    grown = dataclasses.replace(CONTRACTS[0], columns=(*CONTRACTS[0].columns, column("grade", "name", default="A")))
    stage.catalogue = (grown, CONTRACTS[1])
    stage.landing().grow()
    wire.begin()
    wire.insert("item", "id", item(1))
    wire.delete("item", "id", {"id": 1})
    wire.insert("item", "id", item(2))
    wire.update("item", "id", item(2, name="b"))
    wire.end()
    stage.land(wire.records)
    assert stage.query("SELECT id, name, grade FROM src.item") == [(2, "b", "A")]
    assert stage.query("SELECT id, grade FROM src_deleted.item") == [(1, "A")]


def test_a_column_that_the_catalogue_does_not_have_stops_the_stream(stage: Stage, wire: PostgresWire) -> None:
    wire.begin()
    wire.insert("item", "id", {**item(1), "grade": "B"})
    wire.end()
    assert stopped(stage, wire) == "LND-106"

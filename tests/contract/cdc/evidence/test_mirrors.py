"""Mirrors held against the journal: what landed agrees, what somebody did by hand is named with the event."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from cdc.capture.cascade import Cascade
from cdc.capture.types import PLACEHOLDER
from cdc.errors import FatalError
from cdc.evidence.history import as_of, images_of, read_history
from cdc.evidence.mend import Mender
from cdc.evidence.mirrors import MirrorAccount, MirrorAudit, MirrorFault
from cdc.protect.seal import Opener
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import CONTRACTS, ITEM, PAIR, column, item, pair
from tests.unit.cdc.stream.wire import MariaWire, PostgresWire

BY_HAND = {
    "a value": ("UPDATE src.item SET name = 'other' WHERE id = 2", "2", "differs: name"),
    "a row less": ("DELETE FROM src.item WHERE id = 3", "3", "is not there"),
    "a row more": (
        "CREATE TEMP TABLE one AS SELECT * FROM src.item WHERE id = 2; UPDATE one SET id = 99;"
        "INSERT INTO src.item SELECT * FROM one",
        *("99", "no batch"),
    ),
    "a deleted row again": ("UPDATE src.item SET id = 4 WHERE id = 2", "4", "is there, and was deleted"),
}


@pytest.fixture
def landed(target_dsn: str) -> Iterator[Stage]:
    """Inserts, an update, a delete, a moved key, a row written again and again; each transaction a batch."""
    wire = PostgresWire()
    for number in range(1, 6):
        wire.begin()
        wire.insert("item", "id", item(number, f"first {number}"))
        wire.end()
    wire.begin()
    wire.update("item", "id", item(2, "second"))
    wire.end()
    wire.begin()
    wire.delete("item", "id", item(4, "first 4"))
    wire.end()
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        stage.land_units(wire.records, lambda: True)
        yield stage


def audited(dsn: str) -> tuple[list[MirrorFault], dict[str, MirrorAccount]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        audit = MirrorAudit(Opener(connection, None), "cdc.src", CONTRACTS, "postgresql")
        return list(audit.audit(lambda _batch, _last: None)), audit.accounts


def test_what_landed_is_proven(target_dsn: str, landed: Stage) -> None:
    faults, accounts = audited(target_dsn)
    assert faults == []
    found = accounts["src.item"]
    assert (found.rows, found.proven, found.partly, found.faults) == (4, 4, 0, 0)


@pytest.mark.parametrize("what", BY_HAND)
def test_what_somebody_did_is_named(target_dsn: str, landed: Stage, what: str) -> None:
    statement, key, said = BY_HAND[what]
    with landed.connection.transaction():
        landed.connection.execute(statement.encode())
    faults, accounts = audited(target_dsn)
    (fault,) = [one for one in faults if one.key == (key,)]
    assert said in fault.what
    assert accounts["src.item"].faults == len(faults)
    if what == "a value":
        batch, offset = landed.query("SELECT batch, first_offset FROM cdc.journal WHERE batch = 6")[0]
        assert (fault.stream, fault.batch) == ("cdc.src", batch)
        assert fault.offset is not None
        assert fault.offset >= offset


@pytest.mark.parametrize("what", BY_HAND)
def test_what_somebody_did_is_mended_from_the_journal(target_dsn: str, landed: Stage, what: str) -> None:
    before = landed.query("SELECT * FROM src.item ORDER BY id")
    with landed.connection.transaction():
        landed.connection.execute(BY_HAND[what][0].encode())
        landed.connection.execute("INSERT INTO cdc.mirror_class VALUES ('src.item', 'personal', '{id}')")
    faults, _ = audited(target_dsn)
    with psycopg.connect(target_dsn, autocommit=True) as connection:
        mender = Mender(Opener(connection, None), "postgresql", {"src.item": ("src.item",)}, {}, "by hand")
        done = {mender.mend(CONTRACTS[0], fault) for fault in faults}
    assert done <= {"written", "removed"}
    assert landed.query("SELECT * FROM src.item ORDER BY id") == before
    assert audited(target_dsn)[0] == []
    queued = landed.query("SELECT source_key FROM cdc.derive_queue WHERE reason = 'repair' ORDER BY 1")
    assert queued == sorted((list(fault.key),) for fault in faults)
    actions = "SELECT effect -> 'key', count(*) FROM cdc.operator_action WHERE action = 'stream repair' GROUP BY 1"
    assert landed.query(actions) == [(["***"], len(faults))]  # it is kept for good, and a person's number


def test_a_row_for_which_something_has_landed_since_is_left_alone(target_dsn: str, landed: Stage) -> None:
    with landed.connection.transaction():
        landed.connection.execute("UPDATE src.item SET name = 'other' WHERE id = 2")
    (fault,), _ = audited(target_dsn)
    with landed.connection.transaction():
        landed.connection.execute(
            "INSERT INTO cdc.journal_key (stream, batch, mirror, key, op)"
            " VALUES ('cdc.src', 99, 'src.item', '{2}', 'u')"
        )
    with psycopg.connect(target_dsn, autocommit=True) as connection:
        mended = Mender(Opener(connection, None), "postgresql", {}, {}, "by hand").mend(CONTRACTS[0], fault)
    assert mended == "nothing: something has landed since"
    assert landed.query("SELECT name FROM src.item WHERE id = 2") == [("other",)]


def test_a_column_that_the_source_has_dropped_is_left_as_it_is(target_dsn: str, landed: Stage) -> None:
    """The journal's last whole row of it may be younger than the drop: what it was stands in the mirror alone."""
    kept = replace(ITEM, columns=(*ITEM.columns, column("grade", "name")), dropped=("grade",))
    with landed.connection.transaction():
        landed.connection.execute("ALTER TABLE src.item ADD grade varchar(20)")
        landed.connection.execute("UPDATE src.item SET grade = 'A', name = 'other' WHERE id = 2")
    (fault,), _ = audited(target_dsn)
    with psycopg.connect(target_dsn, autocommit=True) as connection:
        mended = Mender(Opener(connection, None), "postgresql", {}, {}, "by hand").mend(kept, fault)
    assert mended == "written"
    assert landed.query("SELECT name, grade FROM src.item WHERE id = 2") == [("second", "A")]


def test_a_row_whose_history_ends_with_another_event_is_left_alone(target_dsn: str, landed: Stage) -> None:
    with landed.connection.transaction():
        landed.connection.execute("UPDATE src.item SET name = 'other' WHERE id = 2")
    (fault,), _ = audited(target_dsn)
    with psycopg.connect(target_dsn, autocommit=True) as connection:
        mender = Mender(Opener(connection, None), "postgresql", {}, {}, "by hand")
        mended = mender.mend(CONTRACTS[0], replace(fault, offset=fault.offset and fault.offset - 1))
    assert mended.startswith("nothing: its history ends with another event")
    assert landed.query("SELECT name FROM src.item WHERE id = 2") == [("other",)]


def test_what_the_log_left_out_is_proven_in_part(target_dsn: str) -> None:
    wire = PostgresWire()
    for write, row in ((wire.insert, item(1)), (wire.update, item(1, "b", note=PLACEHOLDER))):
        wire.begin()
        write("item", "id", row)
        wire.end()
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        stage.land_units(wire.records, lambda: True)
    faults, accounts = audited(target_dsn)
    assert faults == []
    assert (accounts["src.item"].rows, accounts["src.item"].proven, accounts["src.item"].partly) == (1, 0, 1)


def test_a_table_that_was_emptied(target_dsn: str) -> None:
    wire = PostgresWire()
    wire.begin()
    wire.insert("item", "id", item(1))
    wire.insert("item", "id", item(2))
    wire.end()
    wire.begin()
    wire.truncate("item")
    wire.insert("item", "id", item(2, "again"))
    wire.end()
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        stage.land_units(wire.records, lambda: True)
        assert audited(target_dsn)[0] == []
        with stage.connection.transaction():
            stage.connection.execute("UPDATE src.item SET id = 1")
        told = {(fault.key, fault.what) for fault in audited(target_dsn)[0]}
    assert told == {(("2",), "is not there"), (("1",), "no batch wrote it")}


PLACE = "SELECT id, name FROM src.item ORDER BY id"


def read_beside(wire: PostgresWire, row: dict[str, Any]) -> None:
    """Let a reader beside the stream bring a row, inside of a transaction or between two."""
    transaction, wire.id = wire.id, None
    wire.snapshot("item", "id", row, "incremental")
    wire.id = transaction


def test_a_row_that_was_read_in_vain_is_no_fault(target_dsn: str) -> None:
    """It is the last event of its key, and older than what the stream had told: in one batch, and in one portion."""
    wire = PostgresWire()
    for number, apart in ((1, False), (2, True)):
        wire.begin()
        wire.insert("item", "id", item(number, "new"))
        if apart:
            wire.end()
            wire.begin()
        read_beside(wire, item(number, "old"))
        wire.update("item", "id", item(9, "beside it")) if apart else None
        wire.end()
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        stage.land_units(wire.records, lambda: True)
        faults, accounts = audited(target_dsn)
        assert faults == []
        assert accounts["src.item"].proven == 3
        told = [entry.what for entry in read_history(stage.session.opener(), ITEM, "postgresql", ("1",))]
        assert told == ["inserted"]


def test_a_row_that_was_read_below_a_refused_change_is_no_fault(target_dsn: str) -> None:
    wire = PostgresWire()
    wire.begin()
    wire.update("item", "id", item(1, "new", note=PLACEHOLDER))
    wire.end()
    wire.begin()
    read_beside(wire, item(1, "old"))
    wire.end()
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        stage.land_units(wire.records, lambda: True)
        assert stage.query(PLACE) == [(1, "new")]
        assert audited(target_dsn)[0] == []
        *_, last = images_of(list(read_history(stage.session.opener(), ITEM, "postgresql", ("1",))))
        assert last.row is not None
        assert (last.row["name"], last.row["note"]) == ("new", "long")


def test_a_row_that_a_cascade_changed_behind_its_last_event_is_no_fault(target_dsn: str) -> None:
    key = Cascade("fk", ("number",), ITEM.source_table, ("id",), "cascade", "cascade")
    child = replace(PAIR, cascades=(key,), key=("code",))
    wire = MariaWire()
    wire.begin()
    wire.insert("item", "id", item(1))
    wire.insert("pair", "code", pair("A", 1))
    wire.change_key("item", "id", item(1), item(5))
    wire.end()
    contracts = (ITEM, child)
    with closing(Stage(target_dsn, "src", contracts, "mariadb")) as stage:
        stage.land(wire.records)
        assert stage.query("SELECT batch, number FROM src.pair, cdc.batch") == [(1, 5)]
        with psycopg.connect(target_dsn, autocommit=True) as connection:
            audit = MirrorAudit(Opener(connection, None), "cdc.src", contracts, "mariadb")
            assert list(audit.audit(lambda _batch, _last: None)) == []
        told = list(read_history(stage.session.opener(), child, "mariadb", ("A",)))
        assert [entry.what for entry in told] == ["inserted", "changed by a cascade behind it, or not"]
        with pytest.raises(FatalError, match="EVD-104"):  # the event's value is not what the row had in the end
            as_of(told, datetime(2100, 1, 1, tzinfo=UTC))
        (whole,) = read_history(stage.session.opener(), ITEM, "mariadb", ("5",))
        assert whole.what == "inserted, moved from key 1"


def test_a_transaction_that_came_again_before_a_later_one_is_no_fault(target_dsn: str) -> None:
    wire = PostgresWire()
    for name in ("first", "second"):
        wire.begin()
        (wire.insert if name == "first" else wire.update)("item", "id", item(1, name))
        wire.end()
    again = wire.next_offset
    wire.repeat(0, again)
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        stage.land(wire.records[: len(wire.records) // 2 + 3])
        assert stage.query(PLACE) == [(1, "second")]
        assert audited(target_dsn)[0] == []

"""Mirrors held against the journal: what landed agrees, what somebody did by hand is named with the event."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from cdc.capture.types import PLACEHOLDER
from cdc.evidence.mend import Mender
from cdc.evidence.mirrors import MirrorAccount, MirrorAudit, MirrorFault
from cdc.protect.seal import Opener
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import CONTRACTS, item
from tests.unit.cdc.stream.wire import PostgresWire

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
    faults, _ = audited(target_dsn)
    with psycopg.connect(target_dsn, autocommit=True) as connection:
        mender = Mender(Opener(connection, None), "postgresql", {"src.item": ("src.item",)}, {}, "by hand")
        done = {mender.mend(CONTRACTS[0], fault) for fault in faults}
    assert done <= {"written", "removed"}
    assert landed.query("SELECT * FROM src.item ORDER BY id") == before
    assert audited(target_dsn)[0] == []
    queued = landed.query("SELECT source_key FROM cdc.derive_queue WHERE reason = 'repair' ORDER BY 1")
    assert queued == sorted((list(fault.key),) for fault in faults)
    assert landed.query("SELECT count(*) FROM cdc.operator_action WHERE action = 'stream repair'") == [(len(faults),)]


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

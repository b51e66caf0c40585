"""Evidence refuses to be changed by whoever has the service's own login: by privilege, and by trigger without it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from cdc.config import Target
from cdc.errors import FatalError
from cdc.evidence.anchor import Anchor
from cdc.evidence.published import note_published
from cdc.land.gap import note_gap
from cdc.store.action import record_action
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import CONTRACTS, item
from tests.owner import EVIDENCE, disarm
from tests.unit.cdc.stream.wire import PostgresWire

# A column of each table, for an UPDATE that changes nothing.
COLUMNS = {
    "journal": "chunk",
    "batch": "captured",
    "batch_table": "landed",
    "refused": "detail",
    "gap": "detail",
    "operator_action": "reason",
    "audited": "rows",
    "anchor": "line",
    "archive": "records",
}


@pytest.fixture
def kept(target_dsn: str, target: Target) -> Iterator[Stage]:
    """A target with a row in each table of evidence."""
    wire = PostgresWire()
    wire.begin()
    wire.insert("item", "id", item(1))
    wire.insert("item", "id", item(2, qty="12.345"))
    wire.end()
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        stage.land_units(wire.records, lambda: True)
        note_gap(target, "cdc.src", FatalError("STR-106", "cdc.src offset 15"))
        with stage.connection.transaction():
            record_action(stage.connection, "test", "object", [])
            stage.connection.execute(
                "INSERT INTO cdc.audited (canonical, dictionary, batches, rows, differences, actor, began_at)"
                " VALUES ('trace.thing', '', '{}', 0, 0, '', now())"
            )
            stage.connection.execute(
                "INSERT INTO cdc.archive VALUES ('cdc.other', '', 1, 1, 0, 1, 1, '', '', '', '', '', '', '')"
            )
        note_published(stage.connection, "file a", [Anchor("cdc.src", 3, "00" * 32, "2026-03-02T08:00:00+00:00")])
        yield stage


def statements(table: str) -> list[str]:
    changes = (f"UPDATE cdc.{table} SET {COLUMNS[table]} = {COLUMNS[table]}", f"DELETE FROM cdc.{table}")
    return [*changes, f"TRUNCATE cdc.{table} CASCADE"]


def test_a_month_of_the_journal_refuses_it_too(kept: Stage) -> None:
    ((month,),) = kept.query("SELECT DISTINCT c.relname FROM cdc.journal j JOIN pg_class c ON c.oid = j.tableoid")
    for statement in (f"UPDATE cdc.{month} SET records = 1", f"DELETE FROM cdc.{month}", f"TRUNCATE cdc.{month}"):
        assert "permission denied" in refusal(kept, statement)
        with kept.connection.transaction():
            kept.connection.execute(f"GRANT UPDATE, DELETE, TRUNCATE ON cdc.{month} TO CURRENT_USER".encode())
        assert f"of cdc.{month}: evidence is only added to" in refusal(kept, statement)
        with kept.connection.transaction():
            kept.connection.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON cdc.{month} FROM CURRENT_USER".encode())


def refusal(stage: Stage, statement: str) -> str:
    """Return why a statement is refused; it is undone if it is not."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught, stage.connection.transaction():
        stage.connection.execute(statement.encode())
    return str(caught.value)


@pytest.mark.parametrize("table", EVIDENCE)
def test_the_owner_himself_has_no_right_to_change_evidence(kept: Stage, table: str) -> None:
    assert kept.query(f"SELECT count(*) > 0 FROM cdc.{table}") == [(True,)]
    for statement in statements(table):
        assert "permission denied" in refusal(kept, statement), statement


@pytest.mark.parametrize("table", EVIDENCE)
def test_the_trigger_refuses_who_has_the_right(kept: Stage, table: str) -> None:
    with kept.connection.transaction():
        kept.connection.execute(f"GRANT UPDATE, DELETE, TRUNCATE ON cdc.{table} TO CURRENT_USER".encode())
        # A truncation reaches the tables that refer to this one.
        kept.connection.execute("GRANT TRUNCATE ON cdc.batch_table TO CURRENT_USER")
    for statement in statements(table):
        assert f"of cdc.{table}: evidence is only added to" in refusal(kept, statement), statement


def test_the_one_column_that_foreign_keys_need_cannot_be_set(kept: Stage) -> None:
    with pytest.raises(psycopg.errors.GeneratedAlways), kept.connection.transaction():
        kept.connection.execute("UPDATE cdc.batch SET follows_batch = 1")
    assert "evidence is only added to" in refusal(kept, "UPDATE cdc.batch SET follows_batch = DEFAULT")


def test_with_both_taken_away_the_owner_changes_what_he_wants(kept: Stage) -> None:
    disarm(kept.connection)
    for table in ("batch_table", "anchor"):
        with kept.connection.transaction():
            assert kept.connection.execute(f"DELETE FROM cdc.{table}".encode()).rowcount > 0

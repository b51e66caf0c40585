"""The journal's months: a target that was made before goes on without being built anew, and they are made ahead."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest

from cdc.errors import TransientError
from cdc.evidence.chain import walk
from cdc.land.months import make_journal_months
from cdc.store.connection import classify
from cdc.store.migrate import migrate
from tests.contract.before import put_back
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import CONTRACTS, item
from tests.unit.cdc.stream.wire import PostgresWire


def commit(stage: Stage, wire: PostgresWire, number: int) -> None:
    wire.begin()
    wire.insert("item", "id", item(number))
    wire.end()
    stage.land(wire.records)


def months(stage: Stage) -> list[str]:
    return [name for (name,) in stage.query("SELECT name FROM cdc.journal_month ORDER BY to_at")]


def test_what_a_target_of_before_has_landed_is_a_month_of_its_own(target_dsn: str) -> None:
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        commit(stage, PostgresWire(), 1)
        put_back(stage.connection)
        chunks = stage.query("SELECT stream, batch, first_offset, chunk, chain, landed_at FROM cdc.journal")
        assert migrate(stage.connection)[0].endswith("_journal_months")
        assert months(stage)[0] == "journal_before"
        assert len(months(stage)) == 3  # this month is in it
        assert stage.query("SELECT stream, batch, first_offset, chunk, chain, landed_at FROM cdc.journal") == chunks
        assert walk(stage.session.opener(), "cdc.src").fault is None


def test_months_are_made_ahead_once(target_dsn: str) -> None:
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        made = months(stage)
        assert len(made) == 3
        make_journal_months(stage.connection)
        assert months(stage) == made
        with stage.connection.transaction():
            (more,) = stage.connection.execute("SELECT cdc.make_journal_months(3)").fetchall()
        assert months(stage) == [*made, *more]
        commit(stage, PostgresWire(), 1)
        assert stage.query("SELECT relname FROM cdc.journal j JOIN pg_class c ON c.oid = j.tableoid") == [(made[0],)]


def test_months_are_made_while_somebody_lands_and_somebody_reads(target_dsn: str) -> None:
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        commit(stage, PostgresWire(), 1)
        with stage.connection.transaction(), psycopg.connect(target_dsn, options="-c lock_timeout=1s") as other:
            stage.connection.execute("SELECT FROM cdc.journal")
            stage.connection.execute("INSERT INTO cdc.journal SELECT stream, 9, 9, 9, 1, '', '' FROM cdc.position")
            assert len(other.execute("SELECT cdc.make_journal_months(4)").fetchall()) == 2
            other.commit()


def test_a_clock_that_jumps_ahead_of_the_months_is_no_fault_of_a_record(target_dsn: str) -> None:
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        with stage.connection.transaction():
            stage.connection.execute("ALTER TABLE cdc.journal ALTER landed_at SET DEFAULT now() + interval '1 year'")
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            commit(stage, PostgresWire(), 1)
        assert isinstance(classify(caught.value), TransientError)
        assert stage.query("SELECT FROM cdc.refused") == []

"""An index of a large table is made beside the service: others go on writing, and who ended is followed up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from cdc.cli import target as target_command
from cdc.config import Target
from cdc.store.connection import connect
from tests.contract.cdc.cli.conftest import Cdc

WAITING = """
SELECT pid FROM pg_stat_activity WHERE query LIKE 'CREATE%INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'
"""
INDEXES = """
SELECT c.relname, indisvalid FROM pg_index JOIN pg_class c ON c.oid = indexrelid
WHERE indrelid = 'erp."SEOrderEntry"'::regclass AND c.relname LIKE 'derive%' ORDER BY 1
"""


@pytest.fixture
def large(cdc: Cdc, target: Target, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """A mirror that counts as large and lacks its indexes; the session of somebody who writes to it."""
    cdc("target", "apply")
    monkeypatch.setattr(target_command, "LARGE_MIB", 1)
    with connect(target, "test") as connection:
        connection.execute(
            'INSERT INTO erp."SEOrderEntry" ("FInterID", "FEntryID", "FItemID", "FQty", "FUnitID", _offset)'
            " SELECT n, 1, n, 1, 1, 0 FROM generate_series(1, 40000) n"
        )
        for name, _ in connection.execute(INDEXES).fetchall():
            connection.execute(f'DROP INDEX erp."{name}"'.encode())
        connection.commit()
        yield connection


def indexes(connection: psycopg.Connection) -> list[tuple[str, bool]]:
    found = connection.execute(INDEXES).fetchall()
    connection.commit()
    return found


def test_the_plan_says_what_locks_what_for_how_much_and_how_it_is_done_without(
    cdc: Cdc, large: psycopg.Connection
) -> None:
    steps = cdc("target", "plan", "--json").document["steps"]
    assert steps
    assert {(step["locks"], step["beside"]) for step in steps} == {("erp.SEOrderEntry", True)}
    assert all(step["mib"] >= 1 for step in steps)
    assert ["erp.SEOrderEntry", "beside the service, afterwards"] in [
        [row[1], row[3]] for row in cdc("target", "plan").lines
    ]
    assert indexes(large) == []


@pytest.mark.usefixtures("empty_target")
def test_an_empty_target_is_planned_without_locks(cdc: Cdc) -> None:
    steps = cdc("target", "plan", "--json").document["steps"]
    assert len(steps) > 20
    assert not any(step["locks"] or step["beside"] for step in steps)


@pytest.fixture
def making(cdc: Cdc, target: Target, large: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """Another session, while an index waits for the first one, who writes."""
    large.execute("SET idle_in_transaction_session_timeout = 0")
    large.execute('UPDATE erp."SEOrderEntry" SET "FQty" = 2 WHERE "FInterID" = 1')
    maker = threading.Thread(target=cdc, args=("target", "apply"))
    maker.start()
    with connect(target, "other") as other:
        other.autocommit = True
        while other.execute(WAITING).fetchone() is None:
            assert maker.is_alive(), "the index did not wait for who was writing"
            time.sleep(0.05)
        yield other
    large.commit()
    maker.join(60)
    assert not maker.is_alive()


def test_others_write_while_an_index_is_made(cdc: Cdc, large: psycopg.Connection, making: psycopg.Connection) -> None:
    making.execute("SET lock_timeout = '1s'")
    making.execute('UPDATE erp."SEOrderEntry" SET "FQty" = 2 WHERE "FInterID" = 2')
    large.commit()
    while making.execute(WAITING).fetchone():
        time.sleep(0.05)
    assert cdc("target", "apply").code == 0
    assert all(valid for _, valid in indexes(large))


def test_an_index_that_was_interrupted_is_made_again(
    cdc: Cdc, large: psycopg.Connection, making: psycopg.Connection
) -> None:
    making.execute(f"SELECT pg_terminate_backend(pid) FROM ({WAITING}) w")
    large.commit()
    while making.execute(WAITING).fetchone():
        time.sleep(0.05)
    ((name, valid),) = indexes(large)
    assert not valid
    missing = len(cdc("target", "plan", "--json").document["steps"])
    assert cdc("target", "apply").code == 0
    found = dict(indexes(large))
    assert found[name]
    assert len(found) == missing
    assert cdc("target", "apply").err == "Nothing to do, the target is ready.\n"
    actions = large.execute("SELECT effect FROM cdc.operator_action ORDER BY at DESC LIMIT 1").fetchone()
    assert actions is not None
    assert actions[0][0].startswith("create index ON erp.SEOrderEntry")

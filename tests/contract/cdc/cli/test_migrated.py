"""A target of before that has landed and derived goes on with what it has: nothing is asked of a source again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cdc.cli.target import apply_target
from cdc.config import load
from cdc.observe import log
from tests.contract.before import put_back
from tests.contract.cdc.cli.conftest import Cdc
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import item
from tests.contract.cdc.test_derive_worker import Worker, wait_until
from tests.unit.cdc.stream.wire import PostgresWire


@pytest.fixture
def went_on(small: Stage, config: Path) -> Iterator[Stage]:
    """Landed and derived by the release of before, migrated, landed and derived by this one."""
    log.configure("error")
    settings = load(config)
    with small.connection.transaction():
        small.connection.execute("UPDATE cdc.position SET generations = 1")
    apply_target(settings)
    worker = Worker(settings)
    wait_until(lambda: small.query("SELECT remark FROM trace.thing") == [("second",)])
    worker.stop.set()
    worker.thread.join()
    keys, chunks = "SELECT * FROM cdc.journal_key ORDER BY batch", "SELECT * FROM cdc.journal ORDER BY batch"
    noted, landed = [row[:6] for row in small.query(keys)], small.query(chunks)
    put_back(small.connection)
    assert small.query("SELECT relkind FROM pg_class WHERE oid = 'cdc.journal_key'::regclass") == [("r",)]
    apply_target(settings)
    assert [row[:6] for row in small.query(keys)] == noted
    assert small.query(chunks) == landed
    assert small.query("SELECT name FROM cdc.journal_month ORDER BY to_at LIMIT 1") == [("journal_before",)]
    wire = PostgresWire()
    wire.begin()
    wire.insert("item", "id", item(1, "first"))
    wire.end()
    wire.begin()
    wire.update("item", "id", item(1, "second"))
    wire.end()
    wire.begin()
    wire.update("item", "id", item(1, "third"))
    wire.end()
    small.land(wire.records)
    Worker(settings)
    wait_until(lambda: small.query("SELECT remark FROM trace.thing") == [("third",)])
    yield small
    for each in Worker.running:
        each.stop.set()
    Worker.running.clear()


def test_it_lands_derives_explains_and_verifies(cdc: Cdc, went_on: Stage) -> None:
    (row,) = cdc("history", "trace.thing", "T-1", "--json").document
    assert [change["what"] for change in row["changes"]] == ["inserted", "updated", "updated"]
    (part,) = cdc("explain", "trace.thing", "T-1", "--json").document["parts"]
    assert (part["event"]["proof"]["holds"], part["rules"][1]["after"]) == (True, "third")
    for command in (("audit", "verify"), ("audit", "mirrors"), ("audit", "rows"), ("ledger", "check")):
        assert cdc(*command).code == 0, command
    (found,) = [one for one in cdc("audit", "mirrors", "--json").document["mirrors"] if one["rows"]]
    assert (found["proven"], found["faults"]) == (1, 0)

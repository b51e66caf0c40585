"""Too many rows with one code: the domain stops before it empties its tables, says where to look, and can heal."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdc.cli.status import read_status
from cdc.config import load
from cdc.observe.stopping import note_stop
from tests.contract.cdc.cli.conftest import Cdc
from tests.contract.cdc.cli.deployment import Deployment
from tests.contract.cdc.test_derive_worker import Worker, wait_until

MANY = """INSERT INTO cdc.held (mapping, source_key, code, detail, dictionary)
SELECT 'another', ARRAY[n::text], 'COD-201', '', '' FROM generate_series(1, 50) n"""


@pytest.fixture
def limited(config: Path) -> None:
    """No domain holds more than one row with one code."""
    config.write_text(config.read_text() + "derive: {held_limit: 1}\n")


def test_a_domain_stops_above_its_limit_of_held_rows(
    limited: None, config: Path, cdc: Cdc, running: Deployment
) -> None:
    running.sources.connection.execute(MANY)  # of another domain: they are none of its rows
    worker = Worker.running[0]
    running.sources.land(3)
    wait_until(lambda: running.parties() == [("C1", None), ("C3", None)])
    running.sources.change(3, "法国")
    wait_until(lambda: not worker.thread.is_alive())
    assert worker.error is not None
    assert str(worker.error).startswith("DRV-130 ")
    said = "COD-201 would hold 2 rows, 1 at most (derive.held_limit), 1 before; most of them erp.t_Organization country"
    assert said in worker.error.detail
    assert running.parties() == [("C1", None), ("C3", None)]
    assert running.rows("SELECT source_key FROM cdc.held WHERE mapping <> 'another'") == [(["2"],)]

    note_stop(load(config).target, "derive", worker.error)
    (attention,) = [one for one in read_status(load(config)).attention if one.code == "DRV-130"]
    assert said in attention.text
    assert "cdc held list --group --code CODE" in cdc("code", "DRV-130").out

    # Its worker, started again, stops again; when the source is right, it goes on.
    again = Worker(running.settings)
    wait_until(lambda: not again.thread.is_alive())
    assert again.error is not None
    running.sources.change(3, "中国")
    Worker(running.settings)
    wait_until(lambda: running.parties() == [("C1", None), ("C3", "CN")])


def test_what_is_held_is_counted_whatever_is_done_to_it(deployed: Deployment) -> None:
    connection = deployed.sources.connection
    counts = "SELECT mapping, code, rows FROM cdc.held_count WHERE rows <> 0 ORDER BY 1, 2"
    connection.execute(MANY)
    connection.execute("UPDATE cdc.held SET code = 'NUM-101' WHERE source_key[1]::int <= 10")
    connection.execute(
        f"{MANY} ON CONFLICT (mapping, source_key) DO UPDATE SET code = 'QC-101' WHERE held.code = 'NUM-101'"
    )
    assert deployed.rows(counts) == [("another", "COD-201", 40), ("another", "QC-101", 10)]
    connection.execute("DELETE FROM cdc.held WHERE source_key[1]::int > 5")
    assert deployed.rows(counts) == [("another", "QC-101", 5)]

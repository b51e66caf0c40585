"""A replication slot beside other users of the server: who else writes, and who else wants the slot."""

from __future__ import annotations

import json
import time

import pytest

from cdc import access
from cdc.capture.connect import Connect
from tests.integration.connectors.deployment import Sources, kind_of
from tests.integration.service import connect as connect_postgresql

MIB = 1024 * 1024
BUSY = """
CREATE TABLE IF NOT EXISTS busy (text text);
INSERT INTO busy SELECT repeat(md5(n::text), 30) FROM generate_series(1, 60000) n
"""


def kept(sources: Sources) -> int:
    """Return how much log the server keeps for the slot, in bytes."""
    row = sources.plant.execute(
        "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) FROM pg_replication_slots"
        " WHERE slot_name = 'cdc_plant'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def reader(sources: Sources) -> object:
    """Return the process of the server that reads the slot."""
    query = "SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'cdc_plant'"
    return sources.plant.execute(query).fetchone()


@pytest.mark.slow  # half a minute
def test_an_idle_database_keeps_no_log_while_another_one_writes(sources: Sources) -> None:
    sources.cdc("connectors", "apply", "plant")
    sources.await_records("plant", lambda records: [kind_of(record) for record in records].count("r") == 2)
    with connect_postgresql(dict(sources.env), "MES", "DBA_") as other:
        other.execute(BUSY.encode())
        written = other.execute("SELECT pg_total_relation_size('busy')").fetchone()
        other.execute("DROP TABLE busy")
    assert written is not None
    assert written[0] > 40 * MIB
    deadline = time.monotonic() + 60
    while kept(sources) > 8 * MIB:
        assert time.monotonic() < deadline, kept(sources)
        time.sleep(1)
    # Its place is that of the slot: a restart finds it.
    sources.cdc("connectors", "restart", "plant")
    sources.plant.execute("INSERT INTO child VALUES (11, 1, NULL)")
    sources.await_records("plant", lambda records: "c" in [kind_of(record) for record in records])
    (status,) = sources.status("plant")
    assert status["log"]["bytes"] < 8 * MIB


@pytest.mark.slow  # half a minute
def test_a_second_connector_on_the_slot_gets_nothing_and_is_named(sources: Sources) -> None:
    sources.cdc("connectors", "apply", "plant")
    sources.await_records("plant", lambda records: [kind_of(record) for record in records].count("r") == 2)
    with Connect(access.Connect(sources.env["CDC_CONNECT_URL"])) as connect:
        other = connect.config("plant") or {}
        twin = {"name": "twin", "topic.prefix": "twin", "snapshot.mode": "no_data", "heartbeat.interval.ms": "0"}
        owner = reader(sources)
        at_once = {"slot.max.retries": "1", "slot.retry.delay.ms": "500"}
        connect.create("twin", {**other, **twin, **at_once}, "running")
        try:
            found = json.loads(sources.cdc("connectors", "plan", "--json", exit_code=3))
            assert "twin" in found["strays"]
            sources.plant.execute("INSERT INTO child VALUES (11, 1, NULL)")
            sources.await_records("plant", lambda records: "c" in [kind_of(record) for record in records])
            time.sleep(10)  # it tries again and again
            assert reader(sources) == owner
        finally:
            connect.remove("twin")
    sources.plant.execute("INSERT INTO child VALUES (12, 1, NULL)")
    sources.await_records("plant", lambda records: [kind_of(record) for record in records].count("c") == 2)

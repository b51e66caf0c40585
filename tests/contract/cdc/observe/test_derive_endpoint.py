"""`cdc derive` as a process of its own, looked at over HTTP."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cdc.cli.target import apply_target
from cdc.config import Target, load
from compose.local.env import REPO
from tests.contract.cdc.observe.http import Client, free_port
from tests.contract.cdc.test_derive_worker import Sources

DOMAIN = "adverse_event"
SETTINGS = """\
target: {{host: {host}, port: {port}, database: {database}, user: {user}, password: "${{env:TARGET_PASSWORD}}"}}
kafka: {{bootstrap: "127.0.0.1:9"}}
connect: {{url: "http://127.0.0.1:9"}}
folders: {{connector_configs: {connector_configs}}}
approval: {{required: false}}
observe: {{derive_port: {derive_port}, stall_s: 1}}
"""


class Running:
    """The process, what it derives from, and a client of its endpoint."""

    def __init__(self, config: Path, port: int, sources: Sources, env: dict[str, str]) -> None:
        self.sources = sources
        self.client = Client(port)
        with (config.parent / "log").open("wb") as log:
            self.process = subprocess.Popen(
                (sys.executable, "-m", "cdc", "--config", str(config), "derive"), env=env, stderr=log
            )

    def ready(self) -> bool:
        return self.client.get("/readyz").status_code == 200

    def derived(self, number: int) -> bool:
        return self.sources.connection.execute("SELECT FROM trace.party").rowcount == number

    def count(self, query: str) -> int:
        row = self.sources.connection.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
def running(target: Target, target_dsn: str, tmp_path: Path) -> Iterator[Running]:
    config, port = tmp_path / "cdc.yaml", free_port()
    names = {name: getattr(target, name) for name in ("host", "port", "database", "user")}
    config.write_text(SETTINGS.format(**names, connector_configs=REPO / "connector-configs", derive_port=port))
    own = {"TARGET_PASSWORD": target.password.reveal(), "CDC_RESTARTS": "2"}
    apply_target(load(config, own))
    sources = Sources(target_dsn)
    sources.close_snapshots()
    running = Running(config, port, sources, {**os.environ, **own})
    yield running
    running.process.terminate()
    assert running.process.wait(60) == 0
    sources.connection.close()


def test_metrics_equal_what_the_target_has_of_the_domain(running: Running) -> None:
    client, sources = running.client, running.sources
    for number in range(1, 4):
        sources.land(number)
    sources.connection.execute(
        'INSERT INTO erp."t_Organization" ("FItemID", "FNumber", "FName", "FDeleted", _offset)'
        " VALUES (9, NULL, 'No number', 0, 1)"
    )
    sources.connection.execute(
        "INSERT INTO cdc.journal_key (stream, batch, mirror, key, op)"
        " VALUES ('cdc.erp', 4, 'erp.t_Organization', '{9}', 'u')"
    )
    sources.connection.execute("UPDATE cdc.position SET batch = 4 WHERE stream = 'cdc.erp'")
    sources.connection.execute("NOTIFY cdc_landed")
    client.until(lambda: running.count("SELECT count(*) FROM cdc.held") == 1)
    client.until(lambda: client.sample("cdc_watermark_lag_batches", domain=DOMAIN, stream="cdc.erp") == 0)
    derivations = running.count("SELECT derivation FROM cdc.domain")
    assert client.sample("cdc_derivation_seconds_count", domain=DOMAIN) == derivations
    mapping, code = sources.connection.execute("SELECT mapping, code FROM cdc.held").fetchall()[0]
    assert client.sample("cdc_held_rows", domain=DOMAIN, mapping=mapping, code=code) == 1
    assert client.sample("cdc_derived_rows_total", mapping=mapping) >= 4
    assert client.sample("cdc_worker_restarts_total") == 2
    assert client.sample("cdc_target_up") == 1
    # What was held once goes on as 0.
    sources.connection.execute("DELETE FROM cdc.held")
    assert client.sample("cdc_held_rows", domain=DOMAIN, mapping=mapping, code=code) == 0


def test_a_domain_is_ready_once_its_worker_derives_and_while_another_one_does(running: Running) -> None:
    running.client.until(running.ready)
    notes = {condition["name"]: condition["note"] for condition in running.client.get("/readyz").json()["conditions"]}
    assert notes == {DOMAIN: "derives"}


def test_a_worker_that_is_frozen_inside_a_statement_is_not_live_and_its_lag_grows(
    running: Running, target_dsn: str
) -> None:
    client = running.client
    client.until(running.ready)
    running.sources.land(1)
    client.until(lambda: running.derived(1))
    with psycopg.connect(target_dsn) as other:
        other.execute('LOCK TABLE erp."t_Organization" IN ACCESS EXCLUSIVE MODE')
        running.sources.connection.execute("UPDATE cdc.position SET batch = batch + 3 WHERE stream = 'cdc.erp'")
        running.sources.connection.execute("NOTIFY cdc_landed")
        client.until(lambda: client.get("/livez").status_code == 503)
        assert client.sample("cdc_live") == 0
        assert client.sample("cdc_watermark_lag_batches", domain=DOMAIN, stream="cdc.erp") == 3
    client.until(lambda: client.get("/livez").status_code == 200)
    client.until(lambda: client.sample("cdc_watermark_lag_batches", domain=DOMAIN, stream="cdc.erp") == 0)

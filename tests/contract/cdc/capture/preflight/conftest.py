"""The demo's two databases on the session's throw-away servers, with tables, rows and the DBA's script."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from compose.local.throwaway_source import throwaway_sources
from compose.simulator.install import install
from tests.contract.cdc.capture.preflight.asked import run_mariadb, run_postgresql

# Settings that take a start of the server, all of them at once.
_BAD = {
    "mes": {
        "wal_level": "replica",
        "max_replication_slots": "1",
        "max_wal_senders": "0",
        "max_slot_wal_keep_size": "-1",
    },
    "erp": {"skip-log-bin": "1"},
}
_ZONE = "Europe/Berlin"


@pytest.fixture(scope="package")
def installed(servers: dict[str, str]) -> Iterator[dict[str, str]]:
    """Variables of the session's servers, with the demo's databases in them; whoever comes later finds them empty."""
    install(servers, lambda _line: None)
    tables = subprocess.run(
        ("mariadb-tzinfo-to-sql", f"/usr/share/zoneinfo/{_ZONE}", _ZONE), capture_output=True, check=True, text=True
    )
    with run_mariadb(servers, "mysql") as run:
        run([tables.stdout])
    yield servers
    with run_mariadb(servers) as run:
        run(["DROP DATABASE erp", "CREATE DATABASE erp CHARACTER SET gbk COLLATE gbk_chinese_ci"])
        run(["GRANT ALL ON erp.* TO app_owner@'%'", "DROP USER cdc_capture@'%'"])
    with run_postgresql(servers) as run:
        run(["DROP PUBLICATION IF EXISTS cdc", "DROP SCHEMA public CASCADE", "DROP OWNED BY cdc_capture"])
        run(["CREATE SCHEMA public AUTHORIZATION pg_database_owner", "GRANT USAGE ON SCHEMA public TO PUBLIC"])
        run(["DROP ROLE cdc_capture"])


@pytest.fixture(scope="package")
def bad() -> Iterator[dict[str, str]]:
    """Variables of two servers that are set up as no source may be; there is nothing in them."""
    with throwaway_sources(**_BAD) as env:
        with run_postgresql(env) as run:
            run(["SELECT pg_create_physical_replication_slot('taken')"])
        yield env

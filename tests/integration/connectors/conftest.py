"""Two small sources of their own on the session's stack: `books` (MariaDB) and `plant` (PostgreSQL)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest
from kafka.admin import KafkaAdminClient

from cdc import access
from cdc.capture.connect import Connect
from cdc.stream.envelope import READER_SUFFIX
from compose.local.env import process_environment
from compose.local.stack import Stack
from tests.integration.connectors.deployment import SOURCES, Sources
from tests.integration.service import connect as connect_postgresql


@pytest.fixture
def sources(stack: Stack, tmp_path: Path) -> Iterator[Sources]:
    """Fresh databases and connector files; connectors, topics and slot are gone before and after."""
    env = process_environment({**stack.env, "CDC_CONFIG": str(tmp_path / "cdc.yaml")})
    with _mariadb(env) as mariadb, connect_postgresql(env, "MES", "DBA_") as mes:
        _clear(env)
        mes.execute("DROP DATABASE IF EXISTS plant WITH (FORCE)")
        mes.execute("CREATE DATABASE plant")
        with connect_postgresql({**env, "CDC_MES_DATABASE": "plant"}, "MES", "DBA_") as plant:
            deployment = Sources(tmp_path, env, mariadb, plant)
            deployment.make()
            yield deployment
        _clear(env)
        mes.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = 'plant'")


def _mariadb(env: dict[str, str]) -> pymysql.Connection:
    return pymysql.connect(
        host="127.0.0.1",
        port=int(env["CDC_ERP_PORT"]),
        user=env["CDC_ERP_DBA_USER"],
        password=env["CDC_ERP_DBA_PASSWORD"],
        autocommit=True,
    )


def _clear(env: dict[str, str]) -> None:
    """Remove connectors with their offsets and topics: the names are used again by the next test."""
    with Connect(access.Connect(env["CDC_CONNECT_URL"])) as connect:
        names = [name + suffix for name in SOURCES for suffix in (READER_SUFFIX, "")]
        for name in names:
            if connect.config(name) is not None:
                connect.remove(name)
    admin = KafkaAdminClient(bootstrap_servers=env["CDC_KAFKA"])
    topics = [topic for topic in admin.list_topics() if topic.rpartition(".")[2] in names]
    if topics:
        admin.delete_topics(topics)
    admin.close()

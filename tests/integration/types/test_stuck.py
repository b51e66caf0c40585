"""What costs a connector its life, or its snapshot the truth, and how it is set right."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compose.local import connect as connect_worker
from compose.local.env import process_environment
from compose.local.stack import Stack
from tests.integration.service import Deployment, connect, eventually
from tests.integration.types.conftest import administer
from tests.integration.types.deployment import make, write
from tests.integration.types.world import MariaDb, PostgreSql

pytestmark = pytest.mark.slow


@pytest.fixture
def env(stack: Stack, tmp_path: Path) -> dict[str, str]:
    """Variables of a deployment with a target database of its own."""
    own = {"CDC_CONFIG": str(tmp_path / "cdc.yaml"), "CDC_TARGET_DATABASE": "stuck"}
    env = process_environment(stack.env | own)
    administer(env, "TARGET", "DROP DATABASE IF EXISTS stuck WITH (FORCE)", "CREATE DATABASE stuck OWNER cdc")
    return env


@pytest.fixture
def plant(env: dict[str, str]) -> Iterator[PostgreSql]:
    """An empty PostgreSQL source."""
    administer(env, "MES", "DROP DATABASE IF EXISTS pgstuck WITH (FORCE)", "CREATE DATABASE pgstuck")
    with connect({**env, "CDC_MES_DATABASE": "pgstuck"}, "MES", "DBA_") as connection:
        yield PostgreSql(connection)


@pytest.fixture
def berlin(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kafka Connect in a time zone with summer time, as it may be found."""
    command: Callable[..., tuple[str, ...]] = connect_worker.java_command
    in_berlin = "-Duser.timezone=Europe/Berlin"

    def moved(*arguments: object) -> tuple[str, ...]:
        return tuple(in_berlin if "user.timezone" in part else part for part in command(*arguments))

    monkeypatch.setattr(connect_worker, "java_command", moved)
    stack.stop(["connect"])
    stack.start(["connect"])
    yield
    monkeypatch.undo()
    stack.stop(["connect"])
    stack.start(["connect"])


def test_a_column_that_stops_the_connector_is_left_out_and_the_rest_goes_on(
    env: dict[str, str], plant: PostgreSql, tmp_path: Path
) -> None:
    plant.run(
        "CREATE TABLE lot (id int PRIMARY KEY, sizes numeric[], day date)",
        "ALTER TABLE lot REPLICA IDENTITY FULL",
        "CREATE PUBLICATION cdc FOR TABLE lot",
        "INSERT INTO lot VALUES (1, '{1.5}', 'infinity')",
    )
    deployment = make(tmp_path, env, {"pgstuck": ["public.lot"]})
    deployment.cdc("connectors", "apply")
    deployment.cdc("target", "apply")
    with deployment.running(), deployment.target() as target:
        eventually(target, "SELECT id, sizes::text FROM pgstuck.lot", [(1, "{1.5}")])
    plant.run("INSERT INTO lot VALUES (2, '{NaN}', '0044-03-15 BC')")
    _await_failure(deployment)
    write(deployment, "pgstuck", ["{table: public.lot, without: [sizes]}"])
    assert "SRC-105" in deployment.cdc("connectors", "apply", exit_code=1)
    deployment.cdc("source", "contract", "pgstuck")
    assert "TGT-116" in deployment.cdc("connectors", "apply", exit_code=1)
    assert "drop column pgstuck.lot.sizes" in deployment.cdc("target", "apply")
    deployment.cdc("connectors", "apply")
    with deployment.running(), deployment.target() as target:
        wanted = [(1, "infinity"), (2, "0044-03-15 BC")]
        eventually(target, "SELECT id, day::text FROM pgstuck.lot ORDER BY id", wanted)


def _await_failure(deployment: Deployment) -> None:
    deadline = time.monotonic() + 60
    while deployment.exit_code("connectors", "status") == 0:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert "Failed to properly convert data value" in deployment.cdc("connectors", "status", exit_code=4)


def test_times_of_mariadb_are_right_whatever_the_time_zone_of_java(
    env: dict[str, str], berlin: None, tmp_path: Path
) -> None:
    source = MariaDb(env, "mystuck")
    source.run(
        "CREATE TABLE lot (id int PRIMARY KEY, made timestamp(6) NULL, shipped datetime)",
        "INSERT INTO lot VALUES (1, '2024-03-31 02:30:00.123457', '2024-12-31 23:59:59')",
        "INSERT INTO lot VALUES (2, '2024-10-27 00:30:00', '2024-10-27 02:30:00')",
    )
    deployment = make(tmp_path, env, {"mystuck": ["lot"]})
    deployment.cdc("connectors", "apply")
    deployment.cdc("target", "apply")
    with deployment.running(), deployment.target() as target:
        eventually(target, "SELECT count(*) FROM mystuck.lot", [(2,)])
        source.run("INSERT INTO lot SELECT id + 2, made, shipped FROM lot")
        query = "SELECT id, (made AT TIME ZONE 'UTC')::text, shipped::text FROM mystuck.lot ORDER BY id"
        rows = [("2024-03-31 02:30:00.123457", "2024-12-31 23:59:59"), ("2024-10-27 00:30:00", "2024-10-27 02:30:00")]
        eventually(target, query, [(number, *row) for number, row in enumerate(rows * 2, start=1)])

"""A deployment of two sources that exist as streams only; topics, group and target database are each test's own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from compose.local.env import process_environment
from compose.local.stack import Stack
from tests.integration.service import Deployment, connect, settings
from tests.integration.stream_faults.source import Source
from transforms.load import PACKAGED

HERE = Path(__file__).parent
NAMES = ("north", "south")
SETTINGS = settings("""\
land: {group: "${env:CDC_GROUP}", batch_rows: 20}
observe:
  land_port: "${env:CDC_PORT_LAND}"
  derive_port: "${env:CDC_PORT_DERIVE}"
  watch_port: "${env:CDC_PORT_WATCH}"
""")


@pytest.fixture(scope="package")
def prepared(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The deployment, and the target database that each test gets a copy of."""
    folder = tmp_path_factory.mktemp("stream-faults")
    for name in NAMES:
        _write_source(folder / "connector-configs", name)
    shutil.copytree(HERE / "dictionary", folder / "dictionary")
    shutil.copy(PACKAGED / "errors.yaml", folder / "dictionary")
    (folder / "cdc.yaml").write_text(SETTINGS)
    own = {"CDC_CONFIG": str(folder / "cdc.yaml"), "CDC_TARGET_DATABASE": "faultless", "CDC_GROUP": "none"}
    # Several workers of one machine; a test that scrapes gives them ports of their own.
    own |= {f"CDC_PORT_{worker}": "0" for worker in ("LAND", "DERIVE", "WATCH")}
    env = process_environment(stack.env | own)
    _administer(env, "DROP DATABASE IF EXISTS faultless", "CREATE DATABASE faultless OWNER cdc")
    deployment = Deployment(folder, env)
    deployment.cdc("target", "apply")
    yield deployment
    _administer(env, "DROP DATABASE faultless")


@pytest.fixture
def sources(prepared: Deployment) -> dict[str, Source]:
    """The two sources, their topics made anew."""
    sources = {name: Source(name, prepared.env["CDC_KAFKA"]) for name in NAMES}
    for source in sources.values():
        source.make_topic()
    return sources


@pytest.fixture
def north(sources: dict[str, Source]) -> Source:
    """One of them."""
    return sources["north"]


@pytest.fixture
def south(sources: dict[str, Source]) -> Source:
    """The other one."""
    return sources["south"]


@pytest.fixture
def deployment(prepared: Deployment, sources: dict[str, Source], tmp_path: Path) -> Iterator[Deployment]:
    """The deployment with a fresh target; a group of its own, because a killed member stays in one for a while."""
    env = {**prepared.env, "CDC_TARGET_DATABASE": "faults", "CDC_GROUP": tmp_path.name}
    _administer(env, "DROP DATABASE IF EXISTS faults", "CREATE DATABASE faults TEMPLATE faultless OWNER cdc")
    yield Deployment(tmp_path, env)
    _administer(env, "DROP DATABASE faults WITH (FORCE)")


@pytest.fixture
def target(deployment: Deployment) -> Iterator[psycopg.Connection]:
    """A connection to the target."""
    with deployment.target() as connection:
        yield connection


def _write_source(configs: Path, name: str) -> None:
    contracts = configs / "contracts" / name
    contracts.mkdir(parents=True)
    shutil.copy(HERE / "north.yaml", configs / f"{name}.yaml")
    for file in ("item.yaml", "scroll.yaml"):
        (contracts / file).write_text((HERE / file).read_text().replace("north", name))


def _administer(env: dict[str, str], *statements: str) -> None:
    with connect({**env, "CDC_TARGET_DATABASE": "postgres"}, "TARGET", "ADMIN_") as connection:
        for statement in statements:
            connection.execute(statement)

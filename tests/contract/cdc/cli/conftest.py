"""The command line against a real target: settings for the throw-away server, and `cdc` run in this process."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cdc.cli.main import execute
from cdc.config import Target
from cdc.observe import log
from compose.local.env import REPO
from compose.local.postgres import PostgresServer
from tests.contract.cdc.cli.deployment import Deployment, held
from tests.contract.cdc.cli.small import FILES, SOURCE
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import CONTRACTS, item
from tests.contract.cdc.test_derive_worker import Worker, wait_until
from tests.unit.cdc.stream.wire import PostgresWire
from transforms.load import PACKAGED

SETTINGS = """\
target: {{host: {host}, port: {port}, database: {database}, user: {user}, password: "${{env:TARGET_PASSWORD}}"}}
kafka: {{bootstrap: "127.0.0.1:9"}}
connect: {{url: "http://127.0.0.1:9"}}
approval: {{required: false}}
folders: {{connector_configs: {connector_configs}}}
"""


@dataclass(frozen=True)
class Outcome:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[list[str]]:
        """Standard output as a pipe gets it: fields of lines."""
        return [line.split("\t") for line in self.out.splitlines()]


Cdc = Callable[..., Outcome]


@pytest.fixture
def config(target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file for the throw-away target, with the repository's connector files; nothing else is reachable."""
    path = tmp_path / "cdc.yaml"
    path.write_text(
        SETTINGS.format(
            host=target.host,
            port=target.port,
            database=target.database,
            user=target.user,
            connector_configs=REPO / "connector-configs",
        )
    )
    monkeypatch.setenv("TARGET_PASSWORD", target.password.reveal())
    monkeypatch.setenv("CDC_CONFIG", str(path))
    for source in ("ERP", "MES"):
        for name, value in {"HOST": "127.0.0.1", "PORT": "9", "USER": "nobody", "PASSWORD": "secret-of-source"}.items():
            monkeypatch.setenv(f"CDC_{source}_{name}", value)
    return path


@pytest.fixture
def cdc(config: Path, capfd: pytest.CaptureFixture[str]) -> Cdc:
    """Run a command with these settings."""

    def run(*arguments: str) -> Outcome:
        capfd.readouterr()
        code = execute(arguments)
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def dictionary(config: Path, tmp_path: Path) -> Path:
    """A copy of the packaged dictionary that a test may edit; the settings name it."""
    folder = tmp_path / "dictionary"
    shutil.copytree(PACKAGED, folder)
    config.write_text(config.read_text().replace("folders: {", f"folders: {{dictionary: {folder}, "))
    return folder


@pytest.fixture
def sealing(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings with a master key, for all that are made of them."""
    monkeypatch.setenv("MASTER", "master" * 6)
    config.write_text(config.read_text() + 'protection: {keys: {m1: "${env:MASTER}"}, current: m1}\n')


@pytest.fixture
def deployed(config: Path, dictionary: Path, target_dsn: str) -> Iterator[Deployment]:
    log.configure("error")  # the worker is a thread here, and writes where commands do
    deployed = Deployment(config, dictionary, target_dsn)
    yield deployed
    for each in Worker.running:
        each.end(deployed.sources)
    Worker.running.clear()
    deployed.sources.connection.close()


@pytest.fixture
def running(deployed: Deployment) -> Deployment:
    """The same, with a worker that has derived it."""
    Worker(deployed.settings)
    wait_until(lambda: deployed.parties() == [("C1", None)] and held(deployed) == [("2", "COD-201")])
    return deployed


@pytest.fixture
def small(target_dsn: str, config: Path, tmp_path: Path) -> Iterator[Stage]:
    """A row of `src.item` that was inserted and updated, landed; the settings name source and dictionary."""
    folder = tmp_path / "connector-configs"
    folder.mkdir()
    (folder / "src.yaml").write_text(SOURCE)
    for name, text in FILES.items():
        path = tmp_path / "dictionary" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    text = config.read_text().replace(str(REPO / "connector-configs"), str(folder))
    config.write_text(text.replace("folders: {", f"folders: {{dictionary: {tmp_path / 'dictionary'}, "))
    wire = PostgresWire()
    wire.begin()
    wire.insert("item", "id", item(1, "first"))
    wire.end()
    wire.begin()
    wire.update("item", "id", item(1, "second"))
    wire.end()
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        stage.land_units(wire.records, lambda: True)
        yield stage


@pytest.fixture
def landed(target_dsn: str, config: Path) -> Iterator[Stage]:
    """Five rows of `src.item`, each inserted by a transaction of its own, a batch each."""
    wire = PostgresWire()
    for number in range(5):
        wire.begin()
        wire.insert("item", "id", item(number))
        wire.end()
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        stage.land_units(wire.records, lambda: True)
        yield stage


@pytest.fixture
def persons(cdc: Cdc, config: Path, target_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, Cdc]:
    """Two persons, each with a login of his own at the target; both may do what the service's role may.

    Their settings are otherwise those of the test, as they are when somebody runs a command.
    """

    def run(name: str, *words: str) -> Outcome:
        path = config.parent / f"{name}.yaml"
        path.write_text(
            config.read_text()
            .replace(f"user: {target_server.owner.user}", f"user: {name}")
            .replace("env:TARGET_PASSWORD", f"env:PASSWORD_OF_{name.upper()}")
        )
        return cdc("--config", str(path), *words)

    with psycopg.connect(target_server.dsn(target_server.superuser), autocommit=True) as connection:
        for name in ("alice", "bob"):
            if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,)).rowcount:
                owner = target_server.owner.user
                connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{name}' IN ROLE {owner}".encode())
            monkeypatch.setenv(f"PASSWORD_OF_{name.upper()}", name)
    return {name: partial(run, name) for name in ("alice", "bob")}

"""A deployment of one source, the MES with its table of lots, beside a broker and a target of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from compose.local.databases import target_server
from compose.local.env import REPO, environment, ports_from, process_environment
from compose.local.kafka import Broker
from compose.local.postgres import Account, PostgresServer
from compose.local.service import bring_up
from tests.bench.lots.dictionary import write_dictionary

_SETTINGS = """\
target: {{host: 127.0.0.1, port: {port}, database: {database}, user: cdc, password: "${{env:CDC_TARGET_PASSWORD}}"}}
kafka: {{bootstrap: "${{env:CDC_KAFKA}}"}}
connect: {{url: "${{env:CDC_CONNECT_URL}}"}}
folders: {{connector_configs: connector-configs, dictionary: dictionary}}
approval: {{required: false}}
land: {{group: {database}}}
log: {{level: info}}
"""
_SOURCE = """\
kind: postgresql
host: 127.0.0.1
port: 9
database: mes
user: nobody
password: ${env:CDC_TARGET_PASSWORD}
state: stopped
tables: [public.mes_lot]
"""

DURABLE = {"fsync": "on", "full_page_writes": "on"}
"""Settings that every server in the field has; those of the demo leave them out."""
DURABLE_HELP = "with a target whose data survive a power cut (fsync, full_page_writes), which the demo's do not"


@dataclass(frozen=True, slots=True)
class Plant:
    """Broker and target, running; `local` is where their data are."""

    local: Path
    env: Mapping[str, str]
    target: PostgresServer

    def deployment(self, name: str) -> Deployment:
        """Make a deployment with a target database of its own."""
        with psycopg.connect(self.target.dsn(self.target.superuser), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER cdc".encode())
        folder = self.local / name
        _write_configs(folder)
        (folder / "cdc.yaml").write_text(_SETTINGS.format(port=self.target.port, database=name))
        deployment = Deployment(folder, name, {**self.env, "CDC_CONFIG": str(folder / "cdc.yaml")}, self.target)
        deployment.run("target", "apply")
        return deployment


@dataclass(frozen=True, slots=True)
class Deployment:
    """Settings, connector file, contract and dictionary; its workers run as processes."""

    folder: Path
    database: str
    env: Mapping[str, str]
    server: PostgresServer

    def run(self, *words: str) -> None:
        """Run a command of the service to its end."""
        subprocess.run(self._command(words), env=process_environment(self.env), check=True, stdout=subprocess.DEVNULL)

    @contextlib.contextmanager
    def worker(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a worker for as long as the block."""
        with (self.folder / f"{words[0]}.log").open("ab") as log:
            process = subprocess.Popen(self._command(words), env=process_environment(self.env), stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)

    def connect(self) -> psycopg.Connection:
        """Connect to the target's database."""
        return self._connect_as(self.server.owner)

    def connect_as_superuser(self) -> psycopg.Connection:
        """Connect to the target's database with all rights."""
        return self._connect_as(self.server.superuser)

    def _connect_as(self, account: Account) -> psycopg.Connection:
        dsn = replace(self.server, database=self.database).dsn(account)
        return psycopg.connect(dsn, autocommit=True)

    def _command(self, words: tuple[str, ...]) -> tuple[str, ...]:
        wrapper = os.environ.get(f"BENCH_WRAP_{words[0].upper()}", "").split()
        return (*wrapper, sys.executable, "-m", "cdc", *words)


@contextlib.contextmanager
def plant(base_port: int = 28000, **settings: str) -> Iterator[Plant]:
    """Start a broker and a target, empty; stop them and remove their data at the end. `settings` are the target's."""
    local = REPO / ".local" / "bench"
    jars = {"CDC_JARS": os.environ["CDC_JARS"]} if "CDC_JARS" in os.environ else {}
    env = environment({"CDC_LOCAL": str(local), **jars, **ports_from(base_port)})
    broker = Broker(local, Path(env["CDC_JARS"]), int(env["CDC_PORT_KAFKA"]), int(env["CDC_PORT_CONTROLLER"]), env)
    target = replace(target_server(env), settings=settings)
    _stop(broker, target)
    shutil.rmtree(local, ignore_errors=True)
    try:
        for service in (broker, target):
            bring_up(service, 60, threading.Event())
        yield Plant(local, env, target)
    finally:
        _stop(broker, target)
        shutil.rmtree(local, ignore_errors=True)


def _stop(*services: Broker | PostgresServer) -> None:
    for service in services:
        service.daemon().stop()


def _write_configs(folder: Path) -> None:
    contracts = folder / "connector-configs" / "contracts" / "mes"
    contracts.mkdir(parents=True)
    (folder / "connector-configs" / "mes.yaml").write_text(_SOURCE)
    shutil.copy(REPO / "connector-configs" / "contracts" / "mes" / "mes_lot.yaml", contracts)
    write_dictionary(folder / "dictionary")

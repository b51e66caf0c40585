"""A throw-away PostgreSQL target for tests that need nothing else of the stack."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from cdc.config import Target
from cdc.reference import Secret
from compose.local.postgres import PostgresServer
from compose.local.throwaway import DISK, throwaway_target
from tests.contract.databases import Databases

MEMORY = Path("/dev/shm")
ROOMY = 4 << 30  # two servers may be up, each with some hundred MiB of data and up to a GiB of log


@pytest.fixture(scope="session")
def target_server() -> Iterator[PostgresServer]:
    """The server of this session, in memory where there is plenty: it makes and drops databases by hundreds."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOMY
    with throwaway_target(MEMORY / f"cdc-throwaway-{os.getuid()}" if roomy else DISK) as server:
        yield server


@pytest.fixture(scope="session")
def databases(target_server: PostgresServer) -> Iterator[Databases]:
    """The databases of that server."""
    with psycopg.connect(target_server.dsn(target_server.superuser), autocommit=True) as administrator:
        yield Databases(target_server, administrator)


@pytest.fixture(scope="module")
def module_dsn(databases: Databases, request: pytest.FixtureRequest) -> Iterator[str]:
    """Connection string of the owner of a database that was empty before the tests of this module, which share it."""
    name = f"{_name(request)}_shared"
    yield databases.empty(name)
    databases.drop(name)


@pytest.fixture
def target_dsn(databases: Databases, request: pytest.FixtureRequest) -> Iterator[str]:
    """Connection string of the owner of a database with all migrations applied, which is this test's own."""
    name = _name(request)
    yield databases.migrated(name)
    databases.drop(name)


@pytest.fixture
def make_target_anew(databases: Databases, target_dsn: str) -> Callable[[], None]:
    """Make the database of `target_dsn` once more, for a test that begins again. Its sessions are cut off."""

    def make() -> None:
        databases.migrated(_parts(target_dsn)["dbname"])

    return make


@pytest.fixture
def empty_target(databases: Databases, target_dsn: str) -> None:
    """Nothing is in the database of `target_dsn`: for a test that makes a target, or that has to miss one."""
    databases.empty(_parts(target_dsn)["dbname"])


@pytest.fixture
def target(target_dsn: str) -> Target:
    """The database of `target_dsn` as settings describe it."""
    parts = _parts(target_dsn)
    return Target(
        host=parts["host"],
        port=int(parts["port"]),
        database=parts["dbname"],
        user=parts["user"],
        password=Secret(parts["password"]),
    )


def _name(request: pytest.FixtureRequest) -> str:
    return request.module.__name__.removeprefix("tests.contract.").replace(".", "_")


def _parts(dsn: str) -> dict[str, str]:
    return {name: str(value) for name, value in conninfo.conninfo_to_dict(dsn).items()}

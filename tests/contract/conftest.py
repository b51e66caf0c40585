"""A throw-away PostgreSQL target for tests that need nothing else of the stack."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import conninfo, sql

from cdc.config import Target
from cdc.reference import Secret
from compose.local.postgres import PostgresServer
from compose.local.throwaway import throwaway_target


@pytest.fixture(scope="session")
def target_server() -> Iterator[PostgresServer]:
    """The server of this session."""
    with throwaway_target() as server:
        yield server


@pytest.fixture(scope="module")
def target_dsn(target_server: PostgresServer, request: pytest.FixtureRequest) -> str:
    """Connection string of the owner of an empty database; it is this module's own, so that order does not matter."""
    name = request.module.__name__.removeprefix("tests.contract.").replace(".", "_")
    server = dataclasses.replace(target_server, database=name)
    statement = sql.SQL("CREATE DATABASE {} OWNER {}")
    with psycopg.connect(target_server.dsn(target_server.superuser), autocommit=True) as connection:
        connection.execute(statement.format(sql.Identifier(server.database), sql.Identifier(server.owner.user)))
    return server.dsn(server.owner)


@pytest.fixture
def target(target_dsn: str) -> Target:
    """The same database as settings describe it, emptied: no schema but `public`, no table in it."""
    with psycopg.connect(target_dsn) as connection:
        rows = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$'")
        for (name,) in rows.fetchall():
            if name != "public":
                connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))
        for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
            connection.execute(sql.SQL("DROP TABLE public.{} CASCADE").format(sql.Identifier(name)))
    parts = conninfo.conninfo_to_dict(target_dsn)
    return Target(
        host=str(parts["host"]),
        port=int(str(parts["port"])),
        database=str(parts["dbname"]),
        user=str(parts["user"]),
        password=Secret(str(parts["password"])),
    )

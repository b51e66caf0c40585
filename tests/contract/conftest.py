"""A throw-away PostgreSQL target for tests that need nothing else of the stack."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import conninfo, sql

from cdc.config import Target
from cdc.reference import Secret
from compose.local.throwaway import throwaway_target


@pytest.fixture(scope="session")
def target_dsn() -> Iterator[str]:
    """Connection string of the owner of an empty database; the server is this session's own."""
    with throwaway_target() as dsn:
        yield dsn


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

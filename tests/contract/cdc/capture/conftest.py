"""Live MariaDB and PostgreSQL sources for the catalogue readers, and a source description that points at them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pymysql
import pytest

from cdc.capture.source import Source, SourceTable
from compose.local.throwaway_source import throwaway_sources


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, str]]:
    """Variables of two servers that are this session's own."""
    with throwaway_sources() as env:
        yield env


@pytest.fixture
def mariadb(servers: dict[str, str]) -> Iterator[Callable[[str], None]]:
    """Run statements in an empty database `quirks`, as its administrator."""
    with pymysql.connect(
        host="127.0.0.1",
        port=int(servers["CDC_PORT_ERP"]),
        user=servers["CDC_ERP_DBA_USER"],
        password=servers["CDC_ERP_DBA_PASSWORD"],
        charset="utf8mb4",
        autocommit=True,
    ) as connection:

        def run(script: str) -> None:
            with connection.cursor() as cursor:
                for statement in filter(str.strip, script.split(";")):
                    cursor.execute(statement)

        run("DROP DATABASE IF EXISTS quirks; CREATE DATABASE quirks CHARACTER SET utf8mb4; USE quirks")
        yield run


@pytest.fixture
def postgresql(servers: dict[str, str]) -> Iterator[Callable[[str], None]]:
    """Run statements in an empty schema `quirks` of database `mes`, as a superuser; publication cdc is gone."""
    with psycopg.connect(
        host="127.0.0.1",
        port=servers["CDC_PORT_MES"],
        user=servers["CDC_MES_DBA_USER"],
        password=servers["CDC_MES_DBA_PASSWORD"],
        dbname="mes",
        autocommit=True,
    ) as connection:
        connection.execute("SET client_min_messages = error")

        def run(script: str) -> None:
            connection.execute(script.encode())

        run("DROP PUBLICATION IF EXISTS cdc; DROP SCHEMA IF EXISTS quirks CASCADE; CREATE SCHEMA quirks")
        run("SET search_path = quirks")
        yield run


@pytest.fixture
def mariadb_source() -> Callable[..., Source]:
    """Describe tables of database `quirks`; a name, a name with its declared key, or a name with what is left out."""
    return lambda *tables, **changes: _source("mariadb", "ERP", "quirks", tables, changes)


@pytest.fixture
def postgresql_source() -> Callable[..., Source]:
    """Describe tables of schema `quirks`; a name, a name with its declared key, or a name with what is left out."""
    return lambda *tables, **changes: _source("postgresql", "MES", "mes", tables, changes)


def _source(
    kind: str,
    prefix: str,
    database: str,
    tables: tuple[str | tuple[str, tuple[str, ...]] | tuple[str, tuple[str, ...], tuple[str, ...]], ...],
    changes: dict[str, str],
) -> Source:
    schema = "quirks" if kind == "postgresql" else ""
    named = [(table,) if isinstance(table, str) else table for table in tables]
    values = {
        "host": "127.0.0.1",
        "port": f"${{env:CDC_PORT_{prefix}}}",
        "database": database,
        "user": f"${{env:CDC_{prefix}_DBA_USER}}",
        "password": f"${{env:CDC_{prefix}_DBA_PASSWORD}}",
        **changes,
    }
    described = tuple(SourceTable(schema, *parts) for parts in named)
    values.setdefault("zero_dates", "as_null" if kind == "mariadb" else "")
    return Source("legacy", kind, **values, state="running", tables=described)

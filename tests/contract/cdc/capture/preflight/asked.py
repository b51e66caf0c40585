"""Administrators of the throw-away servers, and preflight of the demo's sources in them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import psycopg
import pymysql
from pymysql.constants import CLIENT

from cdc.capture.login import login_of
from cdc.capture.preflight import binlog, postgresql
from cdc.capture.preflight.finding import Report
from cdc.capture.preflight.limits import Limits
from cdc.capture.source import Source, load_sources
from compose.local.env import REPO

Run = Callable[[Sequence[str]], None]
LIMITS = Limits(wait_s=0.3)
SOURCES = load_sources(REPO / "connector-configs")


@contextmanager
def run_postgresql(env: Mapping[str, str], database: str = "mes") -> Iterator[Run]:
    """Run statements as a superuser."""
    with psycopg.connect(
        host="127.0.0.1",
        port=env["CDC_PORT_MES"],
        user=env["CDC_MES_DBA_USER"],
        password=env["CDC_MES_DBA_PASSWORD"],
        dbname=database,
        autocommit=True,
    ) as connection:
        connection.execute("SET client_min_messages = error")

        def run(statements: Sequence[str]) -> None:
            for statement in statements:
                connection.execute(statement.encode())

        yield run


@contextmanager
def run_mariadb(env: Mapping[str, str], database: str = "erp") -> Iterator[Run]:
    """Run statements, or scripts of them, as an administrator."""
    with pymysql.connect(
        host="127.0.0.1",
        port=int(env["CDC_PORT_ERP"]),
        user=env["CDC_ERP_DBA_USER"],
        password=env["CDC_ERP_DBA_PASSWORD"],
        database=database,
        client_flag=CLIENT.MULTI_STATEMENTS,
        charset="utf8mb4",
        autocommit=True,
    ) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SET sql_mode = ''")

        def run(statements: Sequence[str]) -> None:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                    while cursor.nextset():
                        pass

        yield run


def look(name: str, env: Mapping[str, str], clock_s: float = 0.0, rows: int = LIMITS.rows, **changes: str) -> Report:
    """Return what preflight says of the demo's source, described by its own file but for `changes`."""
    source: Source = dataclasses.replace(SOURCES[name], **changes)
    module = postgresql if source.kind == "postgresql" else binlog
    return module.preflight(
        source, login_of(source, env), dataclasses.replace(LIMITS, rows=rows), now=lambda: time.time() - clock_s
    )

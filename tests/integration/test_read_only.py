"""What the DBA's scripts grant lets nobody write to a source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg
import pymysql
import pytest

from compose.local.stack import Stack
from compose.simulator.database import MariaDb, PostgreSql
from compose.simulator.install import install
from compose.simulator.schema import SCHEMA_FILES, read_tables

MARIADB_DENIED = {1044, 1142, 1227, 1370}
"""https://mariadb.com/kb/en/mariadb-error-code-reference/: access denied to database, table, privilege, routine."""

Execute = Callable[[str], object]


@pytest.fixture(scope="module")
def applications(stack: Stack) -> Iterator[Stack]:
    install(stack.env, print)
    yield stack
    for source, connect in (("erp", MariaDb), ("mes", PostgreSql)):
        with closing(connect(stack.env)) as owner:
            for table in (name for name in read_tables() if name.startswith(source)):
                owner.execute(f"DROP TABLE {table.partition('.')[2]}")
            owner.commit()


def writes(table: str, column: str) -> list[str]:
    return [
        f"INSERT INTO {table} ({column}) VALUES (NULL)",
        f"UPDATE {table} SET {column} = {column}",
        f"DELETE FROM {table}",
        f"TRUNCATE {table}" if table.startswith("mes") else f"TRUNCATE TABLE {table}",
        f"DROP TABLE {table}",
        f"ALTER TABLE {table} ADD extra int",
        f"CREATE INDEX extra ON {table} ({column})",
        "CREATE TABLE extra (id int)",
    ]


def tables_of(source: str) -> list[tuple[str, str]]:
    return [
        (table.name, next(iter(table.columns))) for table in read_tables().values() if table.mirror.startswith(source)
    ]


def test_the_mes_cannot_be_written(applications: Stack) -> None:
    env = applications.env
    with psycopg.connect(
        host="127.0.0.1",
        port=int(env["CDC_PORT_MES"]),
        dbname=env["CDC_MES_DATABASE"],
        user=env["CDC_MES_USER"],
        password=env["CDC_MES_PASSWORD"],
        autocommit=True,
    ) as capture:
        for table, column in tables_of("mes"):
            assert capture.execute(f"SELECT count(*) FROM {table}").fetchone() is not None
            for statement in writes(table, column):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    capture.execute(statement)


def test_the_erp_cannot_be_written(applications: Stack) -> None:
    env = applications.env
    with (
        closing(
            pymysql.connect(
                host="127.0.0.1",
                port=int(env["CDC_PORT_ERP"]),
                database=env["CDC_ERP_DATABASE"],
                user=env["CDC_ERP_USER"],
                password=env["CDC_ERP_PASSWORD"],
            )
        ) as capture,
        capture.cursor() as cursor,
    ):
        for table, column in tables_of("erp"):
            assert cursor.execute(f"SELECT count(*) FROM {table}") == 1
            for statement in writes(table, column):
                with pytest.raises(pymysql.err.MySQLError) as refused:
                    cursor.execute(statement)
                assert refused.value.args[0] in MARIADB_DENIED, statement


def test_every_table_of_the_applications_was_tried() -> None:
    assert set(SCHEMA_FILES) == {"erp", "mes"}
    assert len(tables_of("erp")) > 10
    assert len(tables_of("mes")) > 5

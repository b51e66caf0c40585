"""The templates of what is landed, on live servers: script and connector file together give contracts, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import psycopg
import pymysql
import pytest

from cdc.capture.catalogue import read_contracts
from cdc.capture.encryption import Encryption
from cdc.capture.source import Source, read_source
from compose.local.env import REPO

Run = Callable[[str], None]

TEMPLATES = REPO / "connector-configs" / "templates"
PASSWORD = "it's for a test"
TABLES = ("part", "work_order", "work_order_line", "part_drawing", "secret_log")


def template(kind: str, servers: dict[str, str], **changes: str) -> Source:
    source = read_source(TEMPLATES / kind / "source.yaml").source
    assert source is not None
    assert all(table.name for table in source.tables)
    host = {"host": "127.0.0.1", "user": "cdc_capture", "password": "${env:TEMPLATE_PASSWORD}", **changes}
    port = servers["CDC_PORT_MES" if kind == "postgresql" else "CDC_PORT_ERP"]
    return replace(source, **host, port=port, tls=Encryption("disable"))


def script(kind: str) -> str:
    lines = (TEMPLATES / kind / "dba.sql").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("--"))


@pytest.fixture
def mes(servers: dict[str, str]) -> Iterator[Callable[..., Any]]:
    """Run a statement in a database of the template's name, as an administrator or as the template's role."""
    admin = {"user": servers["CDC_MES_DBA_USER"], "password": servers["CDC_MES_DBA_PASSWORD"]}
    place = {"host": "127.0.0.1", "port": servers["CDC_PORT_MES"], "dbname": "mes", "autocommit": True}

    def run(statement: str, **account: str) -> Any:
        with psycopg.connect(**place, **(account or admin)) as connection:  # type: ignore[arg-type]
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else None

    def clear() -> None:
        run("DROP PUBLICATION IF EXISTS cdc; DROP TABLE IF EXISTS " + ", ".join(f"public.{name}" for name in TABLES))

    clear()
    yield run
    clear()


def test_postgresql(mes: Callable[..., Any], servers: dict[str, str]) -> None:
    mes("""
        CREATE TABLE public.part (id int PRIMARY KEY, name text);
        CREATE TABLE public.work_order (no int PRIMARY KEY, part int);
        CREATE TABLE public.work_order_line (order_no int NOT NULL, line_no int NOT NULL, part int);
        CREATE UNIQUE INDEX ux_work_order_line ON public.work_order_line (order_no, line_no);
        CREATE TABLE public.part_drawing (id int PRIMARY KEY, geometry interval[], note text);
        CREATE TABLE public.secret_log (id int PRIMARY KEY)""")
    password = PASSWORD.replace("'", "''")
    for _ in range(2):  # it may be run again
        mes(f"SET capture.password = '{password}'; {script('postgresql')}")
    contracts = {
        one.table: one for one in read_contracts(template("postgresql", servers), {"TEMPLATE_PASSWORD": PASSWORD})
    }
    assert sorted(contracts) == sorted(TABLES[:-1])
    assert contracts["work_order_line"].key == ("order_no", "line_no")
    assert contracts["part_drawing"].without == ("geometry",)
    mes("INSERT INTO public.work_order_line VALUES (1, 1, 1); UPDATE public.work_order_line SET part = 2")
    account = {"user": "cdc_capture", "password": PASSWORD}
    for statement in ("SELECT * FROM public.secret_log", "DELETE FROM public.part", "CREATE TABLE public.mine (i int)"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            mes(statement, **account)


def test_mariadb(mariadb: Run, servers: dict[str, str]) -> None:
    mariadb("""
        DROP DATABASE IF EXISTS template; CREATE DATABASE template; USE template;
        CREATE TABLE item (id int PRIMARY KEY); CREATE TABLE sales_order (no int PRIMARY KEY);
        CREATE TABLE sales_order_line (no int, line int, PRIMARY KEY (no, line));
        CREATE TABLE stock (item_no int NOT NULL, place int NOT NULL, quantity decimal(10,2));
        CREATE DATABASE IF NOT EXISTS quirks; CREATE TABLE IF NOT EXISTS quirks.t (i int)""")
    account = "template_capture"  # its own: another test may have granted more to the usual one
    granted = script("mariadb").replace("`erp`", "`template`").replace("cdc_capture", account)
    for _ in range(2):
        mariadb(f"SET @capture_password = '{PASSWORD.replace(chr(39), chr(39) * 2)}'; {granted}")
    source = template("mariadb", servers, database="template", user=account)
    contracts = {one.table: one for one in read_contracts(source, {"TEMPLATE_PASSWORD": PASSWORD})}
    assert sorted(contracts) == ["item", "sales_order", "sales_order_line", "stock"]
    assert contracts["stock"].key_origin == "declared"
    connection = pymysql.connect(host="127.0.0.1", port=int(servers["CDC_PORT_ERP"]), user=account, password=PASSWORD)
    with closing(connection), connection.cursor() as cursor:
        for statement in ("DELETE FROM template.item", "SELECT * FROM quirks.t", "CREATE TABLE template.mine (i int)"):
            with pytest.raises(pymysql.err.OperationalError, match="denied"):
                cursor.execute(statement)
    mariadb(f"DROP DATABASE template; DROP USER {account}@'%'")

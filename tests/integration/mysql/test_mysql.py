"""A MySQL source from nothing to running mirrors, with the account and the rights that the template's script gives."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
from pymysql.constants import CLIENT

from cdc.capture.log_end import read_log_end
from cdc.capture.source import load_sources
from cdc.land.restored import require_not_restored
from compose.local.env import REPO
from tests.integration.service import NO_ENDPOINTS, Deployment, eventually, settings, write_no_dictionary
from tests.integration.types.conftest import administer

pytestmark = pytest.mark.slow

TABLES = """
CREATE TABLE customer (id int PRIMARY KEY, name varchar(40) NOT NULL, credit decimal(12,2), seen timestamp(3) NULL);
CREATE TABLE orders (
    id int PRIMARY KEY, customer int NOT NULL, note varchar(20) INVISIBLE DEFAULT 'new',
    total int GENERATED ALWAYS AS (id * 2) STORED,
    CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES customer (id) ON DELETE CASCADE ON UPDATE CASCADE);
SET SESSION sql_generate_invisible_primary_key = ON;
CREATE TABLE measured (value double);
SET SESSION sql_generate_invisible_primary_key = OFF;
CREATE TABLE remark (text varchar(20));
INSERT INTO customer VALUES (1, '导管', 1.50, '2026-01-02 03:04:05.678'), (2, 'b', NULL, NULL), (3, 'c', 0, NULL);
INSERT INTO orders (id, customer) VALUES (10, 1), (20, 2), (21, 2), (30, 3);
INSERT INTO measured VALUES (0.1), (1e22);
INSERT INTO remark VALUES ('same'), ('same');
"""
COLUMNS = {
    "customer": "id, name, credit",
    "orders": "id, customer, note",
    "measured": "my_row_id, value",
}
ACCOUNT = ("--user", "${env:CDC_ERP_USER}", "--password", "${env:CDC_ERP_PASSWORD}", "--tls", "mode=require")


@dataclass(frozen=True, slots=True)
class Shop:
    """The deployment, and the source's DBA."""

    deployment: Deployment
    connection: pymysql.Connection[Any]

    def run(self, script: str) -> None:
        """Run statements in the source, each a transaction of its own unless they say otherwise."""
        with self.connection.cursor() as cursor:
            cursor.execute(script)
            while cursor.nextset():
                pass

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """Return what a table holds."""
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT {COLUMNS[table]} FROM shop.{table} ORDER BY 1")
            return list(cursor.fetchall())

    def await_equality(self, target: psycopg.Connection) -> None:
        """Wait until each mirror is its table."""
        for table, columns in COLUMNS.items():
            eventually(target, f"SELECT {columns} FROM shop.{table} ORDER BY 1", self.rows(table))


@pytest.fixture
def shop(env: dict[str, str], tmp_path: Path) -> Iterator[Shop]:
    own = {**env, "CDC_CONFIG": str(tmp_path / "cdc.yaml"), "CDC_TARGET_DATABASE": "shop"}
    administer(own, "TARGET", "DROP DATABASE IF EXISTS shop WITH (FORCE)", "CREATE DATABASE shop OWNER cdc")
    (tmp_path / "cdc.yaml").write_text(settings("land: {group: shop}\n", NO_ENDPOINTS))
    write_no_dictionary(tmp_path)
    (tmp_path / "connector-configs").mkdir()
    with closing(_administrator(env)) as connection:
        made = Shop(Deployment(tmp_path, own), connection)
        made.run(f"DROP DATABASE IF EXISTS shop; CREATE DATABASE shop; USE shop; {TABLES}")
        made.run(f"SET @capture_password = '{env['CDC_ERP_PASSWORD']}'; {_template()}")
        yield made


def _administrator(env: Mapping[str, str]) -> pymysql.Connection[Any]:
    return pymysql.connect(
        host="127.0.0.1",
        port=int(env["CDC_ERP_PORT"]),
        user=env["CDC_ERP_DBA_USER"],
        password=env["CDC_ERP_DBA_PASSWORD"],
        charset="utf8mb4",
        autocommit=True,
        client_flag=CLIENT.MULTI_STATEMENTS,
    )


def _template() -> str:
    text = (REPO / "connector-configs" / "templates" / "mysql" / "dba.sql").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("--")).replace("`crm`", "`shop`")


@pytest.mark.timeout(900)  # a dozen commands, and all that lands
def test_a_database_is_taken_on_and_mirrored(shop: Shop, env: dict[str, str]) -> None:
    cdc = shop.deployment.cdc
    place = ("--host", "127.0.0.1", "--port", env["CDC_ERP_PORT"], "--database", "shop")
    told = json.loads(cdc("connectors", "init", "shop", "--kind", "mysql", *place, *ACCOUNT, "--json"))
    order = [table["table"] for table in told["tables"]]
    assert sorted(order) == ["customer", "measured", "orders", "remark"]
    assert order.index("customer") < order.index("orders")
    shop.run(_password(env) + _statements(cdc("connectors", "grants", "shop")))
    cdc("connectors", "lint")
    cdc("connectors", "preflight", "shop")
    cdc("source", "contract", "shop", "--check")
    cdc("connectors", "plan", "shop", exit_code=3)
    cdc("target", "apply")
    cdc("connectors", "apply", "shop")
    with shop.deployment.target() as target, shop.deployment.running():
        shop.await_equality(target)
        eventually(target, "SELECT text, _count FROM shop.remark", [("same", 2)])
        _change(shop)
        shop.await_equality(target)
        eventually(target, "SELECT text, _count FROM shop.remark ORDER BY 1", [("one", 1), ("same", 1)])
        # Gone with its customer: this server writes to its log what its foreign keys do.
        assert target.execute("SELECT customer FROM shop_deleted.orders WHERE id = 10").fetchall() == [(1,)]
        _truncate(shop, target)
        cdc("connectors", "restart", "shop")
        shop.run("INSERT INTO orders (id, customer) VALUES (60, 5)")
        shop.await_equality(target)
        _read_again(shop, target)
        assert "binlog." in cdc("connectors", "offsets", "show", "shop")
        assert [one["source"] for one in json.loads(cdc("connectors", "status", "shop", "--json"))] == ["shop"]
        assert target.execute("SELECT count(*) FROM cdc.refused").fetchone() == (0,)
        _look_at_the_end_of_the_log(shop)


def _change(shop: Shop) -> None:
    shop.run("""
        INSERT INTO customer VALUES (4, 'd', 4, NOW(3)), (5, 'e', 5, NULL);
        UPDATE customer SET credit = credit + 1, name = '🩺' WHERE id = 3;
        UPDATE customer SET id = 22 WHERE id = 2;
        BEGIN; INSERT INTO orders (id, customer, note) VALUES (40, 4, 'x'); UPDATE orders SET id = 41 WHERE id = 40;
        DELETE FROM customer WHERE id = 1; COMMIT;
        BEGIN; DELETE FROM customer WHERE id = 5; ROLLBACK;
        UPDATE measured SET value = -0.5 WHERE value > 1;
        DELETE FROM remark LIMIT 1; INSERT INTO remark VALUES ('one');
        FLUSH PRIVILEGES; ANALYZE TABLE customer; CREATE TABLE other (id int PRIMARY KEY, j json);
        CREATE TABLE copied AS SELECT * FROM customer; ALTER TABLE other ADD v vector(3); DROP TABLE other;
        CREATE LIBRARY counting LANGUAGE JAVASCRIPT AS 'export function one() { return 1; }';
        CREATE MATERIALIZED VIEW seen AS SELECT 1; CREATE JSON DUALITY VIEW names AS
            SELECT JSON_DUALITY_OBJECT('_id': id, 'name': name) FROM customer;
        CREATE EVENT later ON SCHEDULE AT NOW() + INTERVAL 1 YEAR DO DELETE FROM other;
        ALTER TABLE customer ADD city varchar(20) NOT NULL DEFAULT 'somewhere';
        INSERT INTO customer VALUES (6, 'f', 6, NULL, 'elsewhere')""")


def _truncate(shop: Shop, target: psycopg.Connection) -> None:
    shop.run("TRUNCATE TABLE measured")
    shop.await_equality(target)
    shop.run("INSERT INTO measured VALUES (7); TRUNCATE TABLE measured; INSERT INTO measured VALUES (8), (9)")
    shop.await_equality(target)
    cities = "SELECT id, city FROM shop.customer ORDER BY 1"
    eventually(
        target, cities, [(3, "somewhere"), (4, "somewhere"), (5, "somewhere"), (6, "elsewhere"), (22, "somewhere")]
    )


def _read_again(shop: Shop, target: psycopg.Connection) -> None:
    told = shop.deployment.cdc("connectors", "snapshot", "shop", "orders", "--watch")
    assert "read: shop.orders" in told
    shop.run("UPDATE orders SET note = 'last' WHERE id = 60")
    shop.await_equality(target)


def _look_at_the_end_of_the_log(shop: Shop) -> None:
    source = load_sources(shop.deployment.folder / "connector-configs")["shop"]
    before = read_log_end(source, shop.deployment.env)
    shop.run("DELETE FROM remark")
    after = read_log_end(source, shop.deployment.env)
    assert [after[name] - mark for name, mark in before.items()] == [1]
    require_not_restored("cdc.shop", before, after)


def _password(env: Mapping[str, str]) -> str:
    return f"SET @capture_password = '{env['CDC_ERP_PASSWORD']}'; "


def _statements(script: str) -> str:
    return "\n".join(line for line in script.splitlines() if not line.startswith("--"))

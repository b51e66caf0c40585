"""What is different of MySQL: types, defaults, cascades, the connector's settings and the DBA's script."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from cdc.access import Kafka
from cdc.capture.catalogue_binlog import Facts, contracts_of
from cdc.capture.connector import render, render_reader, server_id
from cdc.capture.default_mysql import mysql_default
from cdc.capture.dialect import MYSQL, Dialect
from cdc.capture.grants.script import script
from cdc.capture.source import parse_source
from cdc.capture.types_mysql import of_mysql
from cdc.errors import FatalError

SHOP = parse_source(
    "shop",
    "kind: mysql\nhost: db.plant\nport: 3306\ndatabase: my_shop\nuser: cdc_capture\npassword: ${env:P}\n"
    "tables: [customer, orders]\n",
)
BROKERS = Kafka("broker:9092").for_connectors
CUSTOMER = "CREATE TABLE `customer` (\n  `id` int NOT NULL,\n  PRIMARY KEY (`id`)\n)"
ORDERS = """CREATE TABLE `orders` (
  `id` int NOT NULL,
  `customer` int NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `of` FOREIGN KEY (`customer`) REFERENCES `customer` (`id`) ON DELETE CASCADE
)"""


@pytest.mark.parametrize(
    ("text", "mirror_type", "decoder"),
    [
        ("int", "integer", "int"),
        ("bigint unsigned", "numeric(20,0)", "int"),
        ("tinyint(1)", "smallint", "tinyint1"),
        ("geomcollection", "bytea", "geometry"),
        ("datetime(3)", "timestamp(3) without time zone", "timestamp_us"),
    ],
)
def test_types_without_widths(text: str, mirror_type: str, decoder: str) -> None:
    found = of_mysql(text, "s.t.c")
    assert (found.mirror_type, found.decoder) == (mirror_type, decoder)


@pytest.mark.parametrize(("text", "code"), [("json", "SRC-202"), ("vector(3)", "SRC-201"), ("inet6", "SRC-201")])
def test_types_that_do_not_arrive_are_refused(text: str, code: str) -> None:
    with pytest.raises(FatalError, match=f"{code} .*s.t.c is {text.partition('(')[0]}"):
        of_mysql(text, "s.t.c")


@pytest.mark.parametrize(
    ("text", "expression", "extra", "default"),
    [
        ("varchar(9)", "it's", "", ("it's", False)),
        ("varchar(9)", "NULL", "", ("NULL", False)),
        ("varchar(9)", None, "", (None, False)),
        ("varchar(9)", "uuid()", "DEFAULT_GENERATED", (None, True)),
        ("datetime(3)", "CURRENT_TIMESTAMP(3)", "DEFAULT_GENERATED", (None, True)),
        ("int", "5", "", ("5", False)),
        ("bit(4)", "b'101'", "", ("0101", False)),
        ("bigint unsigned", None, "auto_increment INVISIBLE", (None, True)),
    ],
)
def test_a_default_stands_without_quotes(text: str, expression: str | None, extra: str, default: Any) -> None:
    assert mysql_default(expression, extra, of_mysql(text, "s.t.c"), nullable=True) == default


def facts(dialect: Dialect = MYSQL, *, logs_cascades: bool) -> Facts:
    column = {"nullable": False, "default": None, "charset": None, "collation": None, "extra": "", "computed": 0}
    places = (("customer", "id"), ("orders", "id"), ("orders", "customer"))
    columns = [{**column, "table": table, "name": name, "type": "int", "comment": None} for table, name in places]
    keys = [{"table": table, "name": "id"} for table in ("customer", "orders")]
    definitions = {"customer": CUSTOMER, "orders": ORDERS}
    return Facts(dialect, "my_shop", (), columns, keys, definitions, logs_cascades)


def test_landing_performs_a_cascade_only_where_the_log_does_not_have_it() -> None:
    performed = {one.table: one.cascades for one in contracts_of(SHOP, facts(logs_cascades=False))}
    assert [key.parent for key in performed["orders"]] == ["my_shop.customer"]
    logged = {one.table: one.cascades for one in contracts_of(SHOP, facts(logs_cascades=True))}
    assert logged["orders"] == ()


def test_a_parent_has_to_be_captured_only_where_landing_performs_the_cascade() -> None:
    alone = dataclasses.replace(SHOP, tables=SHOP.tables[1:])
    contracts_of(alone, facts(logs_cascades=True))
    with pytest.raises(FatalError, match="LND-107"):
        contracts_of(alone, facts(logs_cascades=False))


def test_the_connector_and_its_reader_are_two_replicas() -> None:
    config = render(SHOP, BROKERS, {})
    assert config["database.ssl.mode"] == "verify_identity"
    assert config["driver.allowPublicKeyRetrieval"] == "true"
    assert "driver.timezone" not in config
    assert config["table.include.list"] == r"my_shop\.customer,my_shop\.orders"
    reader = render_reader(SHOP, ["my_shop.orders"], BROKERS, {})
    assert reader["schema.history.internal.kafka.topic"] == "cdc-history.shop-read"
    assert reader["snapshot.locking.mode"] == "none"
    assert {config["database.server.id"]} == {server_id(SHOP)} != {reader["database.server.id"]}


def test_the_script_makes_an_account_that_reads_one_database() -> None:
    text = script(SHOP, {}, None)
    assert r"GRANT SELECT ON `my\_shop`.* TO `cdc_capture`@'%';" in text
    assert (
        "GRANT RELOAD, PROCESS, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `cdc_capture`@'%';"
        in text
    )
    assert "EXECUTE IMMEDIATE" not in text  # MariaDB's

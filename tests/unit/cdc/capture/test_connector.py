from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from cdc.access import Kafka
from cdc.capture.connector import DDL_FILTER, SELECTS, keeping_selects, render, selects_of, table_names, with_selects
from cdc.capture.source import Source, SourceTable, load_sources
from cdc.capture.tunable import MAX_REQUEST, is_secret, may_differ

BROKERS = Kafka("broker:9092")


@pytest.fixture
def sources() -> dict[str, Source]:
    return load_sources(Path("connector-configs"))


def test_secrets_stay_references(sources: dict[str, Source]) -> None:
    config = render(sources["erp"], BROKERS, {})
    assert config["database.password"] == "${env:CDC_ERP_PASSWORD}"


@pytest.mark.parametrize(
    ("topic", "routed"),
    [
        ("mes", True),
        ("mes.public.mes_wo", True),
        ("mes.transaction", True),
        ("__debezium-heartbeat.mes", True),
        ("mes2.public.mes_wo", False),
        ("__debezium-heartbeat.other", False),
    ],
)
def test_the_router_sends_all_of_a_source_to_its_stream(sources: dict[str, Source], topic: str, routed: bool) -> None:
    config = render(sources["mes"], BROKERS, {})
    assert bool(re.fullmatch(config["transforms.stream.regex"], topic)) == routed
    assert config["transforms.stream.replacement"] == "cdc.mes"


def test_tables_stand_in_the_order_of_the_file(sources: dict[str, Source]) -> None:
    listed = render(sources["mes"], BROKERS, {})["table.include.list"].split(",")
    assert listed == [rf"public\.{table.name}" for table in sources["mes"].tables]


def test_table_expressions_match_their_table_and_nothing_else(sources: dict[str, Source]) -> None:
    tables = (SourceTable("Odd Schema", "a$b-1", ("k",)),)
    config = render(replace(sources["mes"], tables=tables), BROKERS, {})
    expression = config["table.include.list"]
    assert re.fullmatch(expression, "Odd Schema.a$b-1")
    assert not re.fullmatch(expression, "Odd Schemaxa$b-1")
    assert config["message.key.columns"] == f"{expression}:k"


def test_only_declared_keys_override_the_tables_own(sources: dict[str, Source]) -> None:
    assert render(sources["erp"], BROKERS, {})["message.key.columns"] == r"erp\.ICInventory:FItemID,FStockID,FBatchNo"
    assert "message.key.columns" not in render(sources["mes"], BROKERS, {})


def test_what_is_left_out_is_named_to_the_connector(sources: dict[str, Source]) -> None:
    tables = (SourceTable("Odd Schema", "a$b-1", ("k",), ("x$", "y")),)
    config = render(replace(sources["mes"], tables=tables), BROKERS, {})
    listed = config["column.exclude.list"].split(",")
    assert [re.sub(r"\\(.)", r"\1", name) for name in listed] == ["Odd Schema.a$b-1.x$", "Odd Schema.a$b-1.y"]
    assert "column.exclude.list" not in render(sources["erp"], BROKERS, {})


def test_selects_stand_under_the_names_of_their_tables(sources: dict[str, Source]) -> None:
    config = render(sources["erp"], BROKERS, {"erp.a": "SELECT 1", "erp.b": "SELECT 2"})
    key = "snapshot.select.statement.overrides"
    assert {name: value for name, value in config.items() if name.startswith(key)} == {
        key: "erp.a,erp.b",
        f"{key}.erp.a": "SELECT 1",
        f"{key}.erp.b": "SELECT 2",
    }


def test_a_name_with_a_blank_is_quoted_where_the_connector_parses_names(sources: dict[str, Source]) -> None:
    # Debezium ends at it otherwise: "Unexpected input".
    config = render(sources["mes"], BROKERS, {"Plant 2.Work order": "SELECT 1", "public.#a": "SELECT 2"})
    key = "snapshot.select.statement.overrides"
    assert config[key] == '"Plant 2"."Work order",public.#a'
    assert config[f'{key}."Plant 2"."Work order"'] == "SELECT 1"


def test_each_source_is_another_replica(sources: dict[str, Source]) -> None:
    one, other = sources["erp"], replace(sources["erp"], name="erp2")
    ids = {render(source, BROKERS, {})["database.server.id"] for source in (one, other)}
    assert len(ids) == 2
    assert all(0 < int(number) < 2**32 for number in ids)
    slots = {render(replace(sources["mes"], name=name), BROKERS, {})["slot.name"] for name in ("mes", "mes2")}
    assert slots == {"cdc_mes", "cdc_mes2"}


def test_settings_of_the_file_win_over_what_may_differ(sources: dict[str, Source]) -> None:
    source = replace(sources["mes"], settings={"publication.name": "other", "poll.interval.ms": "5"})
    config = render(source, BROKERS, {})
    assert (config["publication.name"], config["poll.interval.ms"]) == ("other", "5")


@pytest.mark.parametrize(
    ("statement", "passed_over"),
    [
        ("FLUSH SSL", True),
        ("flush  privileges", True),
        ("SET STATEMENT max_statement_time=1 FOR FLUSH TABLES", True),
        ("GRANT SELECT ON *.* TO x", True),
        ("CREATE TABLE generated (id int)", True),
        ("CREATE TABLE other (id int)", False),
        ("ALTER TABLE flush ADD COLUMN x int", False),
        ("CREATE DEFINER=`root`@`localhost` EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t", True),
        ("CREATE LIBRARY IF NOT EXISTS `lib`\nLANGUAGE JAVASCRIPT AS 'x'", True),
        ("CREATE OR REPLACE JSON DUALITY VIEW d AS SELECT 1", True),
        (
            "CREATE ALGORITHM=UNDEFINED MATERIALIZED /*(BY X)*/ DEFINER=`a`@`b` SQL SECURITY DEFINER VIEW m AS 1",
            True,
        ),
        ("DROP UNDO TABLESPACE u", True),
        ("CREATE TABLE event (id int)", False),
        ("ALTER TABLE t DISCARD TABLESPACE", False),
        ("CREATE TABLE view AS SELECT 1", False),
        ("DROP TABLE event, view", False),
        # What is behind FOR counts, and not what another FOR has behind it.
        ("SET STATEMENT max_statement_time=60 FOR ALTER TABLE t ADD c INT COMMENT 'wait for drop event x'", False),
        ("SET STATEMENT max_statement_time=60 FOR ALTER TABLE tank ADD n INT COMMENT 'for flush water'", False),
    ],
)
@pytest.mark.parametrize("kind", ["mariadb", "mysql"])
def test_statements_that_change_no_table_are_passed_over(
    sources: dict[str, Source], kind: str, statement: str, passed_over: bool
) -> None:
    source = replace(sources["erp"], kind=kind, settings={DDL_FILTER: "CREATE TABLE generated .*"})
    patterns = render(source, BROKERS, {})[DDL_FILTER].split(",")
    # As the connector does: the whole statement, whatever the case.
    assert any(re.fullmatch(pattern, statement, re.IGNORECASE | re.DOTALL) for pattern in patterns) == passed_over


def test_no_setting_that_decides_what_arrives_may_differ(sources: dict[str, Source]) -> None:
    may = {
        name: {key for key in render(source, BROKERS, {}) if may_differ(key, source.kind)}
        for name, source in sources.items()
    }
    assert may == {
        "erp": {"poll.interval.ms", "database.server.id", DDL_FILTER, MAX_REQUEST},
        "mes": {"poll.interval.ms", "slot.name", "publication.name", MAX_REQUEST},
    }


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        ("database.ssl.keystore.password", True),
        ("signal.consumer.sasl.jaas.config", True),
        ("producer.override.ssl.key.password", True),
        ("database.sslmode", False),
        ("max.batch.size", False),
    ],
)
def test_secrets_are_known_by_their_names(key: str, secret: bool) -> None:
    assert is_secret(key) == secret


def test_selects_that_somebody_wrote_by_hand_are_read_as_far_as_they_go() -> None:
    assert selects_of({SELECTS: "a.b, a.c", f"{SELECTS}.a.c": "SELECT t.* FROM a.c t"}) == {
        "a.c": "SELECT t.* FROM a.c t"
    }


def test_selects_that_list_columns_are_not_kept_where_others_are_left_out(sources: dict[str, Source]) -> None:
    config = render(sources["erp"], BROKERS, {})
    name = table_names(sources["erp"])[0]
    select = "SELECT t.*, CAST(t.`f` AS DOUBLE) AS `f` FROM `db`.`t` t"
    live = with_selects(config, sources["erp"], {name: select})
    assert selects_of(keeping_selects(sources["erp"], config, live)) == {name: select}
    assert keeping_selects(sources["erp"], {**config, "column.exclude.list": "x"}, live)["column.exclude.list"] == "x"
    assert not selects_of(keeping_selects(sources["erp"], {**config, "column.exclude.list": "x"}, live))

from __future__ import annotations

import re

import pytest

from cdc.access import KafkaSecurity
from cdc.capture.connector import render
from cdc.capture.plugin import CLASSES, plugin_of
from cdc.capture.source import KINDS, UNLANDED, Source, SourceTable
from cdc.capture.tunable import may_differ, runs_code
from compose.local.settings import FOLDER, read_settings


class Brokers:
    bootstrap = "127.0.0.1:9092"
    security = KafkaSecurity()


def rendered(kind: str, **more: str) -> dict[str, str]:
    schema = "" if kind in ("mariadb", "mysql") else "dbo"
    table = SourceTable(schema, "orders")
    source = Source("wms", kind, "h", "1", "wms", "u", "${env:P}", "running", (table,), more)
    return render(source, Brokers(), {})


@pytest.mark.parametrize("kind", CLASSES)
def test_a_connector_is_sent_nothing_that_it_does_not_know(kind: str) -> None:
    assert [key for key in rendered(kind) if not plugin_of(kind).knows(key)] == []


def test_the_lists_are_of_the_versions_that_are_pinned() -> None:
    poms = "".join(path.read_text(encoding="utf-8") for path in (FOLDER / "pom.xml", FOLDER / "plugins" / "pom.xml"))
    pinned = dict(re.findall(r"<debezium\.(\w+)\.version>(.*?)<", poms))
    pinned["postgresql"] = pinned.pop("postgres")
    assert {kind: plugin_of(kind).version for kind in CLASSES} == pinned


def test_the_worker_lets_through_what_a_connector_is_sent_and_no_more() -> None:
    policy = read_settings(FOLDER / "connect" / "worker.properties")
    assert policy["connector.client.config.override.policy"] == "Allowlist"
    prefix = "producer.override."
    sent = {key.removeprefix(prefix) for kind in CLASSES for key in rendered(kind) if key.startswith(prefix)}
    assert set(policy["connector.client.config.override.allowlist"].split(",")) == sent


def test_all_kinds_are_rendered() -> None:
    assert set(CLASSES) == {*KINDS, *UNLANDED}


@pytest.mark.parametrize("kind", UNLANDED)
def test_what_all_have_in_common_is_left_out_only_where_there_is_nothing_like_it(kind: str) -> None:
    of_all = rendered("mariadb").keys() & rendered("postgresql").keys()
    left_out = {"ibmi": {"read.only", "database.port"}}.get(kind, {"read.only"})
    assert of_all - rendered(kind).keys() == left_out


@pytest.mark.parametrize("kind", ["sqlserver", "oracle", "db2", "informix", "ibmi"])
def test_tables_are_named_as_the_connector_names_them(kind: str) -> None:
    wanted = r"wms\.dbo\.orders" if kind == "informix" else r"dbo\.orders"
    assert rendered(kind)["table.include.list"] == wanted


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("max.bach.size", "max.batch.size"),
        ("read.onyl", "read.only"),
        ("signal.consumer.ssl.trustore.location", "signal.consumer.ssl.truststore.location"),
        ("value.converter.decimal.formt", "value.converter.decimal.format"),
        ("something.else.altogether", None),
    ],
)
def test_a_misspelt_setting_is_not_known_and_what_was_meant_is(key: str, meant: str | None) -> None:
    plugin = plugin_of("postgresql")
    assert not plugin.knows(key)
    assert plugin.near(key) == meant
    assert meant is None or plugin.knows(meant)


@pytest.mark.parametrize(
    "key",
    [
        "producer.override.sasl.login.class",
        "signal.consumer.sasl.client.callback.handler.class",
        "producer.override.ssl.engine.factory.class",
        "producer.override.security.providers",
        "schema.history.internal.consumer.sasl.oauthbearer.jwks.endpoint.url",
        "producer.override.sasl.kerberos.kinit.cmd",
        "heartbeat.action.query",
        "database.initial.statements",
    ],
)
def test_what_runs_code_may_not_differ(key: str) -> None:
    assert runs_code(key)
    assert not any(may_differ(key, kind) for kind in CLASSES)

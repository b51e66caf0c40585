"""A deployment in memory that commands act on: Kafka Connect, the signal topic, and files of one source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from cdc.capture import catalogue, lifecycle, reading, turn
from cdc.capture.plan import survey
from cdc.capture.source import load_sources
from cdc.cli import chosen
from cdc.cli.connectors.on_record import recorded
from tests.unit.cdc.capture.cluster import Cluster, Member
from tests.unit.cdc.capture.signals import Topic, plain_contracts

SETTINGS = """\
target: {host: 127.0.0.1, port: 1, database: d, user: u, password: "${env:PASSWORD}"}
kafka: {bootstrap: "127.0.0.1:1"}
connect: {url: "http://127.0.0.1:1"}
folders: {connector_configs: connector-configs}
"""
FILE = """\
kind: postgresql
host: 127.0.0.1
port: 5432
database: mes
user: ${env:USER}
password: ${env:PASSWORD}
tables: [public.lot, public.cert]
"""


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> Topic:
    made = Topic()
    monkeypatch.setattr(reading, "read_signals", made.read)
    for module in (reading, turn):
        monkeypatch.setattr(module, "send_signal", made.send)
    return made


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, signals: Topic) -> Cluster:
    """The commands' Connect, with connector `mes`; what is put on record stands in its `told`.

    The contracts, reviewed or of the source, are of the tables that the file has by then.
    """
    made, configs = Cluster(mes=Member()), tmp_path / "connector-configs"

    @contextmanager
    def on_record(*_: object) -> Iterator[Any]:
        yield lambda action, name: recorded(made.record, action, name)

    for command in ("apply", "move", "offsets", "plan", "restart"):
        module = import_module(f"cdc.cli.connectors.{command}")  # of that name there is the command, too
        monkeypatch.setattr(module, "Connect", lambda _: nullcontext(made))
        if command != "plan":
            monkeypatch.setattr(module, "on_record", on_record)
    monkeypatch.setattr(chosen, "read_contracts", lambda _: plain_contracts(load_sources(configs)["mes"]))
    apply = import_module("cdc.cli.connectors.apply")
    monkeypatch.setattr(apply, "check_left_out", lambda *_: None)
    monkeypatch.setattr(apply, "apply_topics", lambda *_: [])
    monkeypatch.setattr(survey, "compare_topics", lambda *_: [])
    monkeypatch.setattr(survey, "describe_topic", lambda *_: True)
    monkeypatch.setattr(catalogue, "read_contracts", lambda file, _: plain_contracts(file))
    for slot in ("drop_slot", "require_no_slot"):
        monkeypatch.setattr(lifecycle, slot, lambda *_: made.tell("drop slot"))
    configs.mkdir()
    (tmp_path / "cdc.yaml").write_text(SETTINGS)
    (configs / "mes.yaml").write_text(FILE)
    monkeypatch.setenv("CDC_CONFIG", str(tmp_path / "cdc.yaml"))
    monkeypatch.setenv("PASSWORD", "x")
    return made

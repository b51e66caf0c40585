"""A snapshot that is asked for selects what the tables are by now, whatever the contract files say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from cdc.capture import catalogue, connector
from cdc.capture.connector import render, selects_of, with_selects
from cdc.capture.contract import ColumnContract, Contract, to_yaml
from cdc.capture.source import SourceTable
from cdc.cli.chosen import selects_or_told
from cdc.cli.connectors.restart import begin_anew
from cdc.errors import TransientError
from tests.unit.cdc.capture.cluster import Cluster, Member
from tests.unit.cdc.capture.conftest import topic
from tests.unit.cdc.capture.signals import BROKERS, Topic, source

SOURCE = replace(source(kind="mariadb"), tables=(SourceTable("", "t"),))
KEY = ColumnContract("id", "int", "integer", "int", nullable=False)
WEIGHT = ColumnContract("w", "float", "real", "float", nullable=True)
KNOWN = Contract("mes.t", "mes.t", ("id",), "primary", (KEY,))
SELECT = "SELECT t.*, CAST(t.`w` AS DOUBLE) AS `w` FROM `mes`.`t` t"

__all__ = ["topic"]


def test_a_float_that_came_since_the_contract_was_written_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, topic: Callable[..., Topic]
) -> None:
    folder = tmp_path / "contracts" / "mes"
    folder.mkdir(parents=True)
    (folder / "t.yaml").write_text(to_yaml(KNOWN), encoding="utf-8")
    monkeypatch.setattr(catalogue, "read_contracts", lambda *_: (replace(KNOWN, columns=(KEY, WEIGHT)),))
    topic()
    applied = {**render(SOURCE, BROKERS, {}), "a": "1"}
    cluster = Cluster(mes=Member(dict(applied)))
    options = SimpleNamespace(folders=SimpleNamespace(connector_configs=tmp_path), kafka=BROKERS)
    begin_anew(SOURCE, options, cluster)  # type: ignore[arg-type]
    assert cluster.told == ["stop mes", "forget mes", "configure mes", "running mes"]
    config = cluster.members["mes"].config
    assert selects_of(config) == {"mes.t": SELECT}
    assert with_selects(config, SOURCE, {}) == applied


def test_a_catalogue_that_cannot_be_read_is_told_and_the_settings_stay(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise TransientError("SRC-110", "mes at h:1")

    monkeypatch.setattr(catalogue, "read_contracts", refuse)
    assert selects_or_told(SOURCE)({"a": "1"}) == {"a": "1"}
    told = capsys.readouterr().err
    assert told.startswith("mes: a snapshot selects as the settings have it")
    assert "SRC-110" in told


def test_the_select_of_a_table_that_left_the_file_stays() -> None:
    config = {"a": "1", **connector._selected({"mes.t": "S", "mes.gone": "G"})}
    assert selects_of(with_selects(config, SOURCE, {"mes.t": SELECT})) == {"mes.gone": "G", "mes.t": SELECT}
    assert selects_of(with_selects(config, SOURCE, {})) == {"mes.gone": "G"}

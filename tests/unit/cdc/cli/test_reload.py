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
from cdc.errors import CdcError, FatalError, NotAdmitted, TransientError
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


@pytest.mark.parametrize(
    "error",
    [
        TransientError("SRC-110", "mes at h:1"),
        NotAdmitted("SRC-101", "mes.yaml: password"),
        NotAdmitted("SRC-111", "mes"),
        FatalError("SRC-111", "mes"),
        NotAdmitted("SRC-112", "mes"),
    ],
)
def test_a_catalogue_that_cannot_be_reached_is_told_and_the_settings_stay(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: CdcError
) -> None:
    monkeypatch.setattr(catalogue, "read_contracts", raising(error))
    assert selects_or_told(SOURCE)({"a": "1"}) == {"a": "1"}
    told = capsys.readouterr().err
    assert told.startswith("mes: the source's catalogue cannot be read, so a snapshot selects as the settings have it")
    assert "connectors reload mes" in told
    assert error.code in told


@pytest.mark.parametrize("code", ["SRC-120", "SRC-201", "LND-107", "SRC-360"])
def test_a_catalogue_that_is_not_fit_begins_no_snapshot(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Another table of it may have a column that arrives altered by the settings that there are."""
    monkeypatch.setattr(catalogue, "read_contracts", raising(FatalError(code, "mes.t")))
    with pytest.raises(FatalError, match=code):
        selects_or_told(SOURCE)


def raising(error: CdcError) -> Callable[..., None]:
    def refuse(*_: object) -> None:
        raise error

    return refuse


def test_the_select_of_a_table_that_left_the_file_stays() -> None:
    config = {"a": "1", **connector._selected({"mes.t": "S", "mes.gone": "G"})}
    assert selects_of(with_selects(config, SOURCE, {"mes.t": SELECT})) == {"mes.gone": "G", "mes.t": SELECT}
    assert selects_of(with_selects(config, SOURCE, {})) == {"mes.gone": "G"}

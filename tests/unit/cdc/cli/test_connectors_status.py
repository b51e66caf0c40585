"""`cdc connectors status`: how it ends, and that a source whose files are not finished hides no other one."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import pytest

from cdc.capture import reading
from cdc.capture.source import Source
from cdc.cli.connectors import surroundings
from cdc.cli.main import execute
from cdc.errors import FatalError
from tests.unit.cdc.capture.cluster import Cluster, Member
from tests.unit.cdc.cli.conftest import FILE, SETTINGS


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Sources `erp` and `mes` are stopped, as their files say; target and databases are away."""
    made = Cluster(mes=Member(state="STOPPED"), erp=Member(state="STOPPED"))
    monkeypatch.setattr(surroundings, "Connect", lambda _: nullcontext(made))
    monkeypatch.setattr(reading, "read_signals", lambda *_: [])
    for question in ("newest", "oldest", "end_offsets"):
        monkeypatch.setattr(surroundings, question, lambda *_: {})
    (tmp_path / "connector-configs").mkdir()
    (tmp_path / "cdc.yaml").write_text(SETTINGS)
    for name in ("erp", "mes"):
        (tmp_path / "connector-configs" / f"{name}.yaml").write_text(f"{FILE}state: stopped\n")
    monkeypatch.setenv("CDC_CONFIG", str(tmp_path / "cdc.yaml"))
    monkeypatch.setenv("PASSWORD", "x")
    return made


def test_a_source_that_is_not_finished_is_named_and_the_others_are_told(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def render(source: Source, _: object) -> dict[str, str]:
        if source.name == "erp":
            raise FatalError("SRC-105", "erp: erp.lot")
        return cluster.members[source.name].config

    monkeypatch.setattr(surroundings, "rendered", render)
    assert execute(["connectors", "status", "--json"]) == 3
    erp, mes = json.loads(capsys.readouterr().out)
    assert (erp["settings"], erp["code"], mes["settings"], mes["code"]) == ("unknown", "SRC-105", "as applied", None)
    assert execute(["connectors", "status", "mes"]) == 0
    capsys.readouterr()
    assert execute(["connectors", "status"]) == 3
    assert "\nerp: SRC-105: erp: erp.lot: Run " in capsys.readouterr().out


def test_a_connector_in_another_state_needs_a_person(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "rendered", lambda source, _: cluster.members[source.name].config)
    assert execute(["connectors", "status"]) == 0
    cluster.members["mes"].state = "PAUSED"
    assert execute(["connectors", "status"]) == 4

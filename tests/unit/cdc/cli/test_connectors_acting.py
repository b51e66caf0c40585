"""Commands that act on connectors, without a Kafka Connect: what they do, and what they only say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cdc.capture import reading
from cdc.cli.main import execute
from cdc.errors import CdcError, FatalError, TransientError
from tests.unit.cdc.capture.cluster import Cluster, Member
from tests.unit.cdc.capture.signals import BROKERS, source

FORETOLD = [
    "place 0/5 is forgotten; what was not sent by then is in no journal",
    "replication slot cdc_mes is dropped",
    "all rows of 2 tables are read again",
]


BEGIN = ["stop mes", "forget mes", "drop slot", "running mes"]


def test_a_reset_says_first_what_it_does(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    reset = ["connectors", "offsets", "reset", "mes", "--reason", "why", "--json"]
    assert execute([*reset, "--dry-run"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"source": "mes", "before": "0/5", "done": "; ".join(FORETOLD), "dry_run": True}
    assert execute(reset) == 1  # nobody says yes
    assert "; ".join(FORETOLD) in capsys.readouterr().err
    assert cluster.told == []
    assert execute([*reset, "--yes"]) == 0
    assert json.loads(capsys.readouterr().out)["done"] == "snapshot begun"
    assert cluster.told == [*BEGIN, "record connectors offsets reset"]


@pytest.mark.parametrize(
    ("refused", "again"),
    [
        (FatalError("CON-102", "no such offset"), []),
        (FatalError("CON-105", "status 500"), ["public.lot", "public.cert"]),
        (TransientError("CON-101", "ReadTimeout"), ["public.lot", "public.cert"]),
    ],
)
def test_a_place_that_is_refused_leaves_no_gap(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: CdcError, again: list[str]
) -> None:
    place = {"format": "cdc connectors offsets 1", "source": "mes", "place": "0/9", "offsets": [{"offset": {"lsn": 9}}]}
    (tmp_path / "place.json").write_text(json.dumps(place))

    def put_offsets(*_: object) -> None:
        cluster.tell("put offsets")
        raise refused

    monkeypatch.setattr(cluster, "put_offsets", put_offsets, raising=False)
    given = ["mes", str(tmp_path / "place.json"), "--pass-over", "--yes", "--reason", "why"]
    assert execute(["connectors", "offsets", "set", *given]) == 1
    goes_on = ["running mes"] * (refused.code == "CON-102")  # from its old place
    assert cluster.told == ["stop mes", "put offsets", *goes_on, "record connectors offsets set"]
    unread = reading.Reading(source("lot", "cert"), BROKERS).unread()
    assert [one.table for one in unread if one.again] == again


def test_a_restart_leaves_what_somebody_has_halted(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.members["mes"] = Member(state="PAUSED", task="PAUSED")
    assert execute(["connectors", "restart", "mes"]) == 0
    assert capsys.readouterr().out == "mes: restarted, and paused as before\n"
    cluster.members["mes"] = Member(state="STOPPED")
    assert execute(["connectors", "restart", "mes"]) == 0
    assert capsys.readouterr().out == "mes: is stopped; `cdc connectors resume` starts it\n"
    assert cluster.told == ["restart mes", "record connectors restart"]
    del cluster.members["mes"]
    assert execute(["connectors", "restart", "mes"]) == 1
    assert "CON-116" in capsys.readouterr().err


def test_a_reload_says_first_what_it_does(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["connectors", "reload", "mes", "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"source": "mes", "done": FORETOLD}]
    assert cluster.told == []
    assert execute(["connectors", "reload", "mes", "--yes"]) == 0
    assert cluster.told == [*BEGIN, "record connectors reload"]
    del cluster.members["mes"]
    assert execute(["connectors", "reload", "mes", "--dry-run"]) == 1
    assert "CON-116" in capsys.readouterr().err

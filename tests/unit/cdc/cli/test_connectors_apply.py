"""`cdc connectors apply` without a Kafka Connect: what it does, what it refuses, and what is on record then."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from cdc.access import Kafka
from cdc.capture import catalogue, reading
from cdc.capture.connector import render, render_reader
from cdc.capture.plan import survey
from cdc.capture.reading import Reading
from cdc.capture.readings import Unread
from cdc.capture.source import Source, load_sources
from cdc.cli.main import execute
from cdc.errors import FatalError
from cdc.stream.signal import Signal
from tests.unit.cdc.capture.cluster import Cluster, Member
from tests.unit.cdc.capture.signals import BROKERS, CERT, LOT, Topic, dropped, in_progress, needed, scanned, starting

READ = (scanned(LOT, connector="mes"), scanned(CERT, connector="mes"))
KAFKA = Kafka("127.0.0.1:1")
KEYLESS = "{table: public.cert, key: none}"


class Deployment:
    """The file of source `mes`, its connector, and its record."""

    def __init__(self, folder: Path, cluster: Cluster, signals: Topic) -> None:
        self.folder, self.cluster, self.signals = folder, cluster, signals
        signals.signals += READ
        cluster.started = self._say

    def _say(self, name: str) -> None:
        """As the reader says it, as soon as it runs."""
        if name == "mes-read":
            self.signals.signals.append(in_progress(*self.captured(name)))

    def captured(self, name: str = "mes") -> list[str]:
        return self.cluster.members[name].config["table.include.list"].replace("\\", "").split(",")

    def write(self, *tables: str, more: str = "") -> Source:
        file = self.folder / "connector-configs" / "mes.yaml"
        kept = [line for line in file.read_text().splitlines() if not line.startswith(("tables:", "settings:"))]
        file.write_text("\n".join([*kept, f"tables: [{', '.join(tables)}]", more]))
        return load_sources(self.folder / "connector-configs")["mes"]

    def runs(self, *tables: str) -> None:
        """The connector has these tables, and the file says so."""
        self.cluster.members["mes"].config = render(self.write(*tables), KAFKA, {})

    def apply(self, *arguments: str) -> int:
        return execute(["connectors", "apply", *arguments])

    @property
    def unread(self) -> list[Unread]:
        return Reading(load_sources(self.folder / "connector-configs")["mes"], BROKERS).unread()


@pytest.fixture
def mes(tmp_path: Path, cluster: Cluster, signals: Topic) -> Deployment:
    made = Deployment(tmp_path, cluster, signals)
    made.runs(LOT, CERT)
    return made


def test_what_is_as_its_file_says_stays_so(mes: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    assert mes.apply() == 0
    assert (mes.cluster.told, capsys.readouterr().out) == ([], "mes: nothing to do\n")


def test_a_first_apply_asks_no_topic_that_is_not_there(mes: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def read(*_: object) -> list[Signal]:
        assert made
        return list(mes.signals.signals)

    monkeypatch.setattr(reading, "read_signals", read)
    monkeypatch.setattr(survey, "describe_topic", lambda *_: None)
    monkeypatch.setattr(import_module("cdc.cli.connectors.apply"), "apply_topics", lambda *_: made.append("t") or [])
    del mes.cluster.members["mes"]
    mes.signals.signals.clear()
    assert mes.apply() == 0
    assert "create mes stopped" in mes.cluster.told


def test_a_line_that_is_missing_by_mistake_ends_no_capture(mes: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    mes.write(LOT)
    assert mes.apply() == 5
    assert f"CON-180 connector would forget its place, or lose a table: mes: capture {CERT} no more" in (
        capsys.readouterr().err
    )
    assert execute(["connectors", "plan"]) == 3
    assert f"capture {CERT} no more: back only by a snapshot" in capsys.readouterr().out.replace("\n", " ")
    mes.write(LOT, CERT)
    assert mes.apply() == 0
    assert (mes.cluster.told, mes.cluster.recorded, mes.unread) == ([], [], [])


def planned(mes: Deployment) -> str:
    """Return the file of a plan."""
    file = str(mes.folder / "plan.json")
    assert execute(["connectors", "plan", "--out", file]) == 3
    return file


def test_a_plan_ends_the_capture_of_a_table(mes: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    mes.write(LOT)
    assert mes.apply(planned(mes)) == 0
    assert (mes.captured(), mes.unread) == ([LOT], [])
    mes.write(LOT, CERT)
    assert mes.apply() == 5
    assert "CON-108" in capsys.readouterr().err


def test_a_table_that_could_not_be_taken_out_was_captured_all_the_time(
    mes: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mes.write(LOT)
    file = planned(mes)

    def refuse(_: object) -> None:
        raise FatalError("CON-102", "the source is away")

    monkeypatch.setattr(mes.cluster, "validate", refuse)
    assert mes.apply(file) == 1
    assert "CON-102" in capsys.readouterr().err
    record = Reading(mes.write(LOT, CERT), KAFKA)
    record.need([CERT])
    assert [(one.table, one.again, one.whole) for one in mes.unread] == [(CERT, False, True)]


def test_what_was_done_before_the_rest_was_refused_is_told_and_on_record(
    mes: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    mes.signals.signals += [dropped(CERT)]
    mes.runs(LOT)
    mes.write(LOT, CERT)
    # It is captured from now on: that is what a new snapshot of the whole source begins with.
    assert mes.apply() == 5
    said = capsys.readouterr()
    assert "CON-108" in said.err
    assert said.out == "mes: settings changed: table.include.list\n"
    done = ["settings changed: table.include.list"]
    assert mes.cluster.recorded == [{"done": done, "planned": False, "failed": "CON-108"}]
    assert mes.captured() == [LOT, CERT]


def test_a_table_without_a_key_is_refused_before_anything_is_done(
    mes: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was added while the connector was to stand still, for a new snapshot that nobody has taken."""
    mes.signals.signals += [needed(CERT)]
    mes.cluster.members["mes"].state = "STOPPED"
    mes.write(LOT, KEYLESS)
    assert mes.apply() == 5
    assert "CON-113" in capsys.readouterr().err
    assert (mes.cluster.told, mes.cluster.recorded) == ([], [])


def reads_beside(mes: Deployment) -> None:
    """The reader is at one of the tables."""
    mes.signals.signals += [needed(CERT), starting(CERT), in_progress(CERT)]
    file = load_sources(mes.folder / "connector-configs")["mes"]
    mes.cluster.members["mes-read"] = Member(render_reader(file, [CERT], KAFKA, {}))


def test_what_is_read_beside_the_stream_is_read_as_the_file_says(mes: Deployment) -> None:
    reads_beside(mes)
    assert mes.apply() == 0
    assert mes.cluster.told == []
    mes.write(LOT, CERT, more="settings: {max.batch.size: 512}")
    assert mes.apply() == 0
    told = mes.cluster.told
    assert told[:3] == ["stop mes-read", "configure mes", "remove mes-read"]
    assert mes.cluster.members["mes-read"].config["max.batch.size"] == "512"
    assert mes.cluster.members["mes-read"].state == "RUNNING"


def test_nothing_is_read_of_a_server_that_is_not_the_connectors_any_more(mes: Deployment) -> None:
    reads_beside(mes)
    file = mes.folder / "connector-configs" / "mes.yaml"
    file.write_text(file.read_text().replace("host: 127.0.0.1", "host: localhost"))
    assert mes.apply(planned(mes)) == 0
    assert mes.cluster.told[:2] == ["stop mes-read", "stop mes"]
    # The new snapshot reads that table, too.
    assert mes.cluster.members["mes-read"].state == "STOPPED"


@pytest.mark.parametrize("command", [("apply",), ("resume", "mes"), ("restart", "mes")])
def test_no_snapshot_goes_on_by_a_catalogue_that_is_not_fit(
    mes: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    own = mes.cluster.members["mes"]
    own.offset = {"lsn": 5, "snapshot": "true"}
    if command[0] != "restart":
        own.state = own.task = "PAUSED"

    def refuse(*_: object) -> None:
        raise FatalError("SRC-201", "mes.cert: xml")

    monkeypatch.setattr(catalogue, "read_contracts", refuse)
    assert execute(["connectors", *command]) == 1
    assert "SRC-201" in capsys.readouterr().err
    assert mes.cluster.told == [f"record connectors {'running' if command[0] == 'resume' else command[0]}"]

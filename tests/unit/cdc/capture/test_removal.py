"""A source is taken off in one order; who is killed goes on where he was, and what nobody agrees to stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cdc.capture import removal
from cdc.capture.removal import Outcome, Removal, is_over, take
from cdc.errors import FatalError, TransientError
from cdc.stream.topic import Extent
from tests.unit.cdc.capture.cluster import PLACE, Cluster, DiedError, Member
from tests.unit.cdc.capture.signals import BROKERS, STARTED, Topic, source

ALL = ("stop", "offsets", "connector", "topics", "files")


class Bench:
    """A cluster, topics and files of source `mes`; `recorded` are the steps on record."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, signals: Topic) -> None:
        self.cluster = Cluster(mes=Member(), mes_read=Member())
        self.topics = {"cdc.mes", "cdc-signal.mes"}
        self.signals = signals
        self.waiting = 0
        self.recorded: list[str] = []
        self.folder = folder
        (folder / "contracts" / "mes").mkdir(parents=True)
        (folder / "mes.yaml").touch()
        monkeypatch.setattr(removal, "existing_topics", lambda _, names: [n for n in names if n in self.topics])
        monkeypatch.setattr(removal, "extent", lambda *_: Extent("id", 0, 9))
        monkeypatch.setattr(removal, "count_records", lambda *_: self.waiting)
        monkeypatch.setattr(removal, "delete_topics", self._delete)

    def _delete(self, _: object, names: list[str]) -> None:
        self.cluster.tell("delete topics")
        self.topics -= set(names)

    def run(self, *yes: str) -> list[Outcome]:
        own = Removal(source("lot"), self.cluster, BROKERS, self.folder)  # type: ignore[arg-type]
        return take(
            own.steps(lambda: 9), lambda step, _: step.name in yes, lambda step, _: self.recorded.append(step.name)
        )


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, topic: Callable[..., Topic]) -> Bench:
    return Bench(monkeypatch, tmp_path, topic())


def test_everything_goes_in_order_and_a_second_time_nothing(bench: Bench) -> None:
    assert [one.outcome for one in bench.run(*ALL)] == ["done"] * 5
    assert bench.cluster.told == [
        *("stop mes-read", "stop mes", "stop mes-read", "forget mes-read", "stop mes", "forget mes"),
        *("delete mes-read", "delete mes", "delete topics"),
    ]
    assert bench.recorded == list(ALL)
    assert not bench.topics
    assert list(bench.folder.glob("*.yaml")) == []
    assert [one.outcome for one in bench.run(*ALL)] == ["nothing to do"] * 5


def test_what_nobody_agrees_to_stays_and_what_needs_it_waits(bench: Bench) -> None:
    assert [one.outcome for one in bench.run("offsets", "connector", "topics")] == ["left", *["waits"] * 4]
    assert bench.cluster.told == []
    # A connector that has gone with its place left would have it for good, and a later one of that name goes on there.
    for stop in ("done", "nothing to do"):
        outcomes = [one.outcome for one in bench.run("stop", "connector", "files")]
        assert outcomes == [stop, "left", "waits", "waits", "waits"]
    done = ["nothing to do", "done", "done", "left", "done"]
    assert [one.outcome for one in bench.run("offsets", "connector", "files")] == done
    assert bench.topics
    assert bench.recorded == ["stop", "offsets", "connector", "files"]


def test_changes_that_have_not_landed_keep_their_topic(bench: Bench) -> None:
    bench.waiting = 3
    with pytest.raises(FatalError, match=r"^CON-170 .*cdc\.mes: 3 records from offset 9 on"):
        bench.run(*ALL)
    assert bench.topics
    assert (bench.folder / "mes.yaml").exists()


@pytest.mark.parametrize("step", ["stop mes", "forget mes-read", "forget mes", "delete mes", "delete topics"])
def test_who_is_killed_goes_on_where_he_was(bench: Bench, step: str) -> None:
    bench.cluster.dies_at = step
    with pytest.raises(DiedError):
        bench.run(*ALL)
    bench.cluster.dies_at = ""
    done = bench.run(*ALL)
    assert all(is_over(done, name) for name in ALL)
    assert not bench.cluster.members
    assert not bench.topics


def test_the_publication_is_dropped_only_if_no_other_source_reads_it(tmp_path: Path) -> None:
    own = Removal(source("lot", "item"), Cluster(), BROKERS, tmp_path)  # type: ignore[arg-type]
    assert own.hints([])[0] == 'DROP PUBLICATION "cdc";'
    assert own.hints([source("item")]) == [
        'ALTER PUBLICATION "cdc" DROP TABLE "public"."lot";  -- mes reads the others'
    ]


OF_CONNECTOR = ("stop", "offsets", "connector")


def delete_behind_our_back(bench: Bench) -> None:
    """Have somebody delete both connectors by Kafka Connect itself, which keeps the place."""
    bench.cluster.members.clear()
    bench.cluster.kept["mes"] = dict(PLACE)


def test_the_place_of_a_connector_that_somebody_has_deleted_is_forgotten(bench: Bench) -> None:
    delete_behind_our_back(bench)
    assert [one.outcome for one in bench.run("connector", "topics")] == ["nothing to do", "left", *["waits"] * 3]
    assert bench.cluster.told == []
    done = bench.run(*OF_CONNECTOR)
    assert [one.outcome for one in done] == ["nothing to do", "done", "nothing to do", "left", "left"]
    assert done[1].what == "mes, which is gone: what Kafka Connect may have kept"
    assert bench.cluster.told == ["create mes stopped", "stop mes", "forget mes", "delete mes"]
    # It was deleted by this service: nothing is kept of it, though its topics are still there.
    assert [one.outcome for one in bench.run("topics", "files")] == [*["nothing to do"] * 3, "done", "done"]
    assert bench.recorded == ["offsets", "topics", "files"]


@pytest.mark.parametrize("step", ["create mes stopped", "forget mes", "delete mes"])
def test_who_is_killed_over_a_connector_that_is_gone_goes_on_where_he_was(bench: Bench, step: str) -> None:
    delete_behind_our_back(bench)
    bench.cluster.dies_at = step
    with pytest.raises(DiedError):
        bench.run(*OF_CONNECTOR)
    bench.cluster.dies_at = ""
    assert all(one.is_over for one in bench.run(*OF_CONNECTOR)[:3])
    assert "forget mes" in bench.cluster.told
    assert not bench.cluster.members


def test_one_that_was_there_again_since_may_have_left_a_place(bench: Bench) -> None:
    bench.run(*OF_CONNECTOR)
    bench.signals.signals.append(STARTED)
    assert [one.outcome for one in bench.run("connector")][:2] == ["nothing to do", "left"]


def test_into_a_topic_that_is_gone_no_place_leads(bench: Bench) -> None:
    delete_behind_our_back(bench)
    bench.topics = {"cdc-signal.mes"}
    assert [one.outcome for one in bench.run(*OF_CONNECTOR)][:3] == ["nothing to do"] * 3


@pytest.mark.parametrize("code", ["CON-102", "CON-118"])
def test_a_place_that_is_not_forgotten_is_told_and_the_topics_may_go(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    def refuse(*_: object) -> None:
        raise FatalError(code, "Unable to connect")

    delete_behind_our_back(bench)
    monkeypatch.setattr(bench.cluster, "create", refuse)
    done = bench.run(*ALL)
    assert [one.outcome for one in done] == ["nothing to do", "left", "nothing to do", "done", "done"]
    assert f"({code} Unable to connect)" in done[1].what
    assert is_over(bench.run(*ALL), "offsets")


def test_a_connect_that_is_away_is_no_reason_to_leave_a_place(bench: Bench) -> None:
    delete_behind_our_back(bench)
    bench.cluster.away = True
    with pytest.raises(TransientError, match="CON-101"):
        bench.run(*ALL)

"""A source is taken off in one order; who is killed goes on where he was, and what nobody agrees to stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdc.capture import removal
from cdc.capture.removal import Outcome, Removal, is_over, take
from cdc.errors import FatalError
from cdc.stream.topic import Extent
from tests.unit.cdc.capture.cluster import Cluster, DiedError, Member
from tests.unit.cdc.capture.signals import BROKERS, source

ALL = ("stop", "offsets", "connector", "topics", "files")


class Bench:
    """A cluster, topics and files of source `mes`; `recorded` are the steps on record."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.cluster = Cluster(mes=Member(), mes_read=Member())
        self.topics = {"cdc.mes", "cdc-signal.mes"}
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
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    return Bench(monkeypatch, tmp_path)


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

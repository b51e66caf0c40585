"""When a connector under watch is started again, and when it is made to take its snapshot again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from cdc.capture import catalogue, lifecycle, reading, turn, watchdog
from cdc.capture.connector import render, selects_of
from cdc.capture.lifecycle import Lifecycle
from cdc.capture.watchdog import Watch
from cdc.errors import FatalError, TransientError
from cdc.observe.monitor import Monitor
from tests.unit.cdc.capture.cluster import PLACE, Cluster, DiedError, Member
from tests.unit.cdc.capture.signals import (
    BROKERS,
    CERT,
    LOT,
    Topic,
    needed,
    notified,
    source,
    starting,
    weighed_contracts,
)
from tests.unit.cdc.capture.test_source import GOOD

BEGIN_AGAIN = ["stop mes", "forget mes", "drop slot", "running mes"]


class World:
    """A source, its connector, and what is on record of its snapshot."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, topic: Topic, kind: str = "postgresql") -> None:
        self.topic, self.cluster, self.clock = topic, Cluster(mes=Member()), 0.0
        self.end, self.is_wanted, self.kind = 1, True, kind
        self.connector = self.cluster.members["mes"]
        self.cluster.started = self._started
        monkeypatch.setattr(lifecycle, "drop_slot", lambda *_: self.cluster.tell("drop slot"))
        self.say("STARTED")
        self.watch = self.another_watch()

    def another_watch(self) -> Watch:
        """Return the watch of a process that has just started."""
        file = source("lot", kind=self.kind)
        return Watch(file, self.cluster, BROKERS, self, lambda _: self.is_wanted, now=lambda: self.clock)  # type: ignore[arg-type]

    def of(self, *_: str) -> list[int]:
        """Return the ends of the stream and of the topic of signals."""
        return [self.end, len(self.topic.signals)]

    def say(self, *steps: str) -> None:
        """Have the connector say something of its snapshot."""
        self.topic.signals += [notified(step, "mes") for step in steps]

    def _started(self, name: str) -> None:
        self.cluster.members[name].offset = dict(PLACE)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, topic: Callable[..., Topic]) -> World:
    return World(monkeypatch, topic())


def test_a_snapshot_that_is_skipped_is_begun_again_once(world: World) -> None:
    assert world.watch.look() is None
    world.say("SKIPPED")
    assert [world.watch.look() for _ in range(3)] == ["CON-112", None, None]
    world.clock = 600.0  # it was told to; that it has not begun yet is no reason to tell it again
    world.watch.silence_s = 1000.0
    assert world.watch.look() is None
    assert world.cluster.told == BEGIN_AGAIN
    world.say("STARTED", "SKIPPED")
    assert world.watch.look() == "CON-112"


def test_a_snapshot_that_is_begun_again_selects_what_the_tables_are_by_then(
    monkeypatch: pytest.MonkeyPatch, topic: Callable[..., Topic]
) -> None:
    def refuse(*_: object) -> None:
        raise TransientError("SRC-110", "mes at h:1")

    world = World(monkeypatch, topic(), "mariadb")
    world.connector.config = render(world.watch.source, BROKERS, {})
    world.say("SKIPPED")
    monkeypatch.setattr(catalogue, "read_contracts", refuse)
    for _ in range(2):
        with pytest.raises(TransientError, match="SRC-110"):
            world.watch.look()
    assert world.cluster.told == []
    monkeypatch.setattr(catalogue, "read_contracts", lambda file, _: weighed_contracts(file))
    # No turn was taken before: nobody has waited for it.
    assert world.watch.look() == "CON-112"
    assert world.cluster.told == ["stop mes", "forget mes", "configure mes", "running mes"]
    assert selects_of(world.connector.config).keys() == {LOT}


@pytest.mark.parametrize("state", ["STOPPED", "PAUSED"])
def test_what_somebody_has_stopped_stays_so(world: World, state: str) -> None:
    world.say("SKIPPED")
    world.connector.state = world.connector.task = state
    assert world.watch.look() is None
    world.connector.state = world.connector.task = "RUNNING"
    assert world.watch.look() == "CON-112"


def test_the_record_is_read_only_when_it_has_grown(world: World) -> None:
    for _ in range(3):
        world.watch.look()
    assert world.topic.reads == 1


def test_what_failed_in_the_middle_is_done_again_at_once(world: World) -> None:
    world.say("SKIPPED")
    world.cluster.away = True
    with pytest.raises(TransientError):
        world.watch.look()
    world.cluster.away = False
    assert world.watch.look() == "CON-115"
    assert world.cluster.told == BEGIN_AGAIN
    assert world.watch.look() is None


@pytest.mark.parametrize("step", [*BEGIN_AGAIN, "begun"])
def test_who_is_killed_in_the_middle_is_followed_by_another(
    world: World, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*arguments: object) -> None:
        if arguments[2] == b"mes/begun":
            raise DiedError
        world.topic.send(*arguments)  # type: ignore[arg-type]

    if step == "begun":
        monkeypatch.setattr(turn, "send_signal", die)
    world.cluster.dies_at = step
    killed = Lifecycle(world.cluster, BROKERS, world.watch.source, "mes")  # type: ignore[arg-type]
    with pytest.raises(DiedError):
        killed.begin_again(killed.turns.take(), dict)
    monkeypatch.setattr(turn, "send_signal", world.topic.send)
    world.cluster.dies_at, before = "", len(world.cluster.told)
    watch = world.another_watch()
    watch.silence_s = 1000.0
    # Whoever is at it may need that long.
    while world.clock < 120.0:
        assert watch.look() is None
        world.clock += 10.0
    world.is_wanted = False
    assert watch.look() is None
    world.is_wanted = True
    assert watch.look() == "CON-115"
    assert world.cluster.told[before:] == BEGIN_AGAIN
    assert world.connector.state == "RUNNING"
    world.say("STARTED", "COMPLETED")
    world.clock += 600.0
    watch.forget()
    assert watch.look() is None


def test_what_somebody_gave_up_is_finished_at_once(world: World) -> None:
    world.cluster.dies_at = "drop slot"
    with pytest.raises(DiedError):
        Lifecycle(world.cluster, BROKERS, world.watch.source, "mes").begin()  # type: ignore[arg-type]
    world.cluster.dies_at = ""
    assert world.watch.look() == "CON-115"
    assert world.cluster.told[2:] == BEGIN_AGAIN


@pytest.mark.parametrize("sent", [9, 0])
def test_one_whose_making_was_given_up_goes_on_where_it_has_a_place(
    world: World, monkeypatch: pytest.MonkeyPatch, sent: int
) -> None:
    monkeypatch.setattr(lifecycle, "end_offsets", lambda *_: {"cdc.mes": sent})
    world.cluster.kept["mes"] = dict(PLACE)
    del world.cluster.members["mes"]
    world.cluster.dies_at = "running mes"
    with pytest.raises(DiedError):
        Lifecycle(world.cluster, BROKERS, world.watch.source, "mes").apply({}, "running")  # type: ignore[arg-type]
    world.cluster.dies_at = ""
    world.cluster.told.clear()
    assert world.watch.look() == "CON-115"
    assert world.cluster.told == (["running mes"] if sent else BEGIN_AGAIN)


def test_what_somebody_else_has_finished_is_left_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.say("STARTED")
    world.cluster.dies_at = "drop slot"  # the watch may not log in at the source
    for _ in range(2):
        with pytest.raises(DiedError):
            world.watch.look()
    world.cluster.dies_at = ""
    monkeypatch.setattr(turn, "PATIENCE_S", 0.0)
    own = Lifecycle(world.cluster, BROKERS, world.watch.source, "mes")  # type: ignore[arg-type]
    assert own.apply({}, "running") == ["snapshot that was asked for is begun"]
    world.cluster.told.clear()
    for _ in range(3):
        world.clock += 60.0
        world.end += 1
        world.watch.look()
    assert world.cluster.told == []


def test_a_connector_that_is_not_wanted_by_then_stays_stopped(world: World) -> None:
    world.say("SKIPPED")
    world.is_wanted = False
    assert world.watch.look() == "CON-112"
    assert world.connector.state == "STOPPED"
    assert world.watch.look() is None


def test_a_reader_that_was_left_in_the_middle_is_made_to_read(world: World) -> None:
    world.topic.signals += [needed(CERT), starting(CERT)]
    world.watch.source = source("lot", "cert")
    world.cluster.members["mes-read"] = Member({"table.include.list": r"public\.cert"}, offset={})
    world.cluster.dies_at = "forget mes-read"
    killed = Lifecycle(world.cluster, BROKERS, world.watch.source, "mes-read")  # type: ignore[arg-type]
    with pytest.raises(DiedError):
        killed.begin_again(killed.turns.take(), dict)
    world.cluster.dies_at = ""
    assert world.watch.look_at_reader() is None
    world.clock = 119.0
    assert world.watch.look_at_reader() is None
    world.clock = 120.0
    assert world.watch.look_at_reader() == "CON-115"
    assert world.cluster.members["mes-read"].state == "RUNNING"
    assert "drop slot" not in world.cluster.told


def test_a_task_that_fails_again_and_again_gets_the_time_to_say_so(world: World) -> None:
    """With exactly-once its status is RUNNING for 30 s after it has failed, while the producer is closed."""
    codes, failed_at = [], 0.0
    for second in range(600):
        world.clock = float(second)
        if second == failed_at:
            world.end += 2  # what an aborted transaction leaves
        world.connector.task = "RUNNING" if second < failed_at + 31 else "FAILED"
        code = world.watch.look()
        if code is not None:
            codes.append((second, code))
            failed_at = second + 3.0
    (_, first), *others = codes
    assert first == "CON-106"
    assert {code for _, code in others} == {"CON-103"}
    waits = [second - before for (before, _), (second, _) in zip(codes, others, strict=False)]
    assert waits == sorted(waits)
    assert waits[-1] == 60


def test_a_connector_that_is_well_again_is_restarted_as_soon_as_the_first_time(world: World) -> None:
    def silence_until_restarted() -> float:
        began = world.clock
        while world.watch.look() is None:
            world.clock += 1
        return world.clock - began

    assert silence_until_restarted() == 20
    for _ in range(100):
        world.clock += 1
        world.end += 1
        assert world.watch.look() is None
    assert silence_until_restarted() == 20


@pytest.mark.parametrize(("state", "task"), [("RESTARTING", "RESTARTING"), ("RUNNING", "RESTARTING")])
def test_what_was_to_be_started_again_and_was_not_is(world: World, state: str, task: str) -> None:
    world.say("COMPLETED")
    assert world.watch.look() is None
    world.connector.state, world.connector.task = state, task
    found = []
    for world.clock in (19.0, 20.0, 64.0, 65.0):
        found.append(world.watch.look())
        world.connector.task = task
    assert found == [None, "CON-104", None, "CON-104"]
    assert world.cluster.told == ["restart mes"] * 2


def test_a_snapshot_on_an_older_slot_is_begun_again_without_it(world: World) -> None:
    assert world.watch.look() is None
    world.say("STARTED")
    assert world.watch.look() == "CON-114"
    assert world.cluster.told == BEGIN_AGAIN
    world.clock = 600.0
    world.watch.silence_s = 1000.0
    world.say("STARTED", "COMPLETED")
    assert world.watch.look() is None


def test_a_slot_that_may_not_be_dropped_leaves_the_connector_stopped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise FatalError("SRC-111", "cdc at h:1")

    monkeypatch.setattr(lifecycle, "drop_slot", refuse)
    world.say("STARTED")
    for _ in range(2):
        with pytest.raises(FatalError, match="SRC-111"):
            world.watch.look()
    assert world.cluster.told == ["stop mes", "forget mes"] * 2
    monkeypatch.setattr(lifecycle, "drop_slot", lambda *_: world.cluster.tell("drop slot"))
    assert world.watch.look() == "CON-115"
    assert world.cluster.told[4:] == BEGIN_AGAIN


def test_a_snapshot_of_mariadb_is_of_one_moment_each_time(
    monkeypatch: pytest.MonkeyPatch, topic: Callable[..., Topic]
) -> None:
    world = World(monkeypatch, topic(), "mariadb")
    world.say("STARTED", "COMPLETED")
    assert world.watch.look() is None


def test_several_who_watch_act_as_one(world: World) -> None:
    world.say("COMPLETED")
    watches = [world.watch, world.another_watch(), world.another_watch()]
    world.connector.task = "FAILED"
    assert [watch.look() for watch in watches] == ["CON-103", None, None]
    assert world.cluster.told == ["restart mes"]
    # Each gives it its time, and then one of them tries again.
    world.clock, world.connector.task = 4.0, "FAILED"
    assert [watch.look() for watch in watches] == [None, None, None]
    world.clock = 6.0
    assert [watch.look() for watch in reversed(watches)] == [None, None, "CON-103"]
    assert world.cluster.told == ["restart mes"] * 2
    # If that one is gone, the others notice: they have given the restart that they had not seen its time.
    found = []
    for world.clock in (30.0, 60.0):
        world.connector.task = "FAILED"
        found += [watch.look() for watch in watches[1:]]
    assert found == [None, None, "CON-103", None]


def test_of_two_who_note_a_restart_at_once_the_first_on_record_does_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.say("COMPLETED")
    world.connector.task = "FAILED"
    send = world.topic.send

    def send_after_another(*arguments: object) -> None:
        if arguments[2] == b"mes/restarting":
            send(*arguments[:3], b'{"connector": "mes", "id": "of another one"}')  # type: ignore[arg-type]
        send(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(reading, "send_signal", send_after_another)
    assert world.watch.look() is None
    assert world.cluster.told == []


class Turns:
    """Whoever tells the watch to stop: he does something before each of its turns, and notes who was looked at."""

    def __init__(self, *acts: Callable[[], object]) -> None:
        self.acts, self.looked = list(acts), list[list[str]]()

    def wait(self, _: float) -> bool:
        if not self.acts:
            return True
        self.acts.pop(0)()
        self.looked.append([])
        return False

    def look(self, watch: Watch) -> None:
        self.looked[-1].append(f"{watch.source.name} {len(watch.source.tables)}")


def test_what_comes_to_run_is_watched_and_what_ceases_to_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mes, erp = tmp_path / "mes.yaml", tmp_path / "erp.yaml"
    mes.write_text(GOOD + "state: stopped\n")
    turns = Turns(
        list,
        lambda: mes.write_text(GOOD),
        lambda: erp.write_text(GOOD.replace("  - public.orders\n", "")),
        lambda: mes.write_text("kind: ["),  # somebody is at it
        lambda: mes.write_text(GOOD + "state: paused\n"),
        lambda: erp.write_text(GOOD),
        erp.unlink,
    )
    monkeypatch.setattr(watchdog, "Connect", lambda _: nullcontext(Cluster()))
    monkeypatch.setattr(watchdog, "TopicEnds", lambda _: SimpleNamespace(close=list))
    monkeypatch.setattr(Watch, "look", lambda watch: turns.look(watch))  # noqa: PLW0108 - a bound method is no method
    monkeypatch.setattr(Watch, "look_at_reader", lambda _: None)
    settings = SimpleNamespace(folders=SimpleNamespace(connector_configs=tmp_path), connect=None, kafka=BROKERS)
    monitor = Monitor("watch")
    watchdog.run(settings, turns, monitor)  # type: ignore[arg-type]
    both = ["mes 2", "erp 1"]
    # Each turn looks at what the files said before it began.
    assert turns.looked == [[], [], ["mes 2"], both, both, ["erp 1"], ["erp 2"]]
    assert [condition.name for condition in monitor.readiness().conditions] == ["watch"]


def test_a_connector_that_is_not_there_yet_is_no_fault(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file stands there before its first apply, and its topics do not."""
    del world.cluster.members["mes"]
    monkeypatch.setattr(world, "of", lambda *_: pytest.fail("there are no topics"))
    assert (world.watch.look(), world.watch.look_at_reader()) == (None, None)

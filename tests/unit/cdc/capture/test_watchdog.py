"""When a connector under watch is started again, and when it is made to take its snapshot again."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from cdc.access import Kafka
from cdc.capture import reading, watchdog
from cdc.capture.connect import Status, Task
from cdc.capture.source import Source, SourceTable
from cdc.capture.watchdog import Watch
from cdc.errors import FatalError, TransientError
from cdc.stream.signal import Signal

BEGIN_AGAIN = ["stop mes", "drop slot", "begin again mes"]


class Connector:
    """A connector that runs; `away` says that Connect does not do what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.away = False
        self.state = self.task = "RUNNING"

    def status(self, _name: str) -> Status:
        return Status(self.state, (Task(0, self.task, self.task),))

    def in_snapshot(self, _name: str) -> bool:
        return False

    def restart(self, name: str, *, only_failed: bool) -> bool:
        self.told.append(f"restart {name}")
        return False

    def begin_again(self, name: str, prepare: Callable[[], None]) -> None:
        if self.away:
            raise TransientError("CON-101", name)
        self.told.append(f"stop {name}")
        prepare()
        self.told.append(f"begin again {name}")


class World:
    """A source, its connector, and the steps of its snapshot that are on record."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kind: str = "postgresql") -> None:
        self.connector, self.steps, self.reads, self.clock = Connector(), ["STARTED"], 0, 0.0
        self.end = 1
        monkeypatch.setattr(watchdog, "ends_of", lambda *_: [self.end, len(self.steps)])
        monkeypatch.setattr(reading, "read_signals", self._read)
        monkeypatch.setattr(reading, "send_signal", lambda *_: self.steps.append("SLOT"))
        monkeypatch.setattr(watchdog, "drop_slot", lambda *_: self.connector.told.append("drop slot"))
        source = Source("mes", kind, "h", "1", "mes", "u", "p", "running", (SourceTable("public", "lot"),))
        self.watch = Watch(source, self.connector, Kafka("b"), now=lambda: self.clock)  # type: ignore[arg-type]

    def _read(self, *_: object) -> list[Signal]:
        self.reads += 1
        data = {"connector_name": "mes"}
        values = ({"type": step, "aggregate_type": "Initial Snapshot", "additional_data": data} for step in self.steps)
        keys = (b"mes/slot" if step == "SLOT" else b"{}" for step in self.steps)
        return [Signal(key, json.dumps(value).encode()) for key, value in zip(keys, values, strict=True)]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_a_snapshot_that_is_skipped_is_begun_again_once(world: World) -> None:
    assert world.watch.look() is None
    world.steps.append("SKIPPED")
    assert [world.watch.look() for _ in range(3)] == ["CON-112", None, None]
    world.clock = 600.0  # it was told to; that it has not begun yet is no reason to tell it again
    world.watch.silence_s = 1000.0
    assert world.watch.look() is None
    assert world.connector.told == BEGIN_AGAIN
    world.steps += ["STARTED", "SKIPPED"]
    assert world.watch.look() == "CON-112"


@pytest.mark.parametrize("state", ["STOPPED", "PAUSED"])
def test_what_somebody_has_stopped_stays_so(world: World, state: str) -> None:
    world.steps.append("SKIPPED")
    world.connector.state = world.connector.task = state
    assert world.watch.look() is None
    world.connector.state = world.connector.task = "RUNNING"
    assert world.watch.look() == "CON-112"


def test_the_record_is_read_only_when_it_has_grown(world: World) -> None:
    for _ in range(3):
        world.watch.look()
    assert world.reads == 1


def test_what_was_interrupted_in_the_middle_is_finished(world: World) -> None:
    world.steps.append("SKIPPED")
    world.connector.away = True
    with pytest.raises(TransientError):
        world.watch.look()
    world.connector.away = False
    assert world.watch.look() == "CON-112"
    assert world.connector.told == BEGIN_AGAIN


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


def test_a_snapshot_on_an_older_slot_is_begun_again_without_it(world: World) -> None:
    assert world.watch.look() is None
    world.steps.append("STARTED")
    assert world.watch.look() == "CON-114"
    assert world.connector.told == BEGIN_AGAIN
    world.clock = 600.0
    world.watch.silence_s = 1000.0
    world.steps += ["STARTED", "COMPLETED"]
    assert world.watch.look() is None


def test_a_slot_that_may_not_be_dropped_leaves_the_snapshot_as_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise FatalError("SRC-111", "cdc at h:1")

    monkeypatch.setattr(watchdog, "drop_slot", refuse)
    world.steps.append("STARTED")
    assert world.watch.look() == "CON-114"
    world.clock, world.watch.silence_s = 600.0, 1000.0
    world.steps += ["STARTED", "COMPLETED"]
    assert world.watch.look() is None
    assert world.connector.told == ["stop mes", "begin again mes"]


def test_a_snapshot_of_mariadb_is_of_one_moment_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, "mariadb")
    world.steps += ["STARTED", "COMPLETED"]
    assert world.watch.look() is None

"""A Connect cluster in memory: connectors with configuration, state and recorded offsets, and what they were told.

It answers as `cdc.capture.connect.Connect`. `dies_at` names a step at which the caller comes to its end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cdc.capture.answer import ABSENT, Status, Task
from cdc.errors import FatalError, TransientError

# What a connector records behind its snapshot.
PLACE = {"lsn": 5}


class DiedError(Exception):
    """The caller was killed."""


@dataclass(slots=True)
class Member:
    """One connector; `task` is the state of its only task."""

    config: dict[str, str] = field(default_factory=dict)
    state: str = "RUNNING"
    task: str = "RUNNING"
    offset: dict[str, object] | None = field(default_factory=lambda: dict(PLACE))


class Cluster:
    """The part of `Connect` that the capture asks."""

    def __init__(self, **members: Member) -> None:
        self.members = {name.replace("_", "-"): member for name, member in members.items()}
        self.told: list[str] = []
        self.recorded: list[dict[str, object]] = []
        self.away = False
        # The places of connectors that were deleted.
        self.kept: dict[str, dict[str, object]] = {}
        self.dies_at = ""
        self.started: Callable[[str], None] = lambda _name: None

    def config(self, name: str) -> dict[str, str] | None:
        member = self.members.get(name)
        return None if member is None else member.config

    def status(self, name: str) -> Status:
        member = self.members.get(name)
        if member is None:
            return Status(ABSENT)
        tasks = () if member.state == "STOPPED" else (Task(0, member.task, member.task),)
        return Status(member.state, tasks)

    def until(self, name: str, *_: object, **__: object) -> Status:
        return self.status(name)

    def await_state(self, name: str, state: str, _settle_s: float, _failed_before: str = "") -> None:
        if not self.status(name).is_in(state):
            raise FatalError("CON-103", name)

    def in_snapshot(self, name: str) -> bool:
        return not self.has_place(name) or "snapshot" in (self.members[name].offset or {})

    def has_place(self, name: str) -> bool:
        if name not in self.members:
            raise FatalError("CON-116", name)
        return bool(self.members[name].offset)

    def is_unbegun(self, name: str) -> bool:
        return self.members[name].offset == {}

    def offsets(self, name: str) -> list[dict[str, object]]:
        offset = self.members[name].offset
        return [] if offset is None else [{"partition": {}, "offset": offset}]

    def validate(self, _config: dict[str, str]) -> None:
        """Nothing is wrong with it."""

    def create(self, name: str, config: dict[str, str], state: str) -> None:
        self.tell(f"create {name} {state}")
        self.members[name] = Member(config, state.upper(), offset=self.kept.get(name))

    def configure(self, name: str, config: dict[str, str]) -> None:
        self.tell(f"configure {name}")
        self.members[name].config = config

    def move(self, name: str, state: str) -> None:
        self.tell(f"{state} {name}")
        member = self.members[name]
        member.state = member.task = state.upper()
        if state == "running":
            self.started(name)

    def restart(self, name: str, *, only_failed: bool) -> None:
        self.tell(f"restart {name}")
        member = self.members[name]
        assert only_failed or member.task != "FAILED"
        member.task = member.state  # one that is paused stays so

    def stop(self, name: str) -> None:
        self.tell(f"stop {name}")
        self.members[name].state = "STOPPED"

    def forget(self, name: str) -> None:
        self.stop(name)
        self.tell(f"forget {name}")
        self.members[name].offset = None

    def remove(self, name: str) -> None:
        self.tell(f"remove {name}")
        del self.members[name]

    def delete(self, name: str) -> None:
        self.tell(f"delete {name}")
        del self.members[name]

    def cluster(self) -> str:
        return "in memory"

    def names(self) -> list[str]:
        return list(self.members)

    def record(self, action: str, _name: str, effect: dict[str, object]) -> None:
        """Put an action on record, as `cdc.cli.connectors.on_record` does in the target."""
        self.told.append(f"record {action}")
        self.recorded.append(effect)

    def tell(self, step: str) -> None:
        """Note a step, if the cluster is there and the caller lives to take it."""
        if self.away:
            raise TransientError("CON-101", step)
        if step == self.dies_at:
            raise DiedError(step)
        self.told.append(step)

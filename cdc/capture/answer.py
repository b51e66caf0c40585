"""What Kafka Connect answers: the forms of it, the states it tells, and what its refusals amount to.

Whatever is told of an answer is told without secrets, wherever Connect or a connector quotes them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NotRequired, TypedDict

import httpx

from cdc.errors import FatalError, NotAdmitted, TransientError

ABSENT: Final = "ABSENT"
_WORDS = r"(?:password|passphrase|passwd|pwd|secret|token|jaas\.config)"
# Behind its name, in quotes or not; in an address; before its name, as Kafka's configuration complains of a value.
_SECRET = re.compile(rf"(?i)({_WORDS}\w*\"?\s*[=:]\s*)(?:\"[^\"]*\"|'[^']*'|[^\s,;&]+)")
_IN_ADDRESS = re.compile(r"(//[^/\s:@]+:)[^/\s@]+(?=@)")
_COMPLAINT = re.compile(rf"(?is)(Invalid value ).*?( for configuration \S*{_WORDS})")
_TRACE_LINE_CHARACTERS = 300

# What Connect says with status 500, and what passes: its leader did not take a request in time, or was not reached; two
# had the place of one connector changed at once.
_PASSES: Final = re.compile("timed out|forward|Failed to modify offsets|zombie fencing .* prior to modifying offsets")
_PASSING: Final = frozenset(
    {
        httpx.codes.CONFLICT,
        httpx.codes.SERVICE_UNAVAILABLE,
        # Of a proxy before a Connect that is being restarted.
        httpx.codes.BAD_GATEWAY,
        httpx.codes.GATEWAY_TIMEOUT,
    }
)

# What Connect's providers say, with status 500, of a reference that leads to no file that the worker can read.
_UNREADABLE: Final = re.compile("Could not (?:read properties from|read|list) (?:file|directory)")

# What connectors say when the log no longer has their place: PostgreSQL's slot is gone, another one, or was passed over
# (`offset.mismatch.strategy`); MariaDB has purged its files, with and without GTIDs. Then no restart helps.
_LOST = re.compile(
    "no longer available on the server"
    "|Could not find GTID state requested by slave in any binlog files"
    "|Could not find first log file name in binary log index file"
    "|requested WAL segment .* has already been removed"
    "|can no longer (?:get changes from|access) replication slot"
)


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a connector; `trace` is its exception, shortened, if it has failed.

    `has_lost_place`: by its exception the source's log does not have its place any more.
    """

    id: int
    state: str
    trace: str = ""
    has_lost_place: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """What Connect says of a connector: RUNNING, PAUSED, STOPPED, FAILED, UNASSIGNED, RESTARTING, or ABSENT."""

    state: str
    tasks: tuple[Task, ...] = ()
    trace: str = ""

    @property
    def failure(self) -> str:
        """The shortened exception of the connector or of its first failed task; empty if nothing has failed."""
        if self.state == "FAILED":
            return self.trace or "no trace"
        return next((task.trace or "no trace" for task in self.tasks if task.state == "FAILED"), "")

    @property
    def has_lost_place(self) -> bool:
        """Whether a task has failed because the source's log does not have its place any more."""
        return any(task.has_lost_place for task in self.tasks)

    @property
    def is_restarting(self) -> bool:
        """Whether connector or task is being started again: for ever, if the worker could not read a reference then."""
        return "RESTARTING" in {self.state, *(task.state for task in self.tasks)}

    def is_in(self, wanted: str) -> bool:
        """Tell whether connector and tasks are in the state that a connector file names."""
        states = {task.state for task in self.tasks}
        if wanted == "stopped":
            return self.state == "STOPPED" and not states
        return self.state == wanted.upper() and states == {wanted.upper()}


class RootAnswer(TypedDict):
    """What `/` says."""

    kafka_cluster_id: str


class _State(TypedDict):
    state: str
    trace: NotRequired[str | None]


class _TaskState(_State):
    id: int


class StatusAnswer(TypedDict):
    """What is said of a connector and its tasks."""

    connector: _State
    tasks: list[_TaskState]


class _Place(TypedDict):
    partition: dict[str, Any]
    offset: dict[str, Any]


PluginAnswer = TypedDict("PluginAnswer", {"class": str, "version": NotRequired[str | None]})
"""A plugin that is installed."""


class PlacesAnswer(TypedDict):
    """What is recorded of a connector's place."""

    offsets: list[_Place]


class _Judged(TypedDict):
    errors: list[str]


class _Setting(TypedDict):
    value: _Judged | None


class ValidatedAnswer(TypedDict):
    """What a plugin says of a configuration."""

    configs: list[_Setting]


def status_of(answer: StatusAnswer) -> Status:
    """Return the states that Connect tells."""
    connector = answer["connector"]
    return Status(connector["state"], tuple(map(_task, answer["tasks"])), shortened(connector.get("trace") or ""))


def _task(answer: _TaskState) -> Task:
    trace = str(answer.get("trace") or "")
    return Task(answer["id"], answer["state"], shortened(trace), _LOST.search(trace) is not None)


def formless(method: str, path: str) -> FatalError:
    """Return the error of an answer that has not the form of Connect's."""
    return FatalError("CON-105", f"{method} {path} is not answered as Kafka Connect does")


def refusal(response: httpx.Response) -> TransientError | FatalError:
    """Return the error that a status other than 2xx amounts to.

    CON-101 if it passes, CON-102, CON-111, CON-118, or CON-105 if it is none that is known.
    """
    status, message = response.status_code, _message(response)
    if status in _PASSING or (status == httpx.codes.INTERNAL_SERVER_ERROR and _PASSES.search(message or "")):
        return TransientError("CON-101", f"status {status}{_told(message)}")
    if status == httpx.codes.NOT_FOUND and message is None:
        return TransientError("CON-101", "status 404, and not Connect's own: it starts, or something else answers")
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return NotAdmitted("CON-111", f"status {status}")
    if status == httpx.codes.BAD_REQUEST and message is not None:
        return FatalError("CON-102", message)
    is_unreadable = status == httpx.codes.INTERNAL_SERVER_ERROR and _UNREADABLE.search(message or "")
    return FatalError("CON-118" if is_unreadable else "CON-105", f"status {status}{_told(message)}")


def _message(response: httpx.Response) -> str | None:
    """Return what Connect says is wrong, secrets masked; None if it is not Connect that says it."""
    try:
        return masked(str(response.json()["message"])).strip()
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _told(message: str | None) -> str:
    return f": {message[:_TRACE_LINE_CHARACTERS]}" if message else ""


def shortened(trace: str) -> str:
    """Return what a Java stack trace says in one line: its first line and the innermost cause, secrets masked."""
    lines = [line.strip() for line in trace.strip().splitlines()]
    causes = [index for index, line in enumerate(lines) if line.startswith("Caused by: ")]
    told = [*lines[:1], *(_cause(lines[index:]) for index in causes[-1:])]
    return " <- ".join(_without_middle(masked(line)) for line in told)


def _without_middle(line: str) -> str:
    """A connector may print all that it knows before it says, at the end, what is wrong."""
    if len(line) <= _TRACE_LINE_CHARACTERS:
        return line
    half = _TRACE_LINE_CHARACTERS // 2
    return f"{line[:half]} ... {line[-half:]}"


def _cause(lines: Sequence[str]) -> str:
    """Return the first line; an exception without a message says nothing without its place."""
    cause = lines[0].removeprefix("Caused by: ")
    return cause if ":" in cause or len(lines) < 2 else f"{cause} {lines[1]}"


def masked(text: str) -> str:
    """Return the text with what is called a password, secret, token or login replaced, wherever its name stands."""
    for pattern, shown in ((_COMPLAINT, r"\1***\2"), (_SECRET, r"\1***"), (_IN_ADDRESS, r"\1***")):
        text = pattern.sub(shown, text)
    return text

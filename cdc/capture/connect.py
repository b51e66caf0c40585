"""Kafka Connect's REST interface, request by request.

Connect answers 409 while it rebalances. While it starts it has no answer, and then for seconds an answer that is not
its own: 404 to whatever is asked, as if there were no connectors. All of that passes, so every request is repeated for
a while, and nothing is taken for an answer of Connect's that has not its form. Most requests return at once and take
effect later: `until` and `await_state` wait for it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NotRequired, Self, TypedDict

import httpx
import msgspec
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from cdc import access
from cdc.errors import FatalError, NotAdmitted, TransientError
from cdc.reference import UnresolvedError
from cdc.tls import UnusableError, fault_of, reread_context

ABSENT: Final = "ABSENT"
_POLL_S = 0.25
# A task that is started again on a busy machine is shown as failed for as long as it takes to start.
_OLD_FAILURE_S = 10.0
_HELD = "held"
_REQUEST_TIMEOUT_S = 30.0
# Whoever gives a configuration waits until Connect has validated it, for which it opens a connection to the source.
# Connect gives up by itself after 90 s.
_VALIDATION_TIMEOUT_S = 95.0
_VERBS = {"running": "resume", "paused": "pause", "stopped": "stop"}
_WORDS = r"(?:password|passphrase|passwd|pwd|secret|token|jaas\.config)"
# Behind its name, in quotes or not; in an address; before its name, as Kafka's configuration complains of a value.
_SECRET = re.compile(rf"(?i)({_WORDS}\w*\"?\s*[=:]\s*)(?:\"[^\"]*\"|'[^']*'|[^\s,;&]+)")
_IN_ADDRESS = re.compile(r"(//[^/\s:@]+:)[^/\s@]+(?=@)")
_COMPLAINT = re.compile(rf"(?is)(Invalid value ).*?( for configuration \S*{_WORDS})")
_TRACE_LINE_CHARACTERS = 300
# What offsets name a place in the log by: PostgreSQL's, MariaDB's.
PLACES: Final = frozenset({"lsn", "file"})


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


class _Root(TypedDict):
    kafka_cluster_id: str


class _State(TypedDict):
    state: str
    trace: NotRequired[str | None]


class _TaskState(_State):
    id: int


class _Status(TypedDict):
    connector: _State
    tasks: list[_TaskState]


class _Place(TypedDict):
    partition: dict[str, Any]
    offset: dict[str, Any]


class _Places(TypedDict):
    offsets: list[_Place]


class _Judged(TypedDict):
    errors: list[str]


class _Setting(TypedDict):
    value: _Judged | None


class _Validated(TypedDict):
    configs: list[_Setting]


class Connect:
    """A client of one Connect cluster. `patience_s` bounds repeated requests, `settle_s` the wait for a state."""

    def __init__(self, settings: access.Connect, *, patience_s: float = 10.0, settle_s: float = 60.0) -> None:
        self._settings = settings
        # Requests go to the address in the settings, not through whatever proxy the shell names.
        self._client = httpx.Client(
            base_url=settings.url, timeout=_REQUEST_TIMEOUT_S, trust_env=False, verify=reread_context(settings)
        )
        self._patience_s = patience_s
        self._wait_s = settle_s

    def __enter__(self) -> Self:
        """Return the client itself; leaving the block closes its connections."""
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def names(self) -> list[str]:
        """Return the names of all connectors of the cluster, whoever made them."""
        return sorted(self._send("GET", "/connectors", form=list[str]))

    def cluster(self) -> str:
        """Return the id of the Kafka cluster that Connect is at, which is another one for each."""
        return str(self._send("GET", "/", form=_Root)["kafka_cluster_id"])

    def config(self, name: str) -> dict[str, str] | None:
        """Return the configuration that Connect has, references unresolved; None for an absent connector."""
        path = f"/connectors/{name}/config"
        answer = self._send("GET", path, form=dict[str, Any], missing_ok=True)
        if answer is not None and "connector.class" not in answer:
            raise _formless("GET", path)
        return None if answer is None else {key: str(value) for key, value in answer.items()}

    def status(self, name: str) -> Status:
        """Return connector and task states."""
        answer = self._send("GET", f"/connectors/{name}/status", form=_Status, missing_ok=True)
        if answer is None:
            return Status(ABSENT)
        connector = answer["connector"]
        return Status(connector["state"], tuple(map(_task, answer["tasks"])), shortened(connector.get("trace") or ""))

    def create(self, name: str, config: Mapping[str, str], state: str) -> None:
        """Create a connector in a state: running, paused, stopped."""
        body = {"name": name, "config": dict(config), "initial_state": state.upper()}
        try:
            self._send("POST", "/connectors", body=body, timeout_s=_VALIDATION_TIMEOUT_S)
        except TransientError:
            if self.config(name) != config:  # else an answer was lost, and the next attempt found it there
                raise

    def configure(self, name: str, config: Mapping[str, str]) -> None:
        """Give a connector another configuration; returns before it has it."""
        self._send("PUT", f"/connectors/{name}/config", body=config, timeout_s=_VALIDATION_TIMEOUT_S)

    def move(self, name: str, state: str) -> None:
        """Have a connector brought to a state: running, paused, stopped; returns before it is in it."""
        self._send("PUT", f"/connectors/{name}/{_VERBS[state]}")

    def restart(self, name: str, *, only_failed: bool) -> None:
        """Have connector and tasks started again from the recorded place; returns before they are."""
        self._send("POST", f"/connectors/{name}/restart?includeTasks=true&onlyFailed={str(only_failed).lower()}")

    def stop(self, name: str) -> None:
        """Stop a connector, failed or not, and wait until it is. Raises CON-104 if it does not stop in time."""
        self.move(name, "stopped")
        if self.status(name).is_restarting:
            # One that was not started again for want of a reference leaves that state by a restart alone.
            self.restart(name, only_failed=False)
        status = self.until(name, lambda now: now.is_in("stopped"), 0.0, despite_failure=True)
        if not status.is_in("stopped"):
            raise TransientError("CON-104", f"{name} is {status.state}, wanted stopped")

    def forget(self, name: str) -> None:
        """Stop a connector and delete what is recorded of its place. Raises CON-104 if it does not stop in time."""
        self.stop(name)
        if self._recorded(name):
            self._send("DELETE", f"/connectors/{name}/offsets")

    def in_snapshot(self, name: str) -> bool:
        """Tell whether the connector still reads its first snapshot, or has not begun to.

        What it records before the first row, with the notification that it begins, has no place in the log.
        """
        recorded = self._recorded(name)
        return not _has_place(recorded) or any("snapshot" in offset for offset in recorded)

    def has_place(self, name: str) -> bool:
        """Tell whether a place in the log is recorded: a connector without one takes its first snapshot."""
        return _has_place(self._recorded(name))

    def is_unbegun(self, name: str) -> bool:
        """Tell whether something is recorded that a connector which starts takes for a place in the log, and is none.

        PostgreSQL's then skips its snapshot without a word, MariaDB's fails.
        """
        recorded = self._recorded(name)
        return bool(recorded) and not _has_place(recorded)

    def offsets(self, name: str) -> list[dict[str, Any]]:
        """Return what is recorded of a connector's place: objects of `partition` and `offset`, as Connect has them.

        Raises FatalError CON-116 if the connector is not there.
        """
        answer = self._send("GET", f"/connectors/{name}/offsets", form=_Places, missing_ok=True)
        if answer is None:
            raise FatalError("CON-116", name)
        return list(answer["offsets"])

    def put_offsets(self, name: str, offsets: Sequence[Mapping[str, Any]]) -> None:
        """Record another place for a connector that is stopped. Raises CON-102 if its plugin does not take it."""
        self._send("PATCH", f"/connectors/{name}/offsets", body={"offsets": list(offsets)})

    def _recorded(self, name: str) -> list[dict[str, Any]]:
        return [entry["offset"] for entry in self.offsets(name)]

    def remove(self, name: str) -> None:
        """Remove a connector with all that Connect knows of it. Raises CON-104 if it does not stop in time.

        Somebody else may do the same at the same time.
        """
        try:
            self.forget(name)
        except FatalError:
            if self.config(name) is not None:
                raise
        self.delete(name)
        self.until(name, lambda now: now.state == ABSENT, 0.0)

    def delete(self, name: str) -> None:
        """Delete a connector but not its place, from which one of that name would go on; returns before it is gone.

        One that is not there is no error: the answer to the request before may have been lost.
        """
        self._send("DELETE", f"/connectors/{name}", missing_ok=True)

    def validate(self, config: Mapping[str, str]) -> None:
        """Have Connect check a configuration, source login included. Raises CON-102 with every error."""
        plugin = config["connector.class"].rpartition(".")[2]
        path = f"/connector-plugins/{plugin}/config/validate"
        answer = self._send("PUT", path, body=config, form=_Validated, missing_ok=True, timeout_s=_VALIDATION_TIMEOUT_S)
        if answer is None:
            raise FatalError("CON-102", f"the plugin of {plugin} is not installed")
        # Of a setting that only looks like one of its own the MySQL connector (3.6) says nothing at all.
        values = (entry["value"] for entry in answer["configs"])
        errors = [error for value in values if value is not None for error in value["errors"]]
        if errors:
            raise FatalError("CON-102", "".join(f"\n  {masked(error)}" for error in errors))

    def await_state(self, name: str, state: str, settle_s: float, failed_before: str = "") -> None:
        """Wait until the connector has been in the state for so long. Raises CON-103 if it fails, CON-104 if not.

        A failure that was shown before whatever was done about it has to last longer to count as a new one.
        """
        status = self.until(name, lambda now: now.is_in(state), settle_s, failed_before)
        if status.is_in(state):
            return
        if status.failure:
            raise FatalError("CON-103", f"{name}: {status.failure}")
        seen = "/".join([status.state, *(task.state for task in status.tasks)])
        raise TransientError("CON-104", f"{name} is {seen}, wanted {state}")

    def until(
        self,
        name: str,
        holds: Callable[[Status], bool],
        settle_s: float,
        failed_before: str = "",
        *,
        despite_failure: bool = False,
    ) -> Status:
        """Poll until the condition has held for `settle_s`, or time is up; return the last status.

        A failure does not pass by waiting: it ends the wait once it has lasted, too (but for `despite_failure`).
        """
        deadline = time.monotonic() + self._wait_s
        seen, since = "", time.monotonic()
        while True:
            status, now = self.status(name), time.monotonic()
            outcome = _HELD if holds(status) else "" if despite_failure else status.failure
            if outcome != seen:
                seen, since = outcome, now
            lasts = _OLD_FAILURE_S if outcome and outcome == failed_before else settle_s
            if (outcome and now - since >= lasts) or now >= deadline:
                return status
            time.sleep(_POLL_S)

    def _send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        form: Any = None,
        missing_ok: bool = False,
        timeout_s: float = _REQUEST_TIMEOUT_S,
    ) -> Any:
        """Send one request, again while Connect is away or rebalancing; return its JSON, None if not found.

        `form` is the type that an answer has to be of; without one nobody reads it, and it may be empty.
        """
        again = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_delay(self._patience_s),
            wait=wait_exponential_jitter(multiplier=0.2, max=2.0),
            reraise=True,
        )
        response: httpx.Response = again(self._send_once, method, path, body, timeout_s)
        if response.status_code == httpx.codes.NOT_FOUND and missing_ok:
            return None
        if not response.is_success:
            raise _refusal(response)
        if form is None and not response.content:
            return None
        try:
            return msgspec.json.decode(response.content, type=Any if form is None else form)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise _formless(method, path) from error

    def _send_once(self, method: str, path: str, body: Mapping[str, Any] | None, timeout_s: float) -> httpx.Response:
        try:
            response = self._client.request(method, path, json=body, timeout=timeout_s, auth=self._login())
        except httpx.DecodingError as error:
            raise FatalError("CON-105", f"{method} {path} is answered in an encoding that it is not in") from error
        except (httpx.TransportError, UnusableError) as error:
            distrust = fault_of(error)
            if distrust is not None:
                raise NotAdmitted("CON-110", f"{self._settings.url}: {distrust}") from error
            raise TransientError("CON-101", type(error).__name__) from error
        if not response.is_success and isinstance(refusal := _refusal(response), TransientError):
            raise refusal
        return response

    def _login(self) -> httpx.Auth | None:
        """Return user and password as they are now."""
        if self._settings.user is None or self._settings.password is None:
            return None
        try:
            return httpx.BasicAuth(self._settings.user, self._settings.password.reveal())
        except UnresolvedError as error:
            raise NotAdmitted("CON-111", str(error)) from error


def _formless(method: str, path: str) -> FatalError:
    return FatalError("CON-105", f"{method} {path} is not answered as Kafka Connect does")


def _refusal(response: httpx.Response) -> TransientError | FatalError:
    status, message = response.status_code, _message(response)
    if status in _PASSING or (status == httpx.codes.INTERNAL_SERVER_ERROR and _PASSES.search(message or "")):
        return TransientError("CON-101", f"status {status}{_told(message)}")
    if status == httpx.codes.NOT_FOUND and message is None:
        return TransientError("CON-101", "status 404, and not Connect's own: it starts, or something else answers")
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return NotAdmitted("CON-111", f"status {status}")
    if status == httpx.codes.BAD_REQUEST and message is not None:
        return FatalError("CON-102", message)
    return FatalError("CON-105", f"status {status}{_told(message)}")


def _message(response: httpx.Response) -> str | None:
    """Return what Connect says is wrong, secrets masked; None if it is not Connect that says it."""
    try:
        return masked(str(response.json()["message"])).strip()
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _told(message: str | None) -> str:
    return f": {message[:_TRACE_LINE_CHARACTERS]}" if message else ""


def _task(answer: Mapping[str, Any]) -> Task:
    trace = str(answer.get("trace") or "")
    return Task(answer["id"], answer["state"], shortened(trace), _LOST.search(trace) is not None)


def _has_place(recorded: Sequence[Mapping[str, Any]]) -> bool:
    return any(PLACES & offset.keys() for offset in recorded)


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

"""Kafka Connect's REST interface, request by request.

Connect answers 409 while it rebalances. While it starts it has no answer, and then for seconds an answer that is not
its own: 404 to whatever is asked, as if there were no connectors. All of that passes, so every request is repeated for
a while, and nothing is taken for an answer of Connect's that has not its form. Most requests return at once and take
effect later: `until` and `await_state` wait for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self

import httpx
import msgspec
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from cdc import access
from cdc.capture.answer import (
    ABSENT,
    PlacesAnswer,
    PluginAnswer,
    RootAnswer,
    Status,
    StatusAnswer,
    ValidatedAnswer,
    formless,
    masked,
    refusal,
    status_of,
)
from cdc.capture.plugin import LEAST, is_too_old
from cdc.errors import FatalError, NotAdmitted, TransientError
from cdc.reference import UnresolvedError
from cdc.tls import UnusableError, fault_of, reread_context

_POLL_S = 0.25
# A task that is started again on a busy machine is shown as failed for as long as it takes to start.
_OLD_FAILURE_S = 10.0
_HELD = "held"
_REQUEST_TIMEOUT_S = 30.0
# Whoever gives a configuration waits until Connect has validated it, for which it opens a connection to the source.
# Connect gives up by itself after 90 s.
_VALIDATION_TIMEOUT_S = 95.0
_VERBS = {"running": "resume", "paused": "pause", "stopped": "stop"}
# What offsets name a place in the log by: PostgreSQL's, MariaDB's.
PLACES: Final = frozenset({"lsn", "file"})


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
        return str(self._send("GET", "/", form=RootAnswer)["kafka_cluster_id"])

    def config(self, name: str) -> dict[str, str] | None:
        """Return the configuration that Connect has, references unresolved; None for an absent connector."""
        path = f"/connectors/{name}/config"
        answer = self._send("GET", path, form=dict[str, Any], missing_ok=True)
        if answer is not None and "connector.class" not in answer:
            raise formless("GET", path)
        return None if answer is None else {key: str(value) for key, value in answer.items()}

    def status(self, name: str) -> Status:
        """Return connector and task states."""
        answer = self._send("GET", f"/connectors/{name}/status", form=StatusAnswer, missing_ok=True)
        if answer is None:
            return Status(ABSENT)
        return status_of(answer)

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
        return in_snapshot(self._recorded(name))

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
        answer = self._send("GET", f"/connectors/{name}/offsets", form=PlacesAnswer, missing_ok=True)
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

    def require_version(self, connector_class: str) -> None:
        """Raise FatalError CON-191 if the plugin that is installed is of a version that is known to lose rows.

        One that is not installed is not told here: `validate` does.
        """
        if connector_class not in LEAST:
            return
        installed = self._send("GET", "/connector-plugins", form=list[PluginAnswer])
        versions = [plugin.get("version") or "" for plugin in installed if plugin["class"] == connector_class]
        old = [version or "of no version" for version in versions if is_too_old(connector_class, version)]
        if old:
            least = ".".join(map(str, LEAST[connector_class]))
            raise FatalError("CON-191", f"{connector_class} {', '.join(old)}, not {least} or newer")

    def validate(self, config: Mapping[str, str]) -> None:
        """Have Connect check a configuration, source login included.

        Raises CON-102 with every error, CON-191 as `require_version`.
        """
        self.require_version(config["connector.class"])
        plugin = config["connector.class"].rpartition(".")[2]
        path = f"/connector-plugins/{plugin}/config/validate"
        answer = self._send(
            "PUT", path, body=config, form=ValidatedAnswer, missing_ok=True, timeout_s=_VALIDATION_TIMEOUT_S
        )
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
            raise refusal(response)
        if form is None and not response.content:
            return None
        try:
            return msgspec.json.decode(response.content, type=Any if form is None else form)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise formless(method, path) from error

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
        if not response.is_success and isinstance(refused := refusal(response), TransientError):
            raise refused
        return response

    def _login(self) -> httpx.Auth | None:
        """Return user and password as they are now."""
        if self._settings.user is None or self._settings.password is None:
            return None
        try:
            return httpx.BasicAuth(self._settings.user, self._settings.password.reveal())
        except UnresolvedError as error:
            raise NotAdmitted("CON-111", str(error)) from error


def in_snapshot(recorded: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether recorded offsets are those of a connector in its first snapshot, or before it."""
    return not _has_place(recorded) or any("snapshot" in offset for offset in recorded)


def _has_place(recorded: Sequence[Mapping[str, Any]]) -> bool:
    return any(PLACES & offset.keys() for offset in recorded)

"""Kafka Connect's REST interface on its bad days: a command ends with a code, or does all of what it was to.

Commands are processes of their own; between them and the real Connect stands a proxy that goes wrong.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from cdc import access
from cdc.capture.connect import Connect
from cdc.cli.connectors.on_record import NOT_ON_RECORD
from cdc.errors import catalogue
from tests.integration.connectors.deployment import Sources, kind_of
from tests.integration.connectors.gateway import (
    FAULT,
    GARBAGE,
    NOT_READY,
    NOTHING,
    OTHERS,
    PAGE,
    REBALANCE,
    SILENCE,
    Gateway,
)
from tests.integration.service import Deployment

Command = tuple[str, ...]

APPLY, PLAN, PAUSE, RESUME, STATUS, SNAPSHOT, SHOW = COMMANDS = (
    ("apply", "plant"),
    ("plan", "plant"),
    ("pause", "plant"),
    ("resume", "plant"),
    ("status",),
    ("snapshot", "plant", "public.child"),
    ("offsets", "show", "plant"),
)


class Rest:
    """The source `plant`, and the command line by way of the proxy."""

    def __init__(self, sources: Sources, gateway: Gateway) -> None:
        self.sources, self.gateway = sources, gateway
        (sources.folder / "connector-configs" / "books.yaml").unlink()
        self._deployment = Deployment(sources.folder, {**sources.env, "CDC_CONNECT_URL": gateway.url})

    def cdc(self, command: Command, exit_code: int = 0) -> str:
        """Run a command of `cdc connectors`; return what it printed, but for that the target here has no tables."""
        printed = self._deployment.cdc("connectors", *command, exit_code=exit_code)
        return printed.replace(f"{NOT_ON_RECORD}\n", "")

    def exit_code(self, command: Command) -> int:
        """Run a command; return how it ended."""
        return self._deployment.exit_code("connectors", *command)

    def begin(self) -> None:
        """Create the connector, and wait until it has read its two rows."""
        self.sources.cdc("connectors", "apply", "plant")
        self.sources.await_records("plant", lambda records: [kind_of(one) for one in records].count("r") >= 2)

    def must_fail(self, command: Command, code: str) -> None:
        """Run a command that ends with a code, and says what to do next."""
        told = self.cdc(command, exit_code=1)
        assert told.splitlines()[0].startswith(f"{code} {catalogue()[code].title}"), (command, told)
        assert f"  next:  {catalogue()[code].action}" in told
        assert "geheim" not in told

    def prepare(self, command: Command) -> None:
        """Bring the connector to where the command has something to do."""
        if command == APPLY:
            with Connect(access.Connect(self.sources.env["CDC_CONNECT_URL"])) as connect:
                if connect.config("plant") is not None:
                    connect.remove("plant")
        else:
            self.sources.cdc("connectors", "pause" if command == RESUME else "resume", "plant")

    def must_be_done(self, command: Command) -> None:
        """Wait until the connector is as the command wanted it; let it run, and see that a change arrives."""
        deadline = time.monotonic() + 60
        state = "paused" if command == PAUSE else "running"
        while True:
            (found,) = json.loads(self._printed("status", "--json"))
            if (found["connector"], found["task"], found["unread"]) == (state, state, []):
                break
            assert time.monotonic() < deadline, found
            time.sleep(0.5)
            if command == SNAPSHOT:
                self.sources.cdc("connectors", "apply", "plant")
        self.sources.cdc("connectors", "resume", "plant")
        ((before,),) = self.sources.plant.execute("SELECT max(id) FROM child").fetchall()
        self.sources.plant.execute("INSERT INTO child VALUES (%s, 1, NULL)", (before + 1,))
        self.sources.await_records("plant", lambda records: before + 1 in inserted(records))

    def _printed(self, *command: str) -> str:
        """Return the document that a command prints, whatever its exit code."""
        for code in (0, 4):
            try:
                return self.sources.cdc("connectors", *command, exit_code=code)
            except AssertionError:
                if code:
                    raise
        raise AssertionError


def inserted(records: list[dict[str, object]]) -> list[object]:
    """Return the ids of the rows that were inserted."""
    return [record["after"]["id"] for record in records if kind_of(record) == "c"]  # type: ignore[index]


@pytest.fixture
def rest(sources: Sources) -> Iterator[Rest]:
    with Gateway(sources.env["CDC_CONNECT_URL"]) as gateway:
        yield Rest(sources, gateway)


LASTING = {
    "fault": (FAULT, "CON-105"),
    "page": (PAGE, "CON-105"),
    "others": (OTHERS, "CON-105"),
    "rebalance": (REBALANCE, "CON-101"),
    "starts": (NOT_READY, "CON-101"),
    "garbage": (GARBAGE, "CON-101"),
    "closed": (NOTHING, "CON-101"),
    "silence": (SILENCE, "CON-101"),
}


@pytest.mark.slow  # half a minute each; every day: unit/cdc/capture/test_connect.py
@pytest.mark.parametrize("how", LASTING)
def test_what_lasts_ends_each_command_before_anything_is_changed(rest: Rest, how: str) -> None:
    fault, code = LASTING[how]
    rest.begin()
    place = rest.sources.cdc("connectors", "offsets", "show", "plant")
    rest.gateway.go_wrong(fault)
    with ThreadPoolExecutor(len(COMMANDS)) as all_at_once:
        list(all_at_once.map(lambda command: rest.must_fail(command, code), COMMANDS))
    assert rest.gateway.changes == []
    rest.gateway.go_well()
    assert place.startswith("plant: ")
    assert rest.sources.status()[0]["unread"] == []
    assert "nothing to do" in rest.cdc(APPLY)


@pytest.mark.slow  # each fault with each command
def test_what_passes_is_waited_for(rest: Rest) -> None:
    rest.begin()
    for fault, command, told in (
        (NOT_READY, STATUS, "running"),  # first: after a minute it says that nobody lands here
        (REBALANCE, PAUSE, "plant: paused"),
        (NOTHING, RESUME, "plant: running"),
        (NOTHING, PLAN, "plant: nothing to do"),
        (GARBAGE, SHOW, "plant: "),
    ):
        rest.gateway.go_wrong(fault, 2)
        assert told in rest.cdc(command)
        assert rest.gateway.has_gone_wrong


@pytest.mark.slow  # each answer that says that something was done, of each command: minutes
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", [FAULT, NOTHING], ids=["fault", "closed"])
@pytest.mark.parametrize("command", [APPLY, PAUSE, RESUME, SNAPSHOT], ids=lambda command: command[0])
def test_an_answer_is_lost(rest: Rest, command: Command, fault: bytes) -> None:
    if command != APPLY:
        rest.begin()
    for number in itertools.count():
        rest.prepare(command)
        rest.gateway.lose_answer(fault, number)
        exit_code = rest.exit_code(command)
        if not rest.gateway.has_gone_wrong:
            assert (exit_code, number > 0) == (0, True)
            return
        # What Connect says is believed; where it says nothing it is asked again.
        assert exit_code == (1 if fault == FAULT else 0), rest.gateway.changes
        rest.gateway.go_well()
        rest.cdc(command)
        rest.must_be_done(command)

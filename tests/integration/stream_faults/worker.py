"""A worker as a child process: `cdc land`, what it said and how it ended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cdc.errors import catalogue
from tests.integration.service import Deployment, start

PATIENCE_S = 60


class Worker:
    """One running `cdc land`, with these options."""

    def __init__(self, env: Mapping[str, str], log: Path, *options: str) -> None:
        self.log = log
        self.process = start(env, log, "land", *options)

    @property
    def pid(self) -> int:
        """The process."""
        return self.process.pid

    def exit_code(self) -> int:
        """Wait for the end."""
        return self.process.wait(PATIENCE_S)

    def stop(self) -> int:
        """Send SIGTERM and wait for the end."""
        self.process.terminate()
        return self.exit_code()

    def must_fail(self, *codes: str) -> None:
        """Wait for an end with exit code 1, and see that one of the codes and what to do next were said at last."""
        assert self.exit_code() == 1, self.said()
        last = self.said().rpartition("}\n")[2]  # behind the events of the log
        code = next((code for code in codes if last.startswith(code)), codes[0])
        entry = catalogue()[code]
        assert last.startswith(f"{code} {entry.title}"), self.said()
        assert last.endswith(f"  next:  {entry.action}\n"), self.said()

    def said(self) -> str:
        """Return all output so far."""
        return self.log.read_text()


@contextmanager
def landing(deployment: Deployment, *options: str, **variables: str) -> Iterator[Worker]:
    """Run a `cdc land`, with some variables changed; it is killed if it does not end inside the block."""
    number = len(list(deployment.folder.glob("land-*.log")))
    worker = Worker({**deployment.env, **variables}, deployment.folder / f"land-{number}.log", *options)
    try:
        yield worker
    finally:
        worker.process.kill()
        worker.process.wait()


def events(log: Path) -> list[dict[str, Any]]:
    """Return the events of a log."""
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


def await_event(log: Path, wanted: Callable[[dict[str, Any]], bool], since: int = 0) -> dict[str, Any]:
    """Wait until an event is in the log, behind the first `since`; return the first one."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := [event for event in events(log)[since:] if wanted(event)]):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    return found[0]

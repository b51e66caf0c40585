"""Workers as child processes: the real command, told where to die, or a patched one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cdc.crash import VARIABLE
from cdc.errors import catalogue
from tests.integration.service import Deployment
from tests.integration.stream_faults.worker import events

PATIENCE_S = 60
# It ends with the tests even if those are killed.
_PYTHON = ("setpriv", "--pdeathsig", "KILL", sys.executable, "-m")


class Worker:
    """One running `cdc land` or `cdc derive`. `crash` is an order for it, `program` what stands in for the command."""

    def __init__(
        self, deployment: Deployment, *arguments: str, crash: str = "", program: Sequence[str] = ("cdc",), **env: str
    ) -> None:
        number = len(list(deployment.folder.glob("*.log")))
        self.log = deployment.folder / f"{number:03}-{arguments[0]}.log"
        orders = {VARIABLE: crash} if crash else {}
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                (*_PYTHON, *program, *arguments),
                env={**deployment.env, **orders, **env, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
                stdout=output,
                stderr=output,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def died(self) -> None:
        """Wait until the worker has been killed by the order that it was given."""
        assert self.exit_code() == -signal.SIGKILL, self.said()

    def exit_code(self) -> int:
        return self.process.wait(PATIENCE_S)

    def must_fail(self, code: str) -> None:
        """Wait for an end with exit code 1, and see that the code and what to do next were said at last."""
        assert self.exit_code() == 1, self.said()
        entry = catalogue()[code]
        last = self.said().rpartition("}\n")[2]
        assert last.startswith(f"{code} {entry.title}"), self.said()
        assert last.endswith(f"  next:  {entry.action}\n"), self.said()

    def has_started(self) -> None:
        """Wait until the worker ends in order when it is told to; before that it would just be gone."""
        until(lambda: "worker_started" in self.said() or self.process.poll() is not None, "started")

    def stop(self) -> None:
        """Tell the worker to end, which it does in order."""
        self.has_started()
        self.process.terminate()
        assert self.exit_code() == 0, self.said()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def is_frozen(self) -> bool:
        """Whether the process is stopped by a signal."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def said(self) -> str:
        return self.log.read_text()

    def events(self) -> list[dict[str, Any]]:
        return events(self.log)


def until(holds: Callable[[], bool], what: str = "", timeout_s: float = PATIENCE_S) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"it never came true: {what}"
        time.sleep(0.02)

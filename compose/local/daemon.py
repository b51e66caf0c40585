"""One background process of the stack: started detached, found again by pid and start time, stopped by its own signal.

The pid record also holds a fingerprint of command and environment: a start with other ports or settings replaces the
running process instead of taking it for the wanted one.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from compose.local.proc_table import Process, find_process, port_holder, processes_in

_LOG_LIMIT_BYTES = 10_000_000
_children: dict[int, subprocess.Popen[bytes]] = {}


class _Record(TypedDict):
    pid: int
    started_ticks: int
    fingerprint: str


class StackError(Exception):
    """The stack cannot do what was asked; the message is one sentence for a person, with the way out."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """How one background process is run. `ports` maps each port it listens on to the variable that changes it."""

    name: str
    local: Path
    folder: Path
    executable: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    ports: Mapping[int, str]
    run_as: str | None = None
    stop_signals: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGKILL)
    settings: str = ""
    stop_timeout_s: float = field(default=20.0)

    @property
    def log(self) -> Path:
        """The file that standard output and error go to."""
        return self.local / "log" / f"{self.name}.log"

    @property
    def record(self) -> Path:
        """The file that names the running process."""
        return self.local / "run" / f"{self.name}.json"

    def running(self) -> Process | None:
        """Return the recorded process if it still is the one that was recorded."""
        record = self._read_record()
        if record is None:
            return None
        child = _children.get(record["pid"])
        if child is not None:
            child.poll()
        process = Process(record["pid"], record["started_ticks"])
        return process if process.alive() else None

    def current(self) -> bool:
        """Tell whether the recorded process was started by this very command, environment and settings."""
        record = self._read_record()
        return record is not None and self.running() is not None and record["fingerprint"] == self._fingerprint()

    def start(self) -> None:
        """Start the process unless it runs as wanted; leftovers of ours in its folder are ended first.

        Raises StackError when a port is held by somebody else.
        """
        if self.current():
            return
        self.stop()
        for port, variable in self.ports.items():
            holder = port_holder(port)
            if holder is not None:
                raise StackError(
                    f"Port {port} for {self.name} is in use ({holder}): end it, or set {variable} to a free port."
                )
        self._launch()

    def stop(self) -> None:
        """Stop the process and every orphan of it: first by its own signal, by SIGKILL at last."""
        was_running = self.running() is not None
        for signal_number in self.stop_signals:
            targets = self._family()
            if not targets:
                break
            recorded = self.running()
            for target in [recorded] if recorded in targets else targets:
                _send(target, signal_number)
            self._wait_gone(self.stop_timeout_s)
        if self._family():
            raise StackError(f"{self.name} does not end, not even by SIGKILL; see {self.log}.")
        self.record.unlink(missing_ok=True)
        if was_running:
            self._await_ports()

    def kill(self) -> None:
        """End the process as a crash would: SIGKILL, nothing cleaned up."""
        process = self.running()
        if process is not None:
            _send(process, signal.SIGKILL)
            self._wait_gone(self.stop_timeout_s)
            self._await_ports()

    def last_log_line(self) -> str:
        """Return the last line of the log that is not empty, for a message."""
        if not self.log.exists():
            return ""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip() if lines else ""

    def _launch(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.record.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                self.argv,
                cwd=self.folder,
                env=dict(self.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # survives the shell and its Ctrl-C
                user=self.run_as,
                group=self.run_as,
                extra_groups=[] if self.run_as else None,
            )
        _children[child.pid] = child
        process = find_process(child.pid)
        if process is None:
            raise StackError(f"{self.name} ended at once: {self.last_log_line()} (log: {self.log})")
        record = _Record(pid=process.pid, started_ticks=process.started_ticks, fingerprint=self._fingerprint())
        partial = self.record.with_suffix(".partial")
        partial.write_text(json.dumps(record))
        partial.replace(self.record)

    def _family(self) -> list[Process]:
        recorded = self.running()
        others = processes_in(self.folder, self.executable)
        return others if recorded is None or recorded in others else [recorded, *others]

    def _wait_gone(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while self._family() and time.monotonic() < deadline:
            time.sleep(0.05)

    def _await_ports(self) -> None:
        """Wait for the ports of a process that has ended: its last threads let go of them."""
        deadline = time.monotonic() + self.stop_timeout_s
        while any(map(port_holder, self.ports)) and time.monotonic() < deadline:
            time.sleep(0.01)

    def _read_record(self) -> _Record | None:
        try:
            record: _Record = json.loads(self.record.read_text())
        except (OSError, ValueError):
            return None
        return record

    def _fingerprint(self) -> str:
        ours = sorted((name, value) for name, value in self.env.items() if name.startswith("CDC_"))
        return hashlib.sha256(json.dumps([self.argv, ours, self.settings]).encode()).hexdigest()


def _send(process: Process, signal_number: signal.Signals) -> None:
    if process.alive():
        os.kill(process.pid, signal_number)

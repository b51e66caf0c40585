"""What Linux knows of running processes, read from /proc: who runs, where, since when, and who listens on a port.

A pid alone names nobody (pids are used again), so a process is named by pid and start time, and an orphan of ours is
recognised by its working folder: every daemon works in a data folder that nothing else works in.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LISTEN = "0A"


@dataclass(frozen=True, slots=True)
class Process:
    """One process: pid and its start time in clock ticks since boot, which together name it for ever."""

    pid: int
    started_ticks: int

    def alive(self) -> bool:
        """Tell whether this very process still runs; a zombie has ended."""
        return find_process(self.pid) == self


def find_process(pid: int) -> Process | None:
    """Return the running process with this pid, or None; zombies count as ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The command name may hold blanks and brackets; the fields after the last bracket do not.
    fields = text.rpartition(")")[2].split()
    if fields[0] in "ZX":
        return None
    return Process(pid, int(fields[19]))


def processes_in(folder: Path, executable: str) -> list[Process]:
    """Return the processes that run `executable` (file name) with `folder` as working folder, removed or not."""
    wanted = {str(folder), f"{folder} (deleted)"}
    found = []
    for pid in _pids():
        if _link(f"/proc/{pid}/cwd") in wanted and _executable(pid) == executable:
            process = find_process(pid)
            if process is not None:
                found.append(process)
    return found


def port_holder(port: int) -> str | None:
    """Return who listens on a TCP port of this machine as words for a message, or None when nobody does."""
    sockets = set(_listening_sockets(port))
    if not sockets:
        return None
    for pid in _pids():
        if sockets & set(_open_sockets(pid)):
            return (
                f"{_executable(pid) or 'a process'}, pid {pid}, in {_link(f'/proc/{pid}/cwd') or 'an unknown folder'}"
            )
    return "a process of another user"


def _listening_sockets(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not os.path.exists(table):
            continue
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                yield f"socket:[{fields[9]}]"


def _open_sockets(pid: int) -> Iterator[str]:
    try:
        descriptors = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return
    for descriptor in descriptors:
        yield _link(f"/proc/{pid}/fd/{descriptor}")


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _executable(pid: int) -> str:
    return os.path.basename(_link(f"/proc/{pid}/exe").removesuffix(" (deleted)"))


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""

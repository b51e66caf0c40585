"""Throw-away source servers for a test session: the ERP's MariaDB and the MES's PostgreSQL, empty, on free ports."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from compose.local.env import REPO, environment
from compose.local.proc_table import find_process
from compose.local.stack import Stack

_ROOT = REPO / ".local" / "throwaway-source"
_SERVERS = ("erp", "mes")


@contextmanager
def throwaway_sources(**settings: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Start both servers and yield the variables by which the stack's settings refer to them.

    `settings` are added to those of a server, `erp` or `mes`. Servers with different ones may be up side by side.
    """
    for folder in _ROOT.glob("*"):
        if find_process(int(folder.name.partition(".")[0])) is None:  # its session was killed
            _remove(folder)
    (*ports, tag) = map(str, _free_ports(3))
    local = _ROOT / f"{os.getpid()}.{tag}"
    env = environment({"CDC_LOCAL": str(local), **dict(zip(("CDC_PORT_ERP", "CDC_PORT_MES"), ports, strict=True))})
    try:
        Stack(env, settings).start(_SERVERS)
        yield env
    finally:
        _remove(local)


def _remove(local: Path) -> None:
    Stack(environment({"CDC_LOCAL": str(local)})).stop(_SERVERS)
    shutil.rmtree(local, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()

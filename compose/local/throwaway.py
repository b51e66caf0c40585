"""A throw-away PostgreSQL target of its own for a test session: free port, own data folder, gone afterwards."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from compose.local.databases import target_server
from compose.local.env import REPO, environment
from compose.local.postgres import PostgresServer
from compose.local.proc_table import find_process
from compose.local.service import bring_up

DISK = REPO / ".local" / "throwaway"


@contextmanager
def throwaway_target(root: Path = DISK) -> Iterator[PostgresServer]:
    """Start an empty target server and yield it: role and database `cdc`, like the stack's own.

    Its folder is in `root`, which has those of other sessions as well, and nothing else.
    """
    _sweep(root)
    local = root / str(os.getpid())
    server = target_server(environment({"CDC_LOCAL": str(local), "CDC_PORT_TARGET": str(_free_port())}))
    # Tests kill sessions by hundreds, and the server notices when it comes to it.
    server = dataclasses.replace(server, settings={**server.settings, "max_connections": "400"})
    try:
        bring_up(server, 30, threading.Event())
        yield server
    finally:
        _stop_at_once(local)


def _sweep(root: Path) -> None:
    """Remove what sessions left behind that were killed."""
    for folder in root.glob("*"):
        if find_process(int(folder.name)) is None:
            _stop_at_once(folder)


def _stop_at_once(local: Path) -> None:
    daemon = target_server(environment({"CDC_LOCAL": str(local)})).daemon()
    dataclasses.replace(daemon, stop_signals=(signal.SIGQUIT, signal.SIGKILL)).stop()
    shutil.rmtree(local, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port

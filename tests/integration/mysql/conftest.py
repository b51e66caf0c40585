"""A MySQL server beside the stack of the session. It is fetched for these tests only: all of them are slow."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.local.env import process_environment
from compose.local.mysql import MySqlServer
from compose.local.service import bring_up
from compose.local.stack import Stack


@pytest.fixture(scope="session")
def env(stack: Stack) -> Iterator[dict[str, str]]:
    """The variables of the stack, those of the ERP leading to a MySQL server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = process_environment({**stack.env, "CDC_ERP_PORT": str(port)})
    server = MySqlServer(Path(stack.env["CDC_LOCAL"]), port, own)
    bring_up(server, 120, threading.Event())
    try:
        yield own
    finally:
        server.daemon().stop()


@pytest.fixture
def mysql_stack(env: dict[str, str]) -> Stack:
    """The stack as those variables have it. Connect is killed and started by the other one: it goes on for others."""
    return Stack(env)

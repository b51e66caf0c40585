"""Kills hit what they aim at. The worker is a stand-in: a child process that keeps a transaction of its own open."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import psycopg
import pytest

from compose.demo.kill import kill_worker, workers
from compose.demo.schedule import PlannedKill
from compose.local.proc_table import Process, find_process

_PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2], "land"])
print("up", flush=True)
child.wait()
sys.stdin.read()
"""
_WRITES = """
import sys, time, psycopg
with psycopg.connect(sys.argv[1], application_name="cdc land") as connection:
    connection.execute("CREATE TEMP TABLE written (id int)")
    time.sleep(60)
"""
_IDLES = """
import sys, time, psycopg
with psycopg.connect(sys.argv[1], application_name="cdc land", autocommit=True):
    time.sleep(60)
"""


@pytest.fixture
def parent(module_dsn: str, request: pytest.FixtureRequest) -> Iterator[Process]:
    process = subprocess.Popen(
        [sys.executable, "-c", _PARENT, request.param, module_dsn], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    found = find_process(process.pid)
    assert found is not None
    deadline = time.monotonic() + 60
    while not workers(found):  # a program that was just started has no arguments for a moment
        assert time.monotonic() < deadline
    yield found
    process.communicate()
    assert process.wait() == 0


@pytest.mark.parametrize("parent", [_WRITES], indirect=True)
def test_a_worker_is_killed_inside_its_open_transaction(module_dsn: str, parent: Process) -> None:
    child = workers(parent)["land"]
    with psycopg.connect(module_dsn, autocommit=True) as connection:
        kill = kill_worker(PlannedKill(0, "land"), parent, connection, time.monotonic())
    assert kill is not None
    assert (kill.pid, kill.hit) == (child.pid, True)
    _await_end(child)


@pytest.mark.parametrize("parent", [_IDLES], indirect=True)
def test_a_kill_that_hits_no_transaction_says_so(module_dsn: str, parent: Process) -> None:
    child = workers(parent)["land"]
    with psycopg.connect(module_dsn, autocommit=True) as connection:
        kill = kill_worker(PlannedKill(0, "land"), parent, connection, time.monotonic())
    assert kill is not None
    assert not kill.hit
    _await_end(child)


@pytest.mark.parametrize("parent", [_IDLES], indirect=True)
def test_a_worker_that_does_not_run_is_not_killed(module_dsn: str, parent: Process) -> None:
    with psycopg.connect(module_dsn, autocommit=True) as connection:
        assert kill_worker(PlannedKill(0, "derive"), parent, connection, time.monotonic()) is None
        kill_worker(PlannedKill(0, "land"), parent, connection, time.monotonic())


def _await_end(process: Process) -> None:
    deadline = time.monotonic() + 10
    while process.alive():
        assert time.monotonic() < deadline
        time.sleep(0.01)

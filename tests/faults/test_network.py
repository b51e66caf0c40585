"""Between workers and target the network fails: answers get lost, connections are reset, one side does not notice."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from tests.faults.cell import Cell
from tests.faults.proxy import Proxy
from tests.faults.worker import Worker, until

# The other worker goes the same way through the network; only what it has open there differs.
LAND_IN_CI = pytest.mark.parametrize("pair", ["land", pytest.param("derive", marks=pytest.mark.slow)], indirect=True)


@pytest.fixture
def proxy(stack: object) -> Iterator[Proxy]:
    """Between a worker and the target."""
    with Proxy(int(stack.env["CDC_PORT_TARGET"])) as proxy:  # type: ignore[attr-defined]
        yield proxy


@pytest.fixture(params=["land", "derive"])
def pair(request: pytest.FixtureRequest, new_cell: Callable[..., Cell], proxy: Proxy) -> tuple[Cell, Worker, Worker]:
    """A cell, a worker that reaches the target through the proxy, and the other one that does not."""
    cell = new_cell()
    start, other = (cell.land, cell.derive) if request.param == "land" else (cell.derive, cell.land)
    beside = other()
    return cell, start(CDC_TARGET_PORT=str(proxy.port)), beside


def test_the_answer_to_commit_is_lost(pair: tuple[Cell, Worker, Worker], proxy: Proxy) -> None:
    """The worker's own commit is found, not taken for that of another one; three times."""
    cell, worker, beside = pair
    with cell.retries():
        for number in (3, 2, 1):
            proxy.lose_commit(number)
            until(lambda: proxy.has_lost_answer, "lost")
    cell.require_recovery(worker, beside)
    assert worker.said().count("TGT-101") >= 3
    assert "LND-105" not in worker.said()


def test_a_worker_is_killed_when_its_commit_is_answered(new_cell: Callable[..., Cell], proxy: Proxy) -> None:
    """W7: COMMIT was sent and is done, its answer not read."""
    cell = new_cell()
    for start in (cell.land, cell.derive):
        for number in (3, 4, 5):
            worker = start(CDC_TARGET_PORT=str(proxy.port))
            proxy.lose_commit(number, lambda pid=worker.pid: os.kill(pid, signal.SIGKILL))
            with cell.retries():
                worker.died()
    cell.require_recovery(cell.land(), cell.derive())


@pytest.mark.parametrize("name", ["land", "derive"])
def test_the_target_is_lost_while_a_worker_starts(name: str, new_cell: Callable[..., Cell], proxy: Proxy) -> None:
    """In its first query, which asks whether the target is prepared."""
    cell = new_cell()
    start, other = (cell.land, cell.derive) if name == "land" else (cell.derive, cell.land)
    proxy.lose_answer(b"0001_base")
    worker = start(CDC_TARGET_PORT=str(proxy.port))
    until(lambda: proxy.has_lost_answer, "lost")
    cell.require_recovery(worker, other())


@LAND_IN_CI
def test_connections_are_reset(pair: tuple[Cell, Worker, Worker], proxy: Proxy) -> None:
    cell, worker, beside = pair
    moment = random.Random(1)
    with cell.retries():
        cuts = 0
        while cuts < 6:
            assert worker.process.poll() is None, worker.said()
            cuts += proxy.cut()
            time.sleep(moment.uniform(0.0, 0.4))
    cell.require_recovery(worker, beside)


@LAND_IN_CI
def test_the_target_does_not_notice_that_a_connection_is_gone(pair: tuple[Cell, Worker, Worker], proxy: Proxy) -> None:
    """Its half of the connection stays open, with locks and lease, until it is ended."""
    cell, worker, beside = pair
    with cell.retries():
        cuts = 0
        while cuts < 2:
            assert worker.process.poll() is None, worker.said()
            cuts += proxy.cut(server_too=False)
            time.sleep(0.3)
    cell.require_recovery(worker, beside, timeout_s=120)


@LAND_IN_CI
def test_nothing_passes_for_a_while(pair: tuple[Cell, Worker, Worker], proxy: Proxy) -> None:
    """Longer than the target lets a transaction wait for its client."""
    cell, worker, beside = pair
    until(lambda: cell.has_landed(2), "batches")
    proxy.hold()
    time.sleep(8)
    proxy.release()
    cell.require_recovery(worker, beside)


@pytest.mark.slow
def test_bytes_come_one_by_one(pair: tuple[Cell, Worker, Worker], proxy: Proxy) -> None:
    cell, worker, beside = pair
    proxy.be_slow(0.0, 1)
    cell.require_recovery(worker, beside, timeout_s=240)


@pytest.mark.slow
def test_every_answer_takes_its_time(pair: tuple[Cell, Worker, Worker], proxy: Proxy) -> None:
    cell, worker, beside = pair
    proxy.be_slow(0.02, 4096)
    cell.require_recovery(worker, beside, timeout_s=240)

"""The broker dies, and the network between it and the land worker fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from compose.local.kafka import Broker
from compose.local.service import bring_up
from compose.local.stack import Stack
from tests.faults.cell import Cell
from tests.faults.ports import free_ports
from tests.faults.proxy import Proxy
from tests.faults.streams import Streams
from tests.faults.worker import until


@pytest.fixture
def _broker_comes_back(stack: Stack) -> Iterator[None]:
    """Also when a test has failed half-way."""
    yield
    stack.start(["kafka"])


# While records are in hand, and while a batch is open. A broker that was killed takes twenty seconds to come back.
@pytest.mark.usefixtures("_broker_comes_back")
@pytest.mark.parametrize("point", [pytest.param("W1:3", marks=pytest.mark.slow), "W6:3"])
def test_the_broker_is_killed(point: str, stack: Stack, new_cell: Callable[..., Cell]) -> None:
    cell = new_cell()
    derive, land = cell.derive(), cell.land(crash=f"{point}:STOP")
    until(land.is_frozen, "frozen")
    stack.services()["kafka"].daemon().kill()
    land.thaw()
    until(lambda: "STR-109" in land.said(), "noticed")
    stack.start(["kafka"])
    cell.require_recovery(land, derive)


@pytest.mark.slow
@pytest.mark.usefixtures("_broker_comes_back")
def test_the_broker_is_killed_while_nothing_is_to_be_done(stack: Stack, new_cell: Callable[..., Cell]) -> None:
    cell = new_cell()
    derive, land = cell.derive(), cell.land()
    until(cell.is_done, "done")
    stack.services()["kafka"].daemon().kill()
    until(lambda: "STR-109" in land.said(), "noticed")
    stack.start(["kafka"])
    cell.require_recovery(land, derive)


@pytest.fixture(scope="module")
def distant(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Proxy, Streams]]:
    """A second broker, which tells its clients to come through a proxy."""
    ports = free_ports(2)
    with Proxy(ports[0]) as proxy:
        listeners = {"advertised.listeners": f"PLAINTEXT://127.0.0.1:{proxy.port}"}
        local, jars = tmp_path_factory.mktemp("distant"), Path(stack.env["CDC_JARS"])
        broker = Broker(local, jars, *ports, stack.env, listeners)
        with running(broker):
            yield proxy, Streams(f"127.0.0.1:{proxy.port}")


@contextmanager
def running(broker: Broker) -> Iterator[None]:
    try:
        bring_up(broker, 60, Event())
        yield
    finally:
        broker.daemon().stop()


def far_cell(new_cell: Callable[..., Cell], distant: tuple[Proxy, Streams]) -> Cell:
    proxy, streams = distant
    return new_cell(topics=streams.written(1), CDC_KAFKA=f"127.0.0.1:{proxy.port}")


def test_connections_to_the_broker_are_reset(new_cell: Callable[..., Cell], distant: tuple[Proxy, Streams]) -> None:
    cell = far_cell(new_cell, distant)
    land, derive = cell.land(), cell.derive()
    until(lambda: cell.has_landed(1), "batches")
    for _ in range(5):
        distant[0].cut()
        time.sleep(0.2)
    cell.require_recovery(land, derive)


@pytest.mark.slow
def test_nothing_passes_from_the_broker_for_longer_than_the_session(
    new_cell: Callable[..., Cell], distant: tuple[Proxy, Streams]
) -> None:
    cell = far_cell(new_cell, distant)
    land, derive = cell.land(), cell.derive()
    until(lambda: cell.has_landed(1), "batches")
    distant[0].hold()
    time.sleep(8)
    distant[0].release()
    cell.require_recovery(land, derive)


@pytest.mark.slow
def test_bytes_from_the_broker_come_in_pieces(new_cell: Callable[..., Cell], distant: tuple[Proxy, Streams]) -> None:
    cell = far_cell(new_cell, distant)
    distant[0].be_slow(0.001, 64)
    cell.require_recovery(cell.land(), cell.derive(), timeout_s=240)
    distant[0].be_slow(0.0, 65536)

"""What a client that does not come about leaves behind, and what it says: on sockets of this test, without a broker."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cdc.access import Kafka, KafkaSecurity
from cdc.errors import TransientError
from cdc.stream.connection import _received
from cdc.stream.topic import kafka_admin

PATIENCE_MS = 300


@contextmanager
def silent_server() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        yield f"{host}:{port}"


def failure(kafka: Kafka) -> TransientError:
    with pytest.raises(TransientError, match="STR-109") as failed, kafka_admin(kafka, PATIENCE_MS):
        pass
    return failed.value


def test_nobody_who_answers_is_told_as_such_and_leaves_no_thread(unused_port: int) -> None:
    before = set(threading.enumerate())
    assert "ECONNREFUSED" in failure(Kafka(f"127.0.0.1:{unused_port}, 127.0.0.1:{unused_port}")).detail
    assert set(threading.enumerate()) <= before


def test_a_handshake_that_nobody_answers_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cdc.stream.connection._HANDSHAKE_S", 0.2)
    with silent_server() as address:
        assert "Handshake failed" in failure(Kafka(address, KafkaSecurity("SSL"))).detail


def test_what_came_with_the_end_of_a_connection_is_delivered_before_it() -> None:
    end = ConnectionResetError()
    answers = iter([(b"last words", end), (b"", end), (b"more", None)])
    assert [_received(lambda: next(answers)) for _ in range(3)] == [(b"last words", None), (b"", end), (b"more", None)]


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port

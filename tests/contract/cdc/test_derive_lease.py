"""Who stands by ends the session that has the lease when its client is silent, and only then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from cdc.derive.lease import HolderWatch
from tests.beside import beside

PLAN: Any = SimpleNamespace(name="parties")
LOCK = "SELECT pg_advisory_lock(hashtextextended('cdc derive parties', 0))"
PATIENCE_S = 0.5


@pytest.fixture
def connect(module_dsn: str) -> Iterator[Callable[[], psycopg.Connection]]:
    made: list[psycopg.Connection] = []

    def connect() -> psycopg.Connection:
        made.append(psycopg.connect(module_dsn, autocommit=True))
        return made[-1]

    yield connect
    for connection in made:
        connection.close()


def looks(watcher: psycopg.Connection, seconds: float = 3 * PATIENCE_S) -> list[bool]:
    """Look again and again, as the worker does."""
    watch, looks, deadline = HolderWatch(PATIENCE_S), [], time.monotonic() + seconds
    while time.monotonic() < deadline:
        looks.append(watch.look(watcher, PLAN))
        time.sleep(PATIENCE_S / 10)
    return looks


def end(holder: psycopg.Connection) -> None:
    with pytest.raises(psycopg.OperationalError):
        holder.execute("SELECT 1")


def test_a_holder_between_two_statements_is_ended(connect: Callable[[], psycopg.Connection]) -> None:
    holder = connect()
    holder.execute(LOCK)
    assert any(looks(connect()))
    end(holder)


def test_a_holder_inside_of_copy_is_ended(connect: Callable[[], psycopg.Connection]) -> None:
    holder = connect()
    holder.execute(f"CREATE TEMP TABLE staged (n int); {LOCK}".encode())
    copy = holder.cursor().copy("COPY staged FROM STDIN")
    copy.__enter__()
    assert any(looks(connect()))
    with pytest.raises(psycopg.OperationalError):
        copy.__exit__(None, None, None)


def test_a_holder_that_asks_now_and_then_is_left_alone(connect: Callable[[], psycopg.Connection]) -> None:
    holder = connect()
    holder.execute(LOCK)

    def ask(enough: threading.Event) -> None:
        while not enough.wait(PATIENCE_S / 5):
            holder.execute("SELECT 1")

    with beside(ask):
        found = looks(connect())
    assert not any(found)


def test_a_holder_whose_statement_takes_long_is_left_alone(connect: Callable[[], psycopg.Connection]) -> None:
    holder = connect()
    holder.execute(LOCK)
    thread = threading.Thread(target=holder.execute, args=("SELECT pg_sleep(3)",))
    thread.start()
    found = looks(connect())
    thread.join()
    assert not any(found)


def test_a_session_without_the_lease_is_left_alone(connect: Callable[[], psycopg.Connection]) -> None:
    other = connect()
    other.execute(LOCK.replace("parties", "lots"))
    assert not any(looks(connect()))
    other.execute("SELECT 1")

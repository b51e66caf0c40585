"""Rows that the network takes its time for: landing waits for nothing that it has not asked for in full."""

from __future__ import annotations

import socket
from contextlib import closing

import psycopg
import pytest

from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import item
from tests.unit.cdc.stream.wire import PostgresWire


def slow_down(connection: psycopg.Connection) -> None:
    """Let the socket take the least that there is at a time."""
    with closing(socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM)) as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)


@pytest.mark.timeout(60)  # it would wait for ever
@pytest.mark.parametrize("rows", [1, 90])
def test_long_values_in_a_small_batch_land(stage: Stage, rows: int) -> None:
    slow_down(stage.connection)
    text = "x" * (6_000_000 // rows)
    wire = PostgresWire()
    for note in (text, "\x00" + text):
        wire.begin()
        for number in range(rows):
            wire.insert("item", "id", item(number, note=note))
        wire.end()
        stage.land(wire.records)
    assert stage.query("SELECT count(*), sum(length(note)) FROM src.item") == [(rows, rows * len(text))]
    assert stage.query("SELECT count(*) FROM cdc.refused") == [(rows,)]

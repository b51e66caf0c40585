"""A source taken off whose connector somebody has deleted by Kafka Connect itself, which keeps the place."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from cdc import access
from cdc.access import Kafka
from cdc.capture.connect import Connect
from cdc.capture.connector import render
from cdc.capture.removal import DONE, LEFT, NOTHING, Outcome, Removal, take
from tests.integration.connectors.deployment import FILES, Sources, kind_of
from tests.integration.connectors.test_snapshot import wait_until


@pytest.fixture
def connect(sources: Sources) -> Iterator[Connect]:
    with Connect(access.Connect(sources.env["CDC_CONNECT_URL"])) as client:
        yield client


def delete_behind_our_back(sources: Sources, connect: Connect, name: str) -> None:
    sources.cdc("connectors", "apply", name)
    sources.await_records(name, lambda records: [kind_of(record) for record in records].count("r") == 2)
    wait_until(lambda: connect.has_place(name))
    answer = httpx.delete(f"{sources.env['CDC_CONNECT_URL']}/connectors/{name}", timeout=60, trust_env=False)
    answer.raise_for_status()
    wait_until(lambda: connect.config(name) is None)


def remove_connector(sources: Sources, connect: Connect, name: str) -> list[Outcome]:
    removal = Removal(sources.source(name), connect, Kafka(sources.env["CDC_KAFKA"]), sources.folder)
    return take(removal.steps(lambda: None)[:3], lambda *_: True, lambda *_: None)


def is_kept(sources: Sources, connect: Connect, name: str) -> bool:
    """Tell whether a connector of that name would go on from somewhere."""
    config = render(sources.source(name), Kafka(sources.env["CDC_KAFKA"]), {})
    connect.create(name, config, "stopped")
    return connect.has_place(name)


@pytest.mark.parametrize("name", ["books", "plant"])
def test_the_place_that_was_kept_is_forgotten(sources: Sources, connect: Connect, name: str) -> None:
    delete_behind_our_back(sources, connect, name)
    assert [one.outcome for one in remove_connector(sources, connect, name)] == [NOTHING, DONE, NOTHING]
    assert connect.config(name) is None
    assert [one.outcome for one in remove_connector(sources, connect, name)] == [NOTHING] * 3
    assert not is_kept(sources, connect, name)


def test_a_place_that_cannot_be_forgotten_is_told(sources: Sources, connect: Connect) -> None:
    delete_behind_our_back(sources, connect, "plant")
    sources.write("plant", FILES["plant"].replace("database: plant", "database: gone"))
    stopped, offsets, connector = remove_connector(sources, connect, "plant")
    assert [stopped.outcome, offsets.outcome, connector.outcome] == [NOTHING, LEFT, NOTHING]
    assert "CON-102" in offsets.what
    sources.write("plant", FILES["plant"])
    assert is_kept(sources, connect, "plant")

"""A source whose log no longer has a connector's place: the watch stops, and says so, instead of trying for ever."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from structlog.testing import capture_logs

from cdc import access
from cdc.access import Kafka
from cdc.capture.connect import Connect
from cdc.capture.watchdog import Watch
from cdc.stream.topic import TopicEnds
from tests.integration.connectors.deployment import Sources, kind_of

pytestmark = pytest.mark.slow  # a minute in all

SLOT = "cdc_plant"


def drop(sources: Sources) -> None:
    sources.plant.execute("SELECT pg_drop_replication_slot(%s)", (SLOT,))


def make_again(sources: Sources) -> None:
    drop(sources)
    sources.plant.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (SLOT,))


def purge(sources: Sources) -> None:
    """Take away what the connector has not read; the server keeps a file while an old session of a replica lasts."""
    sources.books("FLUSH BINARY LOGS")
    deadline = time.monotonic() + 60
    with sources.mariadb.cursor() as cursor:
        while True:
            cursor.execute("SHOW BINARY LOGS")
            files = [row[0] for row in cursor.fetchall()]
            if len(files) == 1:
                return
            assert time.monotonic() < deadline, files
            cursor.execute(f"PURGE BINARY LOGS TO '{files[-1]}'")
            time.sleep(0.5)


@pytest.mark.parametrize(("name", "lose"), [("plant", drop), ("plant", make_again), ("books", purge)])
def test_it_stops_and_a_new_snapshot_repairs_it(sources: Sources, name: str, lose: Callable[[Sources], None]) -> None:
    sources.cdc("connectors", "apply", name)
    sources.await_records(name, lambda records: [kind_of(record) for record in records].count("r") == 2)
    run = sources.books if name == "books" else sources.plant.execute
    run("INSERT INTO child VALUES (11, 1, NULL)")
    sources.await_records(name, lambda records: "c" in [kind_of(record) for record in records])
    sources.cdc("connectors", "stop", name)
    run("INSERT INTO child VALUES (12, 1, NULL)")
    lose(sources)

    with watching(sources, name) as (connect, watch):
        connect.move(name, "running")
        deadline = time.monotonic() + 60
        while not connect.status(name).has_lost_place:
            assert time.monotonic() < deadline, connect.status(name)
            time.sleep(0.5)
        with capture_logs() as logs:
            assert [watch.look() for _ in range(3)] == [None] * 3
    assert [line["code"] for line in logs if line["event"] == "connector_given_up"] == ["CON-117"]
    status = json.loads(sources.cdc("connectors", "status", "--json", exit_code=4))
    assert next(one for one in status if one["source"] == name)["code"] == "CON-117"

    # What its code says to do.
    sources.cdc("connectors", "reload", name, "--yes")
    sources.await_records(name, lambda records: [kind_of(record) for record in records].count("r") == 6, timeout_s=90)


@contextmanager
def watching(sources: Sources, name: str) -> Iterator[tuple[Connect, Watch]]:
    kafka = Kafka(sources.env["CDC_KAFKA"])
    with Connect(access.Connect(sources.env["CDC_CONNECT_URL"])) as connect, closing(TopicEnds(kafka)) as ends:
        yield connect, Watch(sources.source(name), connect, kafka, ends)

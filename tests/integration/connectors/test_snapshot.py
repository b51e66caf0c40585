"""Tables that are read again beside the stream, on the real Kafka Connect."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from cdc.access import Kafka
from cdc.capture.reading import Reading
from cdc.capture.readings import Unread
from tests.integration.connectors.deployment import FILES, SOURCES, Sources, kind_of

TABLES = {"books": "child", "plant": "public.child"}


def read_again(sources: Sources, name: str) -> list[int]:
    """Return the ids that the reader has brought."""
    found = [record for record in sources.records(name) if kind_of(record) == "r"]
    return sorted(record["after"]["id"] for record in found if record["source"]["name"] == f"{name}-read")


@pytest.mark.parametrize("name", [pytest.param(SOURCES[0], marks=pytest.mark.slow), *SOURCES[1:]])
def test_some_rows_are_read_again_and_then_all(sources: Sources, name: str) -> None:
    run = sources.books if name == "books" else sources.plant.execute
    run("INSERT INTO child VALUES (11, 1, NULL), (12, 1, '导')")
    sources.cdc("connectors", "apply", name)
    sources.await_records(name, lambda records: [kind_of(record) for record in records].count("r") == 4)
    again = ("connectors", "snapshot", name, TABLES[name], "--watch")
    assert f"read: {name if name == 'books' else 'public'}.child" in sources.cdc(
        *again, "--where", "id >= 11 AND id <> 12"
    )
    assert read_again(sources, name) == [11]
    sources.cdc(*again)
    assert read_again(sources, name) == [10, 11, 11, 12]
    assert "CON-185" in sources.cdc(*again, "--where", "sleep(1)", exit_code=2)


def test_reading_again_is_given_up(sources: Sources) -> None:
    sources.cdc("connectors", "apply", "plant")
    sources.await_records("plant", lambda records: [kind_of(record) for record in records].count("r") == 2)
    sources.write("plant", FILES["plant"] + "state: stopped\n")
    sources.cdc("connectors", "apply", "plant")
    # It is noted, and begins when the connector runs again.
    assert "noted" in sources.cdc("connectors", "snapshot", "plant", "public.child")
    assert [table.table for table in unread(sources)] == ["public.child"]
    sources.cdc("connectors", "snapshot", "plant", "public.child", "--cancel", "--reason", "not needed")
    assert unread(sources) == []


def test_reading_waits_for_a_connector_that_was_halted_by_hand(sources: Sources) -> None:
    sources.cdc("connectors", "apply", "plant")
    sources.await_records("plant", lambda records: [kind_of(record) for record in records].count("r") == 2)
    sources.cdc("connectors", "stop", "plant")
    again = ("connectors", "snapshot", "plant", "public.child")
    assert "begins it once the connector runs" in sources.cdc(*again)
    assert "CON-190" in sources.cdc(*again, "--where", "id = 10", exit_code=5)
    assert (read_again(sources, "plant"), sessions(sources)) == ([], 0)
    assert "read the rows of public.child" in sources.cdc("connectors", "plan", "plant", exit_code=3)
    assert sources.cdc("connectors", "apply", "plant").splitlines() == [
        "plant: running",
        "plant: reading of public.child begun",
    ]
    wait_until(lambda: unread(sources) == [])
    assert read_again(sources, "plant") == [10]


def test_reading_is_paused_and_goes_on_with_the_tables_that_are_left(sources: Sources) -> None:
    sources.plant.execute("CREATE TABLE extra (id int PRIMARY KEY); INSERT INTO extra VALUES (100), (101)")
    sources.plant.execute("INSERT INTO child VALUES (11); ALTER PUBLICATION cdc ADD TABLE extra")
    sources.write("plant", FILES["plant"].replace("public.child]", "public.child, public.extra]"))
    sources.cdc("source", "contract", "plant")
    sources.cdc("connectors", "apply", "plant")
    sources.await_records("plant", lambda records: [kind_of(record) for record in records].count("r") == 5)
    again = ("connectors", "snapshot", "plant")
    # A lock holds up the last table: there is something to pause.
    with sources.plant.transaction():
        sources.plant.execute("LOCK TABLE extra IN ACCESS EXCLUSIVE MODE")
        sources.cdc(*again, "public.parent", "public.child", "public.extra", "--reason", "rows are missing")
        # That the second one was scanned is said before its last row is sent: it is not read yet, and the first one is.
        left = ["public.child", "public.extra"]
        wait_until(lambda: [table.table for table in unread(sources)] == left)
        paused = json.loads(sources.cdc(*again, "--pause", "--json"))
    assert paused["done"] == [*(f"reading of {table} paused" for table in left), "connector plant-read stopped"]
    assert {(table.state, table.whole) for table in unread(sources)} == {("paused", True)}
    # Neither an apply nor a plan begins it; the status says what does.
    assert sources.cdc("connectors", "apply", "plant") == "plant: nothing to do\n"
    sources.cdc("connectors", "plan", "plant")
    assert "snapshot plant --resume" in sources.cdc("connectors", "status", "plant", exit_code=4)
    assert read_again(sources, "plant") == [1, 10]
    assert "read: public.child, public.extra" in sources.cdc(*again, "--resume", "--watch")
    assert read_again(sources, "plant") == [1, 10, 10, 11, 100, 101]
    assert "nothing is paused" in sources.cdc(*again, "--resume")


@pytest.mark.slow  # half a minute; every day: unit/cdc/capture/test_reader.py
def test_what_reads_added_tables_stands_still_with_its_connector(sources: Sources) -> None:
    sources.plant.execute("CREATE TABLE extra (id int PRIMARY KEY); INSERT INTO extra VALUES (100)")
    sources.plant.execute("ALTER PUBLICATION cdc ADD TABLE extra")
    sources.cdc("connectors", "apply", "plant")
    sources.await_records("plant", lambda records: [kind_of(record) for record in records].count("r") == 2)
    with_extra = FILES["plant"].replace("public.child]", "public.child, public.extra]")
    sources.write("plant", with_extra)
    sources.cdc("source", "contract", "plant")
    # A lock holds the reader up: there is something to stop.
    with sources.plant.transaction():
        sources.plant.execute("LOCK TABLE extra IN ACCESS EXCLUSIVE MODE")
        sources.cdc("connectors", "apply", "plant")
        assert "plant: connector plant-read: stopped" in sources.cdc("connectors", "stop", "plant")
    # A session that waits for a lock ends with that.
    wait_until(lambda: sessions(sources) == 0)
    found = json.loads(sources.cdc("connectors", "status", "plant", "--json", exit_code=4))
    assert (found[0]["connector"], found[0]["reader"]) == ("stopped", "stopped")
    assert [kind_of(record) for record in sources.records("plant")].count("r") == 2
    sources.cdc("connectors", "resume", "plant")
    sources.await_records("plant", lambda records: [kind_of(record) for record in records].count("r") == 3)
    sources.write("plant", with_extra + "state: stopped\n")
    sources.cdc("connectors", "apply", "plant")
    wait_until(lambda: sessions(sources) == 0)


def sessions(sources: Sources) -> int:
    """Return how many sessions connectors have in the source: Debezium's say so."""
    found = sources.plant.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = 'plant' AND application_name LIKE 'Debezium%'"
    ).fetchone()
    assert found is not None
    return int(found[0])


def wait_until(holds: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def unread(sources: Sources) -> list[Unread]:
    return Reading(sources.source("plant"), Kafka(sources.env["CDC_KAFKA"])).unread()

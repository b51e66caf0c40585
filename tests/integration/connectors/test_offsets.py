"""Connectors that are halted, and that go on from another place, on the real Kafka Connect."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.connectors.deployment import Sources, kind_of


def kinds(sources: Sources, name: str, kind: str, count: int) -> None:
    sources.await_records(name, lambda records: [kind_of(record) for record in records].count(kind) == count)


def saved(sources: Sources, name: str, file: str) -> str:
    """Write down a place; return it in words."""
    text = sources.cdc("connectors", "offsets", "show", name, "--json")
    Path(file).write_text(text)
    return str(json.loads(text)["place"])


def test_a_connector_is_halted_and_goes_on(sources: Sources) -> None:
    sources.cdc("connectors", "apply", "plant")
    kinds(sources, "plant", "r", 2)
    told = sources.cdc("connectors", "pause", "plant", "--reason", "backup")
    assert "plant: paused" in told
    assert "its file says running" in told
    assert "nothing to do" in sources.cdc("connectors", "pause", "plant")
    sources.plant.execute("INSERT INTO child VALUES (11, 1, NULL)")
    found = json.loads(sources.cdc("connectors", "plan", "plant", "--json", exit_code=3))
    assert [step["what"] for step in found["plans"][0]["steps"]] == ["resume the connector: it is paused"]
    sources.cdc("connectors", "stop", "plant")
    assert not [record for record in sources.records("plant") if kind_of(record) == "c"]
    sources.cdc("connectors", "resume", "plant")
    kinds(sources, "plant", "c", 1)
    lsn = sources.cdc("connectors", "offsets", "show", "plant").strip().partition(": ")[2]
    assert sources.plant.execute("SELECT %s::pg_lsn <= pg_current_wal_lsn()", (lsn,)).fetchone() == (True,)


@pytest.mark.slow  # the connector is begun anew again and again
def test_an_earlier_place_brings_changes_again_and_a_later_one_is_refused(sources: Sources) -> None:
    before, after = str(sources.folder / "before.json"), str(sources.folder / "after.json")
    sources.cdc("connectors", "apply", "books")
    kinds(sources, "books", "r", 2)
    sources.books("INSERT INTO child VALUES (11, 1, NULL)")
    kinds(sources, "books", "c", 1)
    sources.cdc("connectors", "stop", "books")
    first = saved(sources, "books", before)
    sources.cdc("connectors", "resume", "books")
    sources.books("INSERT INTO child VALUES (12, 1, NULL)")
    kinds(sources, "books", "c", 2)
    sources.cdc("connectors", "stop", "books")
    saved(sources, "books", after)
    sources.cdc("connectors", "resume", "books")

    go = ("connectors", "offsets", "set", "books")
    assert f" becomes {first}" in sources.cdc(*go, before, "--reason", "again", "--dry-run")
    sources.cdc(*go, before, "--reason", "again", "--yes")
    kinds(sources, "books", "c", 3)

    sources.cdc("connectors", "stop", "books")
    sources.books("INSERT INTO child VALUES (13, 1, NULL)")
    document = json.loads(Path(after).read_text())
    document["offsets"][0]["offset"]["pos"] += 100_000
    Path(after).write_text(json.dumps(document))
    assert "CON-183" in sources.cdc(*go, after, "--reason", "skip", "--yes", exit_code=5)
    assert "never comes" in sources.cdc(*go, after, "--reason", "skip", "--yes", "--pass-over")
    # What was passed over is on record: only a new snapshot of the whole source makes the mirrors true again.
    status = json.loads(sources.cdc("connectors", "status", "--json", exit_code=4))
    assert {table["table"] for table in status[0]["unread"] if table["again"]} == {
        "books.parent",
        "books.child",
        "books.loose",
    }


def test_a_place_that_is_forgotten_is_a_new_snapshot(sources: Sources) -> None:
    sources.cdc("connectors", "apply", "books")
    kinds(sources, "books", "r", 2)
    sources.cdc("connectors", "offsets", "reset", "books", "--reason", "test", "--yes")
    kinds(sources, "books", "r", 4)

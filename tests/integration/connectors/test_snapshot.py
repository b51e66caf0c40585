"""Tables that are read again beside the stream, on the real Kafka Connect."""

from __future__ import annotations

import json

import pytest

from tests.integration.connectors.deployment import FILES, SOURCES, Sources, kind_of

TABLES = {"books": "child", "plant": "public.child"}


def read_again(sources: Sources, name: str) -> list[int]:
    """Return the ids that the reader has brought."""
    found = [record for record in sources.records(name) if kind_of(record) == "r"]
    return sorted(record["after"]["id"] for record in found if record["source"]["name"] == f"{name}-read")


@pytest.mark.parametrize("name", SOURCES)
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
    assert [table["table"] for table in unread(sources)] == ["public.child"]
    sources.cdc("connectors", "snapshot", "plant", "public.child", "--cancel", "--reason", "not needed")
    assert unread(sources) == []


def unread(sources: Sources) -> list[dict[str, object]]:
    (sources.folder / "connector-configs" / "books.yaml").unlink(missing_ok=True)
    return list(json.loads(sources.cdc("connectors", "status", "--json"))[0]["unread"])

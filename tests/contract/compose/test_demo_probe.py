from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from compose.demo.probe import Probe


@pytest.fixture
def connection(target_dsn: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(target_dsn, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA probed")
        connection.execute("CREATE TABLE probed.lot (lot text, material text, PRIMARY KEY (material, lot))")
        connection.execute("CREATE TABLE probed.unit (serial text PRIMARY KEY)")
        yield connection
        connection.execute("DROP SCHEMA probed CASCADE")


def test_a_row_is_timed_from_its_commit_until_it_is_visible(
    connection: psycopg.Connection[tuple[object, ...]], tmp_path: Path
) -> None:
    path = tmp_path / "log.jsonl"
    path.touch()
    results = io.StringIO()
    committed_at = time.time() - 2
    with path.open() as log:
        probe = Probe(connection, log, results)
        line = {"committed_at": committed_at, "probe": [["probed.lot", ["M1", "L1"]], ["probed.unit", ["S1"]]]}
        text = json.dumps(line) + "\n"
        with path.open("a") as writer:
            writer.write(text[:30])
        probe.poll()  # half a line: the simulator is at it
        with path.open("a") as writer:
            writer.write(text[30:])
        probe.poll()
        assert results.getvalue() == ""
        connection.execute("INSERT INTO probed.lot VALUES ('L1', 'M1')")
        probe.poll()
        probe.close()
    seen, missing, polls = map(json.loads, results.getvalue().splitlines())
    assert (seen["table"], seen["key"]) == ("probed.lot", ["M1", "L1"])
    assert seen["ms"] >= 2000
    assert missing == {"table": "probed.unit", "key": ["S1"], "committed_at": committed_at}
    assert polls["polls"] == 2

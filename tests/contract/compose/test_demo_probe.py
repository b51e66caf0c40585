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
def connection(module_dsn: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(module_dsn, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA probed")
        connection.execute("CREATE TABLE probed.lot (lot text, material text, PRIMARY KEY (material, lot))")
        connection.execute("CREATE TABLE probed.unit (serial text PRIMARY KEY)")
        connection.execute(
            'CREATE TABLE probed."Line" (no int, code char(4), "FBill" bigint, PRIMARY KEY ("FBill", code))'
        )
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
        rows = [["probed.Line", "d", ["1", "a"]], ["probed.Line", "c", ["7", "b   "]], ["probed.Line", "c", ["8", "c"]]]
        line = {
            "committed_at": committed_at,
            "rows": rows,
            "probe": [["probed.lot", ["M1", "L1"]], ["probed.unit", ["S1"]]],
        }
        text = json.dumps({"committed_at": committed_at, "rows": rows}) + "\n" + json.dumps(line) + "\n"
        with path.open("a") as writer:
            writer.write(text[:-30])
        probe.poll()  # half a line: the simulator is at it
        with path.open("a") as writer:
            writer.write(text[-30:])
        probe.poll()
        assert results.getvalue() == ""
        connection.execute("INSERT INTO probed.lot VALUES ('L1', 'M1')")
        connection.execute("""INSERT INTO probed."Line" VALUES (1, 'b', 7)""")
        probe.poll()
        probe.close()
    seen, mirrored, missing, polls = map(json.loads, results.getvalue().splitlines())
    assert (seen["table"], seen["key"]) == ("probed.lot", ["M1", "L1"])
    assert seen["ms"] >= 2000
    # The first new row of a transaction that announces something, by its mirror's own types.
    assert (mirrored["table"], mirrored["key"]) == ("probed.Line", ["7", "b   "])
    assert missing == {"table": "probed.unit", "key": ["S1"], "committed_at": committed_at}
    assert polls["polls"] == 2

"""`cdc audit verify` and `heads`: what is printed, and with which exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.contract.cdc.cli.conftest import Cdc
from tests.contract.cdc.land.stage import Stage
from tests.contract.cdc.land.tables import CONTRACTS, item
from tests.unit.cdc.stream.wire import PostgresWire


@pytest.fixture
def landed(target_dsn: str, config: Path) -> Iterator[Stage]:
    wire = PostgresWire()
    for number in range(5):
        wire.begin()
        wire.insert("item", "id", item(number))
        wire.end()
    with closing(Stage(target_dsn, "src", CONTRACTS)) as stage:
        stage.land_units(wire.records, lambda: True)
        yield stage


def execute(stage: Stage, text: str) -> None:
    with stage.connection.transaction():
        stage.connection.execute(text.encode())


def test_what_landed_holds_and_meets_the_anchors_of_before(cdc: Cdc, landed: Stage, tmp_path: Path) -> None:
    printed = cdc("audit", "heads")
    (line,) = printed.out.splitlines()
    head = json.loads(line)
    assert (head["stream"], head["offset"]) == ("cdc.src", landed.position.next_offset)
    file = tmp_path / "anchors.jsonl"
    file.write_text(printed.out)
    done = cdc("audit", "verify", "--anchor", str(file), "--json")
    assert (done.code, done.document["holds"]) == (0, True)
    (stream,) = done.document["streams"]
    assert stream == {
        "stream": "cdc.src", "batches": 5, "records": 15, "offset": head["offset"], "head": head["head"], "anchors": 1,
        "fault": None,
    }  # fmt: skip
    assert "Every chain holds." in cdc("audit", "verify").err


def test_the_first_bad_batch_and_offset_are_named(cdc: Cdc, landed: Stage) -> None:
    execute(landed, "UPDATE cdc.journal SET chunk = (SELECT chunk FROM cdc.journal WHERE batch = 2) WHERE batch = 3")
    done = cdc("audit", "verify", "cdc.src")
    assert done.code == 3
    assert "cdc.src: batch 3, offset " in done.err
    assert "EVD-101" in done.err


def test_a_stream_that_is_gone_is_missed_by_its_anchor(cdc: Cdc, landed: Stage, tmp_path: Path) -> None:
    file = tmp_path / "anchors.jsonl"
    file.write_text(cdc("audit", "heads").out)
    for table in ("journal", "journal_key", "batch_table", "unit", "batch", "position"):
        execute(landed, f"DELETE FROM cdc.{table}")
    assert cdc("audit", "verify").code == 0  # nothing has landed
    done = cdc("audit", "verify", "--anchor", str(file))
    assert (done.code, "the stream has no position" in done.err) == (3, True)


@pytest.mark.parametrize("line", ["{}", "no JSON", '{"stream": "a", "offset": 1, "head": "zz", "time": ""}'])
def test_a_line_that_is_no_anchor_is_refused_with_its_place(cdc: Cdc, landed: Stage, tmp_path: Path, line: str) -> None:
    file = tmp_path / "anchors.jsonl"
    file.write_text(f"\n{line}\n")
    done = cdc("audit", "verify", "--anchor", str(file))
    assert (done.code, "EVD-102" in done.err, "anchors.jsonl:2" in done.err) == (1, True, True)


def test_two_anchors_that_contradict_each_other(cdc: Cdc, landed: Stage, tmp_path: Path) -> None:
    first = cdc("audit", "heads").out
    head = json.loads(first)
    other = json.dumps({**head, "head": "00" * 32})
    file = tmp_path / "anchors.jsonl"
    file.write_text(f"{first}{other}\n")
    done = cdc("audit", "verify", "--anchor", str(file))
    assert (done.code, "EVD-102" in done.err) == (1, True)

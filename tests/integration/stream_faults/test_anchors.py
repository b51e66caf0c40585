"""Heads on their way to a topic of a real broker, by the worker that publishes them, and back from there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaAdminClient

from tests.integration.service import Deployment, eventually, start
from tests.integration.stream_faults.source import Source
from tests.integration.stream_faults.worker import landing
from tests.owner import disarm

HEADS = "heads"


@pytest.fixture
def anchored(deployment: Deployment, tmp_path: Path) -> Iterator[Deployment]:
    """The deployment, told to publish heads with each batch, and the worker that does."""
    config = Path(deployment.env["CDC_CONFIG"])
    file = config.with_name(f"{tmp_path.name}.yaml")
    places = f"key: {tmp_path / 'key'}, file: {tmp_path / 'heads.jsonl'}, topic: {HEADS}"
    file.write_text(f"{config.read_text()}anchors: {{{places}, every_minutes: 1, every_batches: 1}}\n")
    anchored = Deployment(tmp_path, {**deployment.env, "CDC_CONFIG": str(file)})
    anchored.cdc("dictionary", "keygen", str(tmp_path / "key"))
    watch = start(anchored.env, tmp_path / "watch.log", "connectors", "watch")
    yield anchored
    watch.terminate()
    assert watch.wait(30) == 0
    admin = KafkaAdminClient(bootstrap_servers=anchored.env["CDC_KAFKA"])
    admin.delete_topics([HEADS])
    admin.close()


def verify(anchored: Deployment, *places: str, exit_code: int = 0) -> list[dict[str, object]]:
    options = ("--key", str(anchored.folder / "key.pub"), "--json")
    said = anchored.cdc("audit", "verify", *places, *options, exit_code=exit_code)
    return json.loads(said[said.index("{") :])["streams"]  # type: ignore[no-any-return]


def test_heads_reach_file_and_topic_while_a_stream_lands(
    anchored: Deployment, north: Source, target: psycopg.Connection
) -> None:
    ends = []
    with landing(anchored):
        for _ in range(2):
            north.send_commits(3)
            north.await_landed(target)
            ends.append(len(north.wire.records))
            at_both_places = f'SELECT count(*) = 2 FROM cdc.anchor WHERE "offset" = {ends[-1]}'
            eventually(target, at_both_places, [(True,)])
    (stream,) = verify(anchored, "--topic", HEADS)
    assert (stream["anchors"], stream["fault"]) == (len(heads(anchored)), None)
    assert set(ends) <= set(heads(anchored))
    assert verify(anchored, "--topic", HEADS, "--anchor", str(anchored.folder / "heads.jsonl")) == [stream]
    cut_off_last_batch(target)
    assert [one["fault"] for one in verify(anchored)] == [None]
    (stream,) = verify(anchored, "--topic", HEADS, exit_code=3)
    assert f"an anchor stands at offset {ends[-1]}" in str(stream["fault"])


def cut_off_last_batch(target: psycopg.Connection) -> None:
    """Have the target say that the last batch never was, and that it knows of no anchor."""
    disarm(target)
    for table in ("changed_key", "journal", "batch_table", "unit", "batch"):
        target.execute(
            f"DELETE FROM cdc.{table} WHERE batch = (SELECT batch FROM cdc.position WHERE stream = 'cdc.north')"
        )
    target.execute(
        "UPDATE cdc.position SET (batch, next_offset, chain)"
        " = (SELECT batch, next_offset, chain FROM cdc.journal ORDER BY batch DESC LIMIT 1) WHERE stream = 'cdc.north'"
    )
    target.execute("DELETE FROM cdc.anchor")


def heads(anchored: Deployment) -> list[int]:
    """Return the offsets of the heads in the file."""
    return [json.loads(line)["offset"] for line in (anchored.folder / "heads.jsonl").read_text().splitlines()]

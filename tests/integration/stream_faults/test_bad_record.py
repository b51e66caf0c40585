"""A record that nobody can take: the service stops at it, says where and what, and stays stopped. A large one lands."""

from __future__ import annotations

import hashlib

import psycopg
import pytest

from cdc.errors import catalogue
from tests.integration.process import peak_mib
from tests.integration.service import Deployment, eventually, start
from tests.integration.stream_faults.source import Source
from tests.integration.stream_faults.worker import events, landing

MIB = 1024 * 1024
BROKEN = b'{"op": "c", "after": {"id": 2}, "ts_ms": 1}'


def poison(source: Source, value: bytes) -> int:
    """Commit a row, begin a transaction with a bad record in its middle, commit another row; return its offset."""
    source.commit(2)
    source.wire.begin()
    source.wire.insert("item", "id", {"id": 1000, "name": "before"})
    bad = source.wire.insert("item", "id", {"id": 1001, "name": "bad"})
    source.wire.insert("item", "id", {"id": 1002, "name": "behind"})
    source.wire.end()
    source.wire.records = [
        record._replace(value=value) if record.offset == bad else record for record in source.wire.records
    ]
    rows = list(source.rows)
    source.commit(1)
    source.send()
    source.rows[:] = rows
    return source.place_of(bad)


@pytest.mark.parametrize(("value", "code"), [(BROKEN, "STR-101"), (b"\xff", "STR-101")], ids=["no source", "no JSON"])
def test_the_service_stops_at_a_record_that_nobody_can_take_and_stays_stopped(
    deployment: Deployment, north: Source, south: Source, target: psycopg.Connection, value: bytes, code: str
) -> None:
    offset = poison(north, value)
    south.send_commits(3)
    for attempt in range(2):
        log = deployment.folder / f"run-{attempt}.log"
        process = start(deployment.env, log, "run")
        assert process.wait(60) == 1
        said = log.read_text()
        assert f"{code} {catalogue()[code].title}: cdc.north: " in said
        assert f"offset {offset}" in said
        assert catalogue()[code].action in said
        children = [event["child"] for event in events(log) if event["event"] == "child_started"]
        assert children.count("land") == 1
        # What stands before it has landed, and nothing else of its stream.
        assert north.mirror(target) == north.rows
        eventually(target, "SELECT next_offset FROM cdc.position WHERE source = 'north'", [(6,)])
    # The worker had the other stream, too; what of it has landed is whole.
    landed = south.mirror(target)
    assert landed == south.rows[: len(landed)]


def test_a_row_of_64_mib_lands_or_is_kept_whole(
    deployment: Deployment, north: Source, target: psycopg.Connection
) -> None:
    north.make_topic(max_record_bytes=100 * MIB)
    text = "0123456789abcdef" * (4 * MIB)
    north.send_commits(1)
    with landing(deployment) as worker:
        north.await_landed(target)
        before = peak_mib(worker.pid)
        for number, value in enumerate((text, text + "\x00")):
            north.wire.begin()
            north.wire.insert("scroll", "id", {"id": number, "text": value})
            north.wire.insert("scroll", "id", {"id": number + 10, "text": "short"})
            north.wire.end()
            north.send()
            rows = [(0, len(text)), (10, 5), (11, 5)][: 2 + number]
            eventually(target, "SELECT id, length(text) FROM north.scroll ORDER BY 1", rows)
        digest = hashlib.md5(text.encode()).hexdigest()
        assert target.execute("SELECT md5(text) FROM north.scroll WHERE id = 0").fetchone() == (digest,)
        ((code, value),) = target.execute("SELECT code, record_value FROM cdc.refused").fetchall()
        assert code == "VAL-103"
        assert value == next(record.value for record in north.wire.records if b"u0000" in (record.value or b""))
        # Fetched, decoded, staged, sent, journalled: each has it once or twice.
        assert peak_mib(worker.pid) - before < 12 * 64
        north.send_commits(1)
        assert worker.stop() == 0

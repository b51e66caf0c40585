"""A stream that cannot be read on goes on: where what landed last is found again, or behind a gap by a new snapshot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cdc.access import Kafka
from cdc.errors import FatalError
from cdc.land.resume import Resumed, pass_over
from cdc.stream.topic import extent
from tests.integration.service import Deployment, connect, eventually
from tests.integration.stream_faults.source import Source
from tests.integration.stream_faults.worker import landing

WHY = ("--reason", "the test has it so")


def test_a_topic_that_was_filled_again_from_a_copy_is_read_on(
    deployment: Deployment, north: Source, target: psycopg.Connection
) -> None:
    north.send_commits(3)
    landed(deployment, north, target)
    north.make_topic()
    north.forget_sent(3)  # the copy begins with the second transaction
    north.send_commits(2)
    stops(deployment, "STR-107")
    before = north.state(target)
    told = json.JSONDecoder().raw_decode(deployment.cdc("stream", "rewind", "north", *WHY, "--json"))[0]
    assert (told["read_from"], told["shift"], told["new_topic"], told["passed_over"]) == (9, 3, True, 0)
    assert north.state(target) == before, "nothing has moved by itself"
    landed(deployment, north, target)
    north.send_commits(1)
    landed(deployment, north, target)
    assert north.place(target) == (18, 3)
    accounts_hold(deployment)


def test_a_topic_without_what_landed_last_is_not_read_on(
    deployment: Deployment, north: Source, target: psycopg.Connection
) -> None:
    north.send_commits(3)
    landed(deployment, north, target)
    before = north.state(target)
    north.make_topic()
    north.forget_sent(9)
    north.send_commits(5)
    assert "STR-122" in deployment.cdc("stream", "rewind", "north", *WHY, exit_code=1)
    stops(deployment, "STR-107")
    assert north.state(target) == before


def test_changes_that_retention_took_come_with_a_new_snapshot_and_deletes_of_that_time_too(
    deployment: Deployment, north: Source, target: psycopg.Connection
) -> None:
    north.send_commits(3)
    landed(deployment, north, target)
    north.send_commits(3)
    north.delete_records(before=15)
    stops(deployment, "STR-106")
    resumed = go_on(deployment, target, north)
    assert (resumed.next_offset, resumed.read_from, resumed.passed_over) == (9, 18, 9)
    del north.rows[1]  # in the source, and no event tells of it
    north.read_again()
    landed(deployment, north, target)
    north.send_commits(1)
    landed(deployment, north, target)
    accounts_hold(deployment)
    assert gaps(deployment) == ["STR-106", "STR-121"]


@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_another_history_under_the_old_name_is_passed_over(
    deployment: Deployment, north: Source, target: psycopg.Connection, times: int
) -> None:
    """A source restored from an older backup, in a topic that was made anew: offsets go on all the same."""
    north.send_commits(3)
    landed(deployment, north, target)
    for again in range(times):
        north.make_topic()
        north.forget_sent(len(north.wire.records))
        del north.rows[-1]
        north.commit_elsewhere(again)  # what the connector sent before anybody looked
        stops(deployment, "STR-107")
        resumed = go_on(deployment, target, north)
        assert (resumed.new_topic, resumed.passed_over) == (True, 3)
        north.read_again()
        landed(deployment, north, target)
        north.send_commits(2)
        landed(deployment, north, target)
        assert json.loads(deployment.cdc("status", "--json", exit_code=4))["streams"][0]["lag"] == 0
    accounts_hold(deployment)
    assert gaps(deployment) == ["STR-107", "STR-121"] * times


@pytest.mark.slow  # every day: tests/contract/cdc/land/test_resume.py
def test_a_stream_whose_first_record_nobody_can_read_begins_behind_it(
    deployment: Deployment, north: Source, target: psycopg.Connection
) -> None:
    north.snapshot()
    north.wire.records[0] = north.wire.records[0]._replace(value=b"\xff")
    north.send()
    stops(deployment, "STR-101")
    assert "EVD-112" in deployment.cdc("stream", "rewind", "north", *WHY, exit_code=1), "nothing has landed"
    resumed = go_on(deployment, target, north)
    assert (resumed.batch, resumed.next_offset, resumed.read_from, resumed.passed_over) == (0, 0, 2, 2)
    north.read_again()
    landed(deployment, north, target)
    accounts_hold(deployment)
    assert gaps(deployment) == ["STR-121"]


def test_the_place_of_a_stream_that_is_landed_is_not_moved(
    deployment: Deployment, north: Source, target: psycopg.Connection
) -> None:
    north.send_commits(3)
    with landing(deployment) as worker:
        north.await_landed(target)
        with pytest.raises(FatalError, match=r"STR-120 .*cdc\.north"):
            go_on(deployment, target, north)
        assert "STR-120" in deployment.cdc("stream", "rewind", "north", *WHY, exit_code=5)
        assert worker.stop() == 0


def landed(deployment: Deployment, source: Source, target: psycopg.Connection) -> None:
    """Run a worker until the mirror has the rows of the source."""
    with landing(deployment) as worker:
        eventually(target, f"SELECT id, name FROM {source.name}.item ORDER BY id", source.rows)
        assert worker.stop() == 0


def stops(deployment: Deployment, code: str) -> None:
    with landing(deployment) as worker:
        worker.must_fail(code)


def go_on(deployment: Deployment, target: psycopg.Connection, source: Source) -> Resumed:
    """Do what `cdc stream resnapshot` does while the connector stands still."""
    return pass_over(target, source.stream, extent(Kafka(deployment.env["CDC_KAFKA"]), source.stream), WHY[1])


def accounts_hold(deployment: Deployment) -> None:
    deployment.cdc("audit", "verify")
    deployment.cdc("ledger", "check")
    deployment.cdc("audit", "mirrors")


def gaps(deployment: Deployment) -> list[Any]:
    return [gap["code"] for gap in json.loads(deployment.cdc("ledger", "--json"))["gaps"]]


def test_a_target_that_was_restored_to_an_earlier_time_meets_its_anchors_again(
    deployment: Deployment, north: Source, tmp_path: Path
) -> None:
    """What had landed since lands again, the same, in batches that are cut otherwise."""
    commits(deployment, north, 3)
    administer(deployment, "DROP DATABASE IF EXISTS backup", "CREATE DATABASE backup TEMPLATE faults")
    for _ in range(3):
        commits(deployment, north, 2)
    heads = tmp_path / "heads.json"
    heads.write_text(deployment.cdc("audit", "heads"))
    administer(deployment, "DROP DATABASE faults", "CREATE DATABASE faults TEMPLATE backup OWNER cdc")
    administer(deployment, "DROP DATABASE backup")
    with deployment.target() as target:
        assert north.place(target) == (9, 0)
        landed(deployment, north, target)
        query = "SELECT count(*) FROM cdc.batch WHERE stream = 'cdc.north' AND first_offset >= 9"
        assert target.execute(query).fetchone() == (1,)
    deployment.cdc("audit", "verify", "--anchor", str(heads))
    accounts_hold(deployment)


def commits(deployment: Deployment, source: Source, number: int) -> None:
    """Have some transactions landed, and leave no connection behind."""
    source.send_commits(number)
    with deployment.target() as target:
        landed(deployment, source, target)


def administer(deployment: Deployment, *statements: str) -> None:
    with connect({**deployment.env, "CDC_TARGET_DATABASE": "postgres"}, "TARGET", "ADMIN_") as connection:
        for statement in statements:
            connection.execute(statement.encode())

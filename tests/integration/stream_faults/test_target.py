"""A target that is not as it has to be: the worker stops, and says what to do."""

from __future__ import annotations

import psycopg

from tests.integration.service import Deployment
from tests.integration.stream_faults.source import Source
from tests.integration.stream_faults.worker import landing

WRONG = "not-the-password"


def test_a_wrong_password(deployment: Deployment) -> None:
    with landing(deployment, CDC_TARGET_PASSWORD=WRONG) as worker:
        worker.must_fail("TGT-102")
        assert WRONG not in worker.said()


def test_a_mirror_that_was_dropped_by_hand(deployment: Deployment, north: Source, target: psycopg.Connection) -> None:
    target.execute("DROP TABLE north.item")
    north.send_commits(1)
    with landing(deployment) as worker:
        worker.must_fail("TGT-107")
    told = "SELECT worker, code FROM cdc.worker_stop"
    assert target.execute(told).fetchall() == [("land", "TGT-107")]
    assert target.execute("SELECT next_offset, batch FROM cdc.position WHERE source = 'north'").fetchall() == [(0, 0)]


def test_a_mirror_that_is_dropped_under_the_worker(
    deployment: Deployment, north: Source, target: psycopg.Connection
) -> None:
    north.send_commits(3)
    with landing(deployment) as worker:
        north.await_landed(target)
        target.execute("DROP TABLE north.item")
        north.send_commits(1)
        worker.must_fail("TGT-107")
    assert target.execute("SELECT next_offset FROM cdc.position WHERE source = 'north'").fetchall() == [(9,)]

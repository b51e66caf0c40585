"""Two workers of one name: the group keeps the later one, and the other one says why it ends."""

from __future__ import annotations

import psycopg

from tests.integration.service import Deployment, eventually
from tests.integration.stream_faults.source import Source
from tests.integration.stream_faults.worker import landing

OWNERS = "SELECT DISTINCT split_part(owner, ':', 2)::int FROM cdc.position"


def test_the_later_of_two_workers_of_one_name_goes_on(
    deployment: Deployment, north: Source, south: Source, target: psycopg.Connection
) -> None:
    with landing(deployment, "--member", "twin") as first:
        north.send_commits(3)
        north.await_landed(target)
        with landing(deployment, "--member", "twin") as second:
            first.must_fail("STR-112")
            eventually(target, OWNERS, [(second.pid,)])
            for source in (north, south):
                source.send_commits(3)
            for source in (north, south):
                source.await_landed(target)
            assert second.stop() == 0

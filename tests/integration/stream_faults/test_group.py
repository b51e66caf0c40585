"""Several workers share the streams of one group, and each takes over what another one leaves behind."""

from __future__ import annotations

import psycopg

from tests.integration.service import Deployment, eventually
from tests.integration.stream_faults.source import Source, traffic
from tests.integration.stream_faults.worker import landing

OWNERS = "SELECT split_part(owner, ':', 2)::int FROM cdc.position ORDER BY 1"
LANDING = "SELECT min(batch) > 1 FROM cdc.position"


def test_the_streams_of_a_killed_worker_are_taken_over(
    deployment: Deployment, north: Source, south: Source, target: psycopg.Connection
) -> None:
    with landing(deployment) as killed, landing(deployment) as survivor:
        eventually(target, OWNERS, [(pid,) for pid in sorted((killed.pid, survivor.pid))])
        with traffic(north, south):
            eventually(target, LANDING, [(True,)])
            killed.process.kill()
            eventually(target, OWNERS, [(survivor.pid,)] * 2)
        for source in (north, south):
            source.await_landed(target)
        assert survivor.stop() == 0

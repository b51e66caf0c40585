"""A worker that is told to stop while records come leaves a target that its successor can go on from."""

from __future__ import annotations

from contextlib import closing

import psycopg
from kafka.admin import KafkaAdminClient

from tests.integration.service import Deployment, eventually
from tests.integration.stream_faults.source import RECORDS_OF_A_COMMIT, Source, traffic
from tests.integration.stream_faults.worker import landing


def next_offset(target: psycopg.Connection) -> int:
    row = target.execute("SELECT next_offset FROM cdc.position WHERE source = 'north'").fetchone()
    return row[0] if row else 0


def members(deployment: Deployment) -> list[object]:
    group = deployment.env["CDC_GROUP"]
    with closing(KafkaAdminClient(bootstrap_servers=deployment.env["CDC_KAFKA"])) as admin:
        found: list[object] = admin.describe_groups([group])[group]["members"]
    return found


def test_sigterm_while_records_come(deployment: Deployment, north: Source, target: psycopg.Connection) -> None:
    with traffic(north):
        for _ in range(3):
            with landing(deployment) as worker:
                before = next_offset(target)
                eventually(target, f"SELECT next_offset > {before} FROM cdc.position WHERE source = 'north'", [(True,)])
                assert worker.stop() == 0
            landed = next_offset(target)
            # Whole transactions, and not one more of them in the mirror than the position says.
            assert north.mirror(target) == north.rows[: landed // RECORDS_OF_A_COMMIT]
            assert north.ledger(target) == (landed, landed // RECORDS_OF_A_COMMIT, 0, landed)
            assert members(deployment) == []
    with landing(deployment):
        north.await_landed(target)

"""A COPY into a table without a key, and a connector that is started again while it sends that: each row once.

PostgreSQL writes many rows of a COPY under one place in its log. A connector that takes one of them for all loses the
others, one that begins with the first of them again sends them twice; nothing but their number tells of either.
"""

from __future__ import annotations

import pytest

from cdc.access import Kafka
from cdc.stream.topic import end_offsets
from tests.integration.shapes.connect import restart_tasks
from tests.integration.shapes.shapes import Shapes
from tests.integration.shapes.test_snapshot import add_keyless, counts

ROWS = 30_000
INTERRUPTIONS = 3
_SENT = 2000


@pytest.mark.slow  # half a minute
@pytest.mark.timeout(600)
def test_a_copy_that_is_interrupted_arrives_whole_and_once(fresh: Shapes) -> None:
    fresh.keep_only("yard")
    add_keyless(fresh, "yard")
    side = fresh.sides["yard"]
    fresh.deployment.cdc("source", "contract", "yard")
    fresh.deployment.cdc("connectors", "apply")
    fresh.deployment.cdc("target", "apply")
    with fresh.running():
        fresh.check("yard.one")
        with side.connection(autocommit=False) as connection, connection.cursor() as cursor:
            with cursor.copy("COPY log FROM STDIN") as copy:
                for number in range(ROWS):
                    copy.write_row((number % 100, "copied"))
            connection.commit()
        for _ in range(INTERRUPTIONS):
            await_sent(fresh, _SENT)
            restart_tasks(fresh, "yard")
        fresh.check("yard.one")
        held, found = counts(fresh, "yard")
        assert found == held


def await_sent(fresh: Shapes, more: int) -> None:
    """Wait until the stream has grown by so many records."""
    kafka, stream = Kafka(fresh.env["CDC_KAFKA"]), "cdc.yard"
    before = end_offsets(kafka, [stream])[stream]
    while end_offsets(kafka, [stream])[stream] < before + more:
        fresh.until("SELECT 1", [(1,)])  # which asks whether the service runs

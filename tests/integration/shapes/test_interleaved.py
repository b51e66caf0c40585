"""A transaction that is open while the connector stops, and begins again, beside others that have committed.

PostgreSQL sends a transaction when it commits, whole, also what it wrote before the connector's place. Debezium before
3.7 took the first change behind the last commit that it had sent for that commit, if nothing stood between them in the
log, and left out what the transaction had written before; nothing said so (debezium/dbz#76).
"""

from __future__ import annotations

import time
from functools import partial
from threading import Event
from typing import Any

import pytest

from tests.beside import beside
from tests.integration.shapes.shapes import Shapes

# The connector commits a message in the source every second; the transaction writes on right behind each of them.
HEARTBEATS_S = 2.5
_PAUSE_S = 0.01


@pytest.mark.timeout(300)
def test_what_was_written_before_the_stop_arrives_too(fresh: Shapes) -> None:
    side = fresh.keep_only("yard")
    fresh.apply("yard")
    with fresh.running():
        side.run("INSERT INTO one VALUES (0, 0)")
        fresh.check("yard.one")
        with side.connection(autocommit=False) as connection:
            with beside(partial(writing, connection)):
                time.sleep(HEARTBEATS_S)
                fresh.deployment.cdc("connectors", "stop", "yard")
            connection.commit()
        fresh.deployment.cdc("connectors", "resume", "yard")
        fresh.check("yard.one")


def writing(connection: Any, enough: Event) -> None:
    """Insert rows in the transaction of a connection, one after the other."""
    number = 0
    while not enough.wait(_PAUSE_S):
        number += 1
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO one VALUES (%s, 1)", (number,))

"""Snapshots that the service begins while the contract files lag behind the source: what they select is of today."""

from __future__ import annotations

import httpx
import pytest

from cdc.access import Kafka
from cdc.capture.source import load_sources
from cdc.capture.turn import Turns
from tests.integration.shapes.shapes import Shapes

# MariaDB prints six digits of it, and so would a snapshot bring it.
WEIGHED = "SELECT w = 1.52002767::real FROM shed.one WHERE id = 7"
GENERATIONS = "SELECT generations FROM cdc.position WHERE source = 'shed'"


@pytest.mark.slow  # three snapshots; every day: unit/cdc/capture/test_lifecycle.py
@pytest.mark.timeout(900)
def test_a_float_that_came_since_the_last_apply_is_read_whole(fresh: Shapes) -> None:
    side = fresh.keep_only("shed")
    fresh.apply("shed")
    with fresh.running():
        fresh.check("shed.one")
        side.run("ALTER TABLE one ADD COLUMN w float", "INSERT INTO one VALUES (7, 7, 1.52002767)")
        fresh.until(WEIGHED, [(True,)])
        # Somebody was interrupted who had the connector begin from nothing: the watch goes on with it.
        source = load_sources(fresh.deployment.folder / "connector-configs")["shed"]
        turns = Turns(Kafka(fresh.env["CDC_KAFKA"]), source, "shed")
        turns.give_up(turns.take())
        fresh.until(GENERATIONS, [(2,)])
        fresh.check("shed.mark")
        assert fresh.query(WEIGHED) == [(True,)]
        # The files know nothing of the column yet; it is no difference, and nobody takes the select away.
        assert "nothing to do" in fresh.deployment.cdc("connectors", "plan")
        assert fresh.deployment.cdc("connectors", "apply") == "shed: nothing to do\n"
        side.run("ALTER TABLE one ADD COLUMN v float", "UPDATE one SET v = 2.52002767")
        fresh.deployment.cdc("connectors", "stop", "shed")
        url = f"{fresh.env['CDC_CONNECT_URL']}/connectors/shed/offsets"
        httpx.delete(url, timeout=60, trust_env=False).raise_for_status()
        assert "snapshot begun" in fresh.deployment.cdc("connectors", "resume", "shed")
        fresh.until(GENERATIONS, [(3,)])
        fresh.check("shed.mark")
        assert fresh.query(WEIGHED.replace("w =", "(w, v) = (1.52002767::real, 2.52002767::real) AND w =")) == [(True,)]

"""A source whose log no longer has a connector's place: the watch stops, and says so, instead of trying for ever.

What the page of its code says to do then brings the mirrors to what the source is, with what it deleted meanwhile.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from tests.integration.runbook import Operator
from tests.integration.shapes.shapes import Shapes
from tests.integration.shapes.side import Side
from tests.integration.shapes.test_way_out import begun

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # half a minute each on an idle machine

SLOT = "cdc_yard"


def drop(side: Side) -> None:
    side.run(f"SELECT pg_drop_replication_slot('{SLOT}')")


def make_again(side: Side) -> None:
    drop(side)
    side.run(f"SELECT pg_create_logical_replication_slot('{SLOT}', 'pgoutput')")


def purge(side: Side) -> None:
    """Take away what the connector has not read; the server keeps a file while an old session of a replica lasts."""
    side.run("FLUSH BINARY LOGS")
    deadline = time.monotonic() + 60
    with side.connection() as connection, connection.cursor() as cursor:
        while True:
            cursor.execute("SHOW BINARY LOGS")
            files = [row[0] for row in cursor.fetchall()]
            if len(files) == 1:
                return
            assert time.monotonic() < deadline, files
            cursor.execute(f"PURGE BINARY LOGS TO '{files[-1]}'")
            time.sleep(0.5)


@pytest.mark.parametrize(("name", "lose"), [("yard", drop), ("yard", make_again), ("shed", purge)])
def test_it_stops_and_its_page_repairs_it(fresh: Shapes, name: str, lose: Callable[[Side], None]) -> None:
    begun(fresh)
    side, operator = fresh.sides[name], Operator(fresh, {"SOURCE": name})
    with fresh.running():
        side.run("INSERT INTO one VALUES (2, 2), (3, 3)")
        fresh.check(f"{name}.one")
        fresh.deployment.cdc("connectors", "stop", name)
        side.run("DELETE FROM one WHERE id = 2", "INSERT INTO one VALUES (4, 4)")
        lose(side)
        # A slot that was made again looks like any other one until the connector asks for what it does not have.
        assert (code_of(fresh, name) == "CON-117") == (lose is not make_again)
        fresh.deployment.exit_code("connectors", "resume", name)  # it may say so already
        await_code(fresh, name)
        side.run("UPDATE one SET n = 7 WHERE id = 3")
        assert fresh.query(f"SELECT id, n FROM {name}.one ORDER BY id") == [(1, 1), (2, 2), (3, 3)], (
            "nothing is skipped"
        )
        assert given_up(fresh) == [(name, "CON-117")]
        operator.act("CON-117", 2)
        fresh.until(f"SELECT generations FROM cdc.position WHERE source = '{name}'", [(2,)])
        fresh.check(f"{name}.one", f"{name}.dated")
        operator.verify("CON-117")


def await_code(fresh: Shapes, name: str) -> None:
    """Wait until the status says it, and the watch."""
    deadline = time.monotonic() + 90
    while code_of(fresh, name) != "CON-117" or not given_up(fresh):
        assert time.monotonic() < deadline, fresh.status()
        time.sleep(0.5)


def code_of(fresh: Shapes, name: str) -> str | None:
    """Return what the status says is wrong with a source."""
    codes: dict[str, str | None] = {one["source"]: one["code"] for one in json.loads(fresh.status())}
    return codes[name]


def given_up(fresh: Shapes) -> list[tuple[str, str]]:
    lines = map(json.loads, (fresh.deployment.folder / "run.log").read_text().splitlines())
    return [(line["source"], line["code"]) for line in lines if line["event"] == "connector_given_up"]

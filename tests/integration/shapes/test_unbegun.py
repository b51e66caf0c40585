"""First snapshots that end before their first row: what Connect has recorded of them is no place in the log.

A task that starts from there fails for ever (MariaDB), or takes the snapshot for done and streams (PostgreSQL), unless
somebody sees to it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from compose.local.stack import Stack
from tests.integration.shapes.connect import kill, recorded, restart_tasks, resume
from tests.integration.shapes.shapes import Shapes

NAMES = ("yard", "shed")
# What the connectors need before they read their first row, and nothing of what their start needs.
LOCK = {"yard": "LOCK TABLE pg_catalog.pg_description IN ACCESS EXCLUSIVE MODE", "shed": "LOCK TABLES mark WRITE"}


@pytest.mark.parametrize("how", ["restart", pytest.param("kill", marks=pytest.mark.slow)])
def test_it_is_begun_again(fresh: Shapes, stack: Stack, how: str) -> None:
    for name in NAMES:
        fresh.sides[name].run("INSERT INTO big VALUES (1, 1, 'x'), (2, 2, 'y')", "INSERT INTO one VALUES (1, 1)")
        fresh.deployment.cdc("source", "contract", name)
    fresh.deployment.cdc("target", "apply")
    fresh.apply_stopped(*NAMES)
    # While somebody holds such a lock no slot can be created.
    fresh.sides["yard"].run("SELECT pg_create_logical_replication_slot('cdc_yard', 'pgoutput')")
    with ExitStack() as locks:
        for name in NAMES:
            connection = locks.enter_context(fresh.sides[name].connection(autocommit=False))
            connection.cursor().execute(LOCK[name])
            resume(fresh, name)
        for name in NAMES:
            await_(lambda name=name: recorded(fresh, name) == [{}])
        if how == "restart":
            restart_tasks(fresh, *NAMES)
        else:
            kill(stack)
        await_(lambda: tasks(fresh)["shed"] == "failed")
    # It streams, and it would do nothing else.
    await_(lambda: any("lsn" in offset and "snapshot" not in offset for offset in recorded(fresh, "yard")))
    with fresh.running():
        # Landing takes a stream without a snapshot for that of an empty source.
        fresh.until("SELECT source, generations FROM cdc.position ORDER BY 1", [("shed", 1), ("yard", 2)])
        fresh.check(*(f"{name}.{table}" for name in NAMES for table in ("big", "one", "none")))
    events = map(json.loads, (fresh.deployment.folder / "run.log").read_text().splitlines())
    assert {event["source"] for event in events if event.get("code") == "CON-112"} == set(NAMES)


def tasks(fresh: Shapes) -> dict[str, str]:
    """Return the state of each source's task."""
    return {finding["source"]: finding["task"] for finding in json.loads(fresh.status())}


def await_(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)

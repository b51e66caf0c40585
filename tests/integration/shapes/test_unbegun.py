"""First snapshots that end before their first row: what Connect has recorded of them is no place in the log.

A task that starts from there fails for ever (MariaDB), or takes the snapshot for done and streams (PostgreSQL), unless
somebody sees to it.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack

import pytest

from compose.local.stack import Stack
from tests.integration.runbook import Operator
from tests.integration.shapes.connect import exists, kill, recorded, restart_tasks, resume
from tests.integration.shapes.shapes import Shapes

NAMES = ("yard", "shed")
# What the connectors need before they read their first row, and nothing of what their start needs.
LOCK = {"yard": "LOCK TABLE pg_catalog.pg_description IN ACCESS EXCLUSIVE MODE", "shed": "LOCK TABLES mark WRITE"}


@pytest.mark.slow  # the connector waits for its lock
@pytest.mark.parametrize("how", ["restart", "kill"])
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
        Operator(fresh).verify("CON-112")  # its page has nothing to do where it passes
    events = map(json.loads, (fresh.deployment.folder / "run.log").read_text().splitlines())
    assert {event["source"] for event in events if event.get("code") == "CON-112"} == set(NAMES)


@pytest.mark.slow  # its rules: unit/cdc/capture/test_lifecycle.py
def test_a_slot_that_is_somebody_elses_is_left_alone(fresh: Shapes) -> None:
    """CON-194, its page followed: the other one's reader may be stopped just now."""
    side = fresh.keep_only("yard")
    side.run("INSERT INTO one VALUES (1, 1)", "SELECT pg_create_logical_replication_slot('cdc_yard', 'pgoutput')")
    fresh.deployment.cdc("source", "contract", "yard")
    fresh.deployment.cdc("target", "apply")
    for _ in range(2):
        assert "CON-194 " in fresh.deployment.cdc("connectors", "apply", exit_code=1)
    with fresh.running():
        await_(lambda: "CON-194" in (fresh.deployment.folder / "run.log").read_text())
        assert side.rows("(SELECT FROM pg_replication_slots WHERE slot_name = 'cdc_yard' AND NOT active) t") == [()]
        operator = Operator(fresh, {"SOURCE": "yard"})
        side.run("SELECT pg_drop_replication_slot('cdc_yard')")
        operator.act("CON-194", 4)
        operator.verify("CON-194")
        fresh.check("yard.one")


@pytest.mark.slow  # a snapshot, and another one beside the stream
def test_a_table_that_is_added_is_read_although_its_reading_ended_before_it_began(fresh: Shapes) -> None:
    side = fresh.keep_only("yard")
    side.run("INSERT INTO one VALUES (1, 1)", "INSERT INTO dated VALUES (1, '2024-02-29'), (2, '2024-03-01')")
    fresh.write(dataclasses.replace(side, tables=tuple(table for table in side.tables if table != "dated")))
    fresh.apply("yard")
    with fresh.running():
        fresh.check("yard.one")
    fresh.write(side)
    fresh.deployment.cdc("source", "contract", "yard")
    fresh.deployment.cdc("target", "apply")
    with side.connection(autocommit=False) as connection, ThreadPoolExecutor(1) as other:
        connection.cursor().execute(LOCK["yard"])
        applied = other.submit(fresh.deployment.cdc, "connectors", "apply", "yard")
        await_(lambda: exists(fresh, "yard-read") and recorded(fresh, "yard-read") == [{}])
        restart_tasks(fresh, "yard-read")
        await_(lambda: recorded(fresh, "yard-read") not in ([], [{}]))
        connection.rollback()
        wait([applied])
    with fresh.running():
        await_(lambda: json.loads(fresh.status())[0]["unread"] == [])
        side.run("INSERT INTO dated VALUES (3, '2024-03-02')")
        fresh.check("yard.dated", "yard.one")


def tasks(fresh: Shapes) -> dict[str, str]:
    """Return the state of each source's task."""
    return {finding["source"]: finding["task"] for finding in json.loads(fresh.status())}


def await_(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)

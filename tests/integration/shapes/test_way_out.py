"""What the codes and runbooks say to do next, done: a stopped service gets to right mirrors again."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

import httpx
import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient

from tests.integration.service import start
from tests.integration.shapes.shapes import Shapes

NAMES = ("yard", "shed")


def begun(fresh: Shapes) -> None:
    """Bring connectors and target up to the first snapshot."""
    for name in NAMES:
        fresh.sides[name].run("INSERT INTO one VALUES (1, 1)", "INSERT INTO dated VALUES (1, '2024-02-29')")
        fresh.deployment.cdc("source", "contract", name)
    fresh.deployment.cdc("connectors", "apply")
    fresh.deployment.cdc("target", "apply")


def stopped(fresh: Shapes) -> str:
    """Run the service until it stops by itself; return what it said last."""
    log = fresh.deployment.folder / f"stopped-{time.monotonic()}.log"
    process = start(fresh.env, log, "run")
    try:
        assert process.wait(90) == 1, log.read_text()[-2000:]
    finally:
        process.kill()
    return log.read_text()


def start_over(fresh: Shapes, *names: str) -> None:
    """Way B of runbooks/new-snapshot.md: the topics of some sources are made anew, the target is another one."""
    for name in names:
        forget_position(fresh, name)
    admin = KafkaAdminClient(bootstrap_servers=fresh.env["CDC_KAFKA"])
    admin.delete_topics([f"cdc.{name}" for name in names])
    admin.close()
    fresh.empty_target()
    for name in fresh.sides:
        fresh.write(dataclasses.replace(fresh.sides[name], more=("state: running",)))
        fresh.deployment.cdc("source", "contract", name)
    fresh.deployment.cdc("connectors", "apply")
    fresh.deployment.cdc("target", "apply")


def forget_position(fresh: Shapes, name: str) -> None:
    """Steps 1 and 2 of way A."""
    fresh.write(dataclasses.replace(fresh.sides[name], more=("state: stopped",)))
    fresh.deployment.cdc("connectors", "apply", name)
    answer = httpx.delete(f"{fresh.env['CDC_CONNECT_URL']}/connectors/{name}/offsets", timeout=60, trust_env=False)
    answer.raise_for_status()


@pytest.mark.slow  # the service stops and starts again and again
def test_a_poisoned_topic_and_a_date_that_became_a_timestamp(fresh: Shapes) -> None:
    begun(fresh)
    with fresh.running():
        fresh.check("yard.one", "shed.one")
    producer = KafkaProducer(bootstrap_servers=fresh.env["CDC_KAFKA"])
    producer.send("cdc.shed", b"not an envelope", partition=0).get(30)
    producer.close()
    fresh.sides["shed"].run("INSERT INTO one VALUES (2, 2)")
    fresh.sides["yard"].run(
        "INSERT INTO one VALUES (2, 2)",
        "INSERT INTO dated VALUES (2, '2024-03-01')",
        "ALTER TABLE dated ALTER day TYPE timestamp",
        "INSERT INTO dated VALUES (3, '2024-03-02 12:00')",
    )
    said = stopped(fresh)
    assert "STR-101 " in said or "TGT-110 " in said
    # Neither of them goes by starting again.
    assert any(code in stopped(fresh) for code in ("STR-101 ", "TGT-110 "))
    start_over(fresh, *NAMES)
    with fresh.running():
        fresh.until("SELECT count(*) FROM cdc.position WHERE generations = 1", [(2,)])
        fresh.check(*(f"{name}.{table}" for name in NAMES for table in ("one", "dated", "none")))


@pytest.mark.slow  # 20 MiB several times in a small heap
def test_a_row_that_is_larger_than_a_record_may_be(fresh: Shapes) -> None:
    begun(fresh)
    side = fresh.sides["yard"]
    with fresh.running():
        fresh.check("yard.one")
        side.run("INSERT INTO big SELECT 1, 0, repeat(md5('x'), 20 * 32768)", "INSERT INTO one VALUES (3, 3)")
        found: list[dict[str, Any]] = []
        deadline = time.monotonic() + 90
        while not any(state["task"] == "failed" for state in found):
            assert time.monotonic() < deadline, found
            time.sleep(0.5)
            found = json.loads(fresh.status())
        (failed,) = [state for state in found if state["task"] == "failed"]
        assert failed["source"] == "yard"
        assert "RecordTooLarge" in failed["failure"]
        fresh.write(dataclasses.replace(side, more=('settings: {producer.override.max.request.size: "50000000"}',)))
        fresh.deployment.cdc("connectors", "apply", "yard")
        fresh.check("yard.big", "yard.one")

"""What the codes and runbooks say to do next, done: a stopped service gets to right mirrors again."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient

from tests.integration.runbook import Operator
from tests.integration.service import start
from tests.integration.shapes.shapes import Shapes

NAMES = ("yard", "shed")
WHY = ("--reason", "the source was altered")


def begun(fresh: Shapes) -> None:
    """Bring connectors and target up to the first snapshot."""
    for name in fresh.sides:
        fresh.sides[name].run("INSERT INTO one VALUES (1, 1)", "INSERT INTO dated VALUES (1, '2024-02-29')")
    fresh.apply(*fresh.sides)


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
    """Begin anew: the topics of some sources are made anew, the target is another one."""
    for name in names:
        forget_position(fresh, name)
    admin = KafkaAdminClient(bootstrap_servers=fresh.env["CDC_KAFKA"])
    admin.delete_topics([f"cdc.{name}" for name in names])
    admin.close()
    fresh.empty_target()
    for name in fresh.sides:
        fresh.write(dataclasses.replace(fresh.sides[name], more=("state: running",)))
    fresh.apply(*fresh.sides)


@contextmanager
def following(fresh: Shapes, name: str, page: str, step: int) -> Iterator[None]:
    """Do for a source what a step of a code's page says, the service included, and at the end what verifies it."""
    operator = Operator(fresh, {"SOURCE": name})
    with operator.doing(page, step):
        yield
        operator.verify(page)


def accounts_hold(fresh: Shapes) -> None:
    """What had landed, was passed over, and came with the snapshot: chain, ledger and mirrors say the same."""
    for command in (("audit", "verify"), ("ledger", "check"), ("audit", "mirrors")):
        fresh.deployment.cdc(*command)


def forget_position(fresh: Shapes, name: str) -> None:
    """Have Kafka Connect forget the connector's place."""
    fresh.write(dataclasses.replace(fresh.sides[name], more=("state: stopped",)))
    fresh.deployment.cdc("connectors", "apply", name)
    answer = httpx.delete(f"{fresh.env['CDC_CONNECT_URL']}/connectors/{name}/offsets", timeout=60, trust_env=False)
    answer.raise_for_status()


@pytest.mark.slow  # the service stops and starts; CI has `land/test_following`
def test_a_date_that_becomes_a_timestamp(fresh: Shapes) -> None:
    """The log has nothing of it, and numbers for days from then on are numbers of microseconds."""
    begun(fresh)
    side = fresh.sides["yard"]
    log = fresh.deployment.folder / "changed.log"
    process = start(fresh.env, log, "run")
    try:
        side.run("INSERT INTO dated VALUES (2, '2024-03-01')")
        fresh.until("SELECT id, day::text FROM yard.dated ORDER BY id", [(1, "2024-02-29"), (2, "2024-03-01")])
        side.run(
            "ALTER TABLE dated ALTER day TYPE timestamp",
            "INSERT INTO dated VALUES (3, '2024-03-02 12:00')",
            "UPDATE dated SET day = '2024-03-01 08:30' WHERE id = 2",
        )
        assert process.wait(90) == 1, log.read_text()[-2000:]
    finally:
        process.kill()
    assert "TGT-110 " in log.read_text()
    assert "yard.dated.day: is date, contract says timestamp" in log.read_text()
    # Rows of before are what they were; those that came as timestamps are not there as any date, and go nowhere else.
    assert fresh.query("SELECT id, day::text FROM yard.dated ORDER BY id") == [(1, "2024-02-29"), (2, "2024-03-01")]
    refused = fresh.query("SELECT DISTINCT mirror, code FROM cdc.refused")
    assert refused in ([], [("yard.dated", "VAL-102")])
    shown = json.loads(fresh.deployment.cdc("drift", "show", "yard", "--json", exit_code=4))
    assert [(one["mirror"], one["column"], one["stops"]) for one in shown] == [("yard.dated", "day", "TGT-110")]
    assert "keep column yard.dated.day" in fresh.deployment.cdc("drift", "accept", "yard", *WHY, "--dry-run")
    side.run("DELETE FROM dated WHERE id = 1")
    with following(fresh, "yard", "TGT-110", 2):
        fresh.until("SELECT generations FROM cdc.position WHERE source = 'yard'", [(2,)])
        fresh.check("yard.dated", "yard.one")
        fresh.check("shed.dated")
    assert "is as its contracts" in fresh.deployment.cdc("drift", "show")
    accounts_hold(fresh)


@pytest.mark.slow  # the service starts twice, and a second snapshot
def test_a_cascading_key_that_changes(fresh: Shapes) -> None:
    side = dataclasses.replace(fresh.sides["shed"], tables=("whole", "piece_of", *fresh.sides["shed"].tables))
    key = "FOREIGN KEY (whole) REFERENCES whole (id) ON DELETE"
    side.run(
        "CREATE TABLE whole (id int PRIMARY KEY)",
        f"CREATE TABLE piece_of (id int PRIMARY KEY, whole int, CONSTRAINT of_whole {key} CASCADE)",
        "INSERT INTO whole VALUES (1), (2), (3)",
        "INSERT INTO piece_of VALUES (1, 1), (2, 2), (3, 3)",
    )
    fresh.sides["shed"] = side
    fresh.write(side)
    begun(fresh)
    with fresh.running():
        side.run("DELETE FROM whole WHERE id = 1")
        fresh.check("shed.whole", "shed.piece_of")
    side.run(
        "ALTER TABLE piece_of DROP FOREIGN KEY of_whole",
        f"ALTER TABLE piece_of ADD CONSTRAINT of_whole {key} SET NULL",
        "DELETE FROM whole WHERE id = 2",
    )
    said = stopped(fresh)
    assert "TGT-115 " in said
    assert "shed.piece_of: of_whole" in said
    # Nothing was done by the wrong key.
    assert fresh.query("SELECT id, whole FROM shed.piece_of ORDER BY id") == [(2, 2), (3, 3)]
    with following(fresh, "shed", "TGT-115", 2):
        fresh.until("SELECT generations > 1 FROM cdc.position WHERE source = 'shed'", [(True,)])
        side.run("DELETE FROM whole WHERE id = 3")
        fresh.check("shed.whole", "shed.piece_of")
        assert fresh.query("SELECT id, whole FROM shed.piece_of ORDER BY id") == [(2, None), (3, None)]


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


@pytest.mark.slow  # the page of its code is followed to the end
def test_a_poisoned_topic_is_passed_over(fresh: Shapes) -> None:
    """What the source did behind the record that nobody can read comes with the snapshot, deletes as well."""
    begun(fresh)
    with fresh.running():
        fresh.check("shed.one")
    producer = KafkaProducer(bootstrap_servers=fresh.env["CDC_KAFKA"])
    producer.send("cdc.shed", b"not an envelope", partition=0).get(30)
    producer.close()
    side = fresh.sides["shed"]
    side.run("INSERT INTO one VALUES (2, 2)", "DELETE FROM dated WHERE id = 1")
    assert "STR-101 " in stopped(fresh)
    with following(fresh, "shed", "STR-101", 3):
        side.run("INSERT INTO one VALUES (3, 3)")
        fresh.until("SELECT generations FROM cdc.position WHERE source = 'shed'", [(2,)])
        fresh.check("shed.one", "shed.dated", "yard.one")
    assert fresh.query("SELECT code FROM cdc.gap ORDER BY found_at") == [("STR-121",)]
    accounts_hold(fresh)


@pytest.mark.slow  # the service starts twice
@pytest.mark.parametrize(
    "statement",
    ["RENAME TABLE one TO one_old, one_new TO one", "CREATE OR REPLACE TABLE one (id int PRIMARY KEY, n int)"],
)
def test_a_table_that_is_another_one(fresh: Shapes, statement: str) -> None:
    """The connector tells of the columns, or the text of the statement alone; no event tells of the rows."""
    begun(fresh)
    side = fresh.sides["shed"]
    side.run("CREATE TABLE one_new (id int PRIMARY KEY, n int)", "INSERT INTO one_new VALUES (5, 5)")
    with fresh.running():
        fresh.check("yard.one", "shed.one")
    side.run(statement, "INSERT INTO one VALUES (6, 6)")
    assert f"shed.one: {statement[:12]}" in (said := stopped(fresh))
    assert "TGT-113 " in said
    assert fresh.query("SELECT id FROM shed.one") == [(1,)]
    with following(fresh, "shed", "TGT-113", 3):
        fresh.until("SELECT generations FROM cdc.position WHERE source = 'shed'", [(2,)])
        fresh.check("yard.one", "shed.one")


@pytest.mark.slow  # 20 MiB several times in a small heap
def test_a_row_that_is_larger_than_a_record_may_be(fresh: Shapes) -> None:
    begun(fresh)
    side = fresh.sides["yard"]
    with fresh.running():
        fresh.check("yard.one")
        side.run("INSERT INTO big SELECT 1, 0, repeat(md5('x'), 20 * 32768)", "INSERT INTO one VALUES (3, 3)")
        found: list[dict[str, Any]] = []
        # It takes half a minute until Connect says that the task has failed; the watch restarts it once before.
        deadline = time.monotonic() + 180
        while not any(state["task"] == "failed" for state in found):
            assert time.monotonic() < deadline, found
            time.sleep(0.5)
            found = json.loads(fresh.status())
        (failed,) = [state for state in found if state["task"] == "failed"]
        assert failed["source"] == "yard"
        assert "RecordTooLarge" in failed["failure"]
        fresh.write(dataclasses.replace(side, more=('settings: {producer.override.max.request.size: "50000000"}',)))
        operator = Operator(fresh, {"SOURCE": "yard"})
        operator.act("CON-103", 3)
        fresh.check("yard.big", "yard.one")
        operator.verify("CON-103")


@pytest.mark.slow  # a second snapshot
def test_a_table_that_leaves_the_publication_and_comes_back(fresh: Shapes) -> None:
    """The log has nothing of what happened in between, and no sign that anything did."""
    begun(fresh)
    side = fresh.sides["yard"]
    with fresh.running():
        fresh.until("SELECT count(*) FROM cdc.position WHERE generations = 1", [(2,)])
        side.run("INSERT INTO one VALUES (2, 2)")
        fresh.check("yard.one")
        fresh.until("SELECT content ? 'published' FROM cdc.contract WHERE mirror = 'yard.one'", [(True,)])
    side.run(
        "ALTER PUBLICATION cdc DROP TABLE one",
        "INSERT INTO one VALUES (3, 3)",
        "UPDATE one SET n = 7 WHERE id = 1",
        "DELETE FROM one WHERE id = 2",
        "ALTER PUBLICATION cdc ADD TABLE one",
        "INSERT INTO one VALUES (4, 4)",
    )
    with fresh.running():
        fresh.until("SELECT id, n FROM yard.one ORDER BY id", [(1, 1), (2, 2), (4, 4)])
        # It is known, and nothing but a new snapshot is said to help.
        lacking = await_unread(fresh, ["public.one"])
        assert [(table["state"], table["again"]) for table in lacking] == [("needed", True)]
        assert "CON-108" in fresh.deployment.cdc("connectors", "apply", "yard", exit_code=5)
        Operator(fresh, {"SOURCE": "yard"}).act("CON-108", 2)
        # The watch begins a snapshot on an old slot again, so there may be one more.
        fresh.until("SELECT generations > 1 FROM cdc.position WHERE source = 'yard'", [(True,)])
        await_unread(fresh, [])
        fresh.check("yard.one", "yard.mark")


def await_unread(fresh: Shapes, tables: list[str]) -> list[dict[str, Any]]:
    """Wait until just these tables of `yard` have to be read; return what is said of them."""
    deadline = time.monotonic() + 90
    while True:
        (yard,) = [finding for finding in json.loads(fresh.status()) if finding["source"] == "yard"]
        if [table["table"] for table in yard["unread"]] == tables:
            return list(yard["unread"])
        assert time.monotonic() < deadline, yard
        time.sleep(0.5)

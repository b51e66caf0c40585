"""A COPY into a table without a key, and a connector that is started again in it: each row lands once, or none.

PostgreSQL writes the rows of a COPY that fit into one block under one place in its log. A connector that takes one of
them for all loses the others, one that begins with the first of them again sends them twice; their order and END tell
of neither.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import pytest

from tests.integration.runbook import Operator
from tests.integration.service import start
from tests.integration.shapes.connect import await_rows, recorded, restart_tasks, resume, stop
from tests.integration.shapes.shapes import Shapes
from tests.integration.shapes.test_snapshot import add_keyless, counts

ROWS = 30_000
INTERRUPTIONS = 3
_SENT = 2000
# Four rows to a block, so that every fourth stop is behind the first of one.
_WIDE = "ALTER TABLE log ALTER note TYPE char(1900)"
_STOPS = 40
_PATIENCE_S = 120


@pytest.mark.slow  # a minute each
@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", ["started again", "disconnected"])
def test_a_copy_that_is_interrupted_arrives_whole_and_once_or_stops(fresh: Shapes, how: str) -> None:
    capture(fresh, *((_WIDE,) if how == "disconnected" else ()))
    copy(fresh)
    for _ in range(INTERRUPTIONS):
        await_rows(fresh, _SENT, "yard")
        INTERRUPT[how](fresh)
    if stops(fresh):
        follow_page(fresh)
    else:
        held, found = counts(fresh, "yard")
        assert found == held


@pytest.mark.slow  # two minutes
@pytest.mark.timeout(600)
def test_a_copy_that_is_interrupted_behind_the_first_row_of_a_block_is_read_anew(fresh: Shapes) -> None:
    capture(fresh, _WIDE)
    copy(fresh)
    stop_behind_a_first_row(fresh)
    resume(fresh, "yard")
    assert stops(fresh)
    assert fresh.query("SELECT code FROM cdc.gap") == [("STR-124",)]
    ((landed,),) = fresh.query("SELECT coalesce(sum(_count), 0) FROM yard.log WHERE starts_with(note, 'copied')")
    assert landed % ROWS == 0
    follow_page(fresh)


def disconnect(fresh: Shapes) -> None:
    """Have the server close the connector's connection: Debezium opens another one, by itself."""
    fresh.sides["yard"].run(
        "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = current_database()"
    )


INTERRUPT: Mapping[str, Callable[[Shapes], None]] = {
    "started again": lambda fresh: restart_tasks(fresh, "yard"),
    "disconnected": disconnect,
}


def capture(fresh: Shapes, *statements: str) -> None:
    """Have a source captured that has a table without a key; `statements` are run before."""
    fresh.keep_only("yard")
    add_keyless(fresh, "yard")
    fresh.sides["yard"].run(*statements)
    fresh.apply("yard")
    with fresh.running():
        fresh.check("yard.one")


def copy(fresh: Shapes) -> None:
    """Copy rows into the table, in one transaction."""
    with fresh.sides["yard"].connection(autocommit=False) as connection, connection.cursor() as cursor:
        with cursor.copy("COPY log FROM STDIN") as rows:
            for number in range(ROWS):
                rows.write_row((number % 100, "copied"))
        connection.commit()


def stop_behind_a_first_row(fresh: Shapes) -> None:
    """Stop the connector where it has sent just the first of several rows; copy as often as that takes."""
    for _ in range(_STOPS):
        await_rows(fresh, 100, "yard")
        stop(fresh, "yard")
        (place,) = recorded(fresh, "yard")
        if place.get("lsn_events_processed") == 1 and place["lsn"] != place["lsn_commit"]:
            return
        if place["lsn"] == place["lsn_commit"]:
            copy(fresh)
        resume(fresh, "yard")
    pytest.fail("no stop was behind the first row of a block")


def stops(fresh: Shapes) -> bool:
    """Run the service; tell whether it stops because rows may be missing, or else have all land that was sent."""
    fresh.sides["yard"].run("INSERT INTO log VALUES (-1, 'last')")
    log = fresh.deployment.folder / "run.log"
    process = start(fresh.env, log, "run")
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while process.poll() is None and not fresh.query("SELECT FROM yard.log WHERE a = -1"):
            assert time.monotonic() < deadline
            time.sleep(0.5)
    finally:
        process.terminate()
        process.wait(60)
    assert process.returncode == 0 or "STR-124 " in log.read_text()
    return process.returncode != 0


def follow_page(fresh: Shapes) -> None:
    """Do what the page says."""
    operator = Operator(fresh, {"SOURCE": "yard"})
    with operator.doing("STR-124", 1):
        fresh.until("SELECT count(*) FROM yard.log WHERE a = -1", [(1,)])
        fresh.check("yard.one")
        held, found = counts(fresh, "yard")
        assert found == held
        operator.verify("STR-124")

"""A landing process that is killed at any line, and the next one, land what one that lives lands."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise

import psycopg
import pytest

from cdc.errors import TransientError
from cdc.land.position import take_over
from tests.contract.cdc.land.stage import DATABASES, REPO, Stage, contracts_of, recorded
from tests.contract.cdc.land.test_cuts import grown

RANDOM_KILLS = 5
# One kill each: while rows are copied, in the middle of the writes, before COMMIT, after COMMIT before anybody knows.
NAMED = ("_load:6", "write_ledger:3", "write_position:2", "run:return", "_landed:return")


def run(dsn: str, source: str, where: str) -> str:
    """Run a landing process; return what it printed, nothing if it was killed as it should."""
    command = [sys.executable, "-m", "tests.contract.cdc.land.landing_process", dsn, source, where]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.stdout


@pytest.mark.parametrize("source", ["erp", "mes"])
def test_a_process_killed_at_any_line_loses_and_doubles_nothing(
    new_stage: Callable[..., Stage], target_dsn: str, source: str
) -> None:
    changes = [contract.mirror for contract in grown(source) if contract.key_origin != "rows"]
    stage = new_stage(source, grown(source), DATABASES[source], changes=changes)
    stage.land(recorded(source))
    uninterrupted = stage.state()
    new_stage(source, contracts_of(source), DATABASES[source], changes=changes)
    total = int(run(target_dsn, source, "never"))
    stage = new_stage(source, contracts_of(source), DATABASES[source], changes=changes)
    places = random.Random(source)
    kills = [*NAMED, *(str(places.randint(1, total // 10)) for _ in range(RANDOM_KILLS))]
    died = sum(run(target_dsn, source, where) == "" for where in kills)
    assert died == len(kills)
    run(target_dsn, source, "never")
    assert stage.state() == uninterrupted
    batches = stage.query("SELECT batch, first_offset, next_offset FROM cdc.batch ORDER BY batch")
    assert [batch for batch, _, _ in batches] == list(range(1, len(batches) + 1))
    assert all(before[2] <= after[1] for before, after in pairwise(batches))


def test_a_frozen_owner_is_ended_and_its_transaction_undone(stage: Stage, target_dsn: str) -> None:
    frozen = psycopg.connect(target_dsn)
    take_over(frozen, stage.stream, stage.source)
    frozen.execute("UPDATE cdc.position SET batch = 99")
    with psycopg.connect(target_dsn, options="-c lock_timeout=200") as successor:
        with pytest.raises(TransientError, match="TGT-120"):
            take_over(successor, stage.stream, stage.source)
        position = take_over(successor, stage.stream, stage.source)
    assert position.batch == 0
    with pytest.raises(psycopg.OperationalError):
        frozen.execute("SELECT 1")
    frozen.close()


def test_a_session_in_the_middle_of_a_copy_is_ended(stage: Stage, target_dsn: str) -> None:
    """It is active, not idle: no time-out of the server ends it."""
    frozen = psycopg.connect(target_dsn)
    take_over(frozen, stage.stream, stage.source)
    frozen.execute("UPDATE cdc.position SET batch = 99")
    copy = frozen.cursor().copy("COPY cdc.unit FROM STDIN")
    copy.__enter__()
    with psycopg.connect(target_dsn, options="-c lock_timeout=200") as successor:
        with pytest.raises(TransientError, match="TGT-120"):
            take_over(successor, stage.stream, stage.source)
        assert take_over(successor, stage.stream, stage.source).batch == 0
    with pytest.raises(psycopg.OperationalError):
        copy.__exit__(None, None, None)
    frozen.close()

"""`cdc dictionary activate` is killed at each of its points, and run again: nothing is lost, doubled or half done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.cdc.cli.deployment import Deployment, held
from tests.contract.cdc.test_derive_worker import wait_until

POINTS = ("A1", "A2", "A3", "A4", "A5", "A6")


def activate(config: Path, crash: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-m", "cdc", "--config", str(config), "dictionary", "activate", "--yes"),
        env={**os.environ, "CDC_CRASH": crash} if crash else dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_it_goes_on_when_it_is_run_again(config: Path, running: Deployment, point: str) -> None:
    running.know_country("英国", "US")
    killed = activate(config, f"{point}:1")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    is_in_force = running.parties() == [("C1", None), ("C2", "US")]
    assert is_in_force == (point == "A6")
    assert held(running) == ([] if is_in_force else [("2", "COD-201")])
    running.land_of("英国", 3)
    done = activate(config)
    assert done.returncode == 0, done.stderr
    wait_until(lambda: running.parties() == [("C1", None), ("C2", "US"), ("C3", "US")])
    assert held(running) == []
    assert running.rows("SELECT conname FROM pg_constraint WHERE contype = 'f' AND NOT convalidated") == []
    assert running.rows("SELECT count(*) FROM cdc.operator_action WHERE action = 'dictionary activate'") == [(1,)]
    assert running.rows("SELECT nspname FROM pg_namespace WHERE nspname LIKE '%leaving'") == []

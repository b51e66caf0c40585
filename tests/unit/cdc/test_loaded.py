from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("worker", ["cdc.land.worker", "cdc.derive.worker", "cdc.capture.watchdog", "cdc.parent"])
def test_a_worker_does_not_load_what_draws_tables(worker: str) -> None:
    loaded = f"import sys, cdc.cli.main, {worker}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    found = subprocess.run((sys.executable, "-c", loaded), capture_output=True, check=True, text=True).stdout.split()
    assert "structlog" in found
    assert not {"rich", "pygments"} & set(found)

"""The clock of the workers' machine jumps: nothing that is decided depends on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.cell import Cell
from tests.faults.worker import until

_LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


@pytest.mark.parametrize(
    "jump", ["-2h", *(pytest.param(jump, marks=pytest.mark.slow) for jump in ("+2h", "+400d", "-400d"))]
)
def test_the_clock_jumps(jump: str, new_cell: Callable[..., Cell]) -> None:
    assert _LIBRARIES, "libfaketime is not installed: bash compose/local/setup.sh dev"
    cell = new_cell()
    clock = cell.deployment.folder / "clock"
    clock.write_text("+0")
    faked = {
        "LD_PRELOAD": str(_LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        # What measures durations does not jump on a real machine either.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    program = ("tests.faults.faked",)
    land, derive = cell.land(program=program, **faked), cell.derive(program=program, **faked)
    until(lambda: cell.has_landed(2), "batches")
    clock.write_text(jump)
    until(lambda: cell.has_landed(15), "batches")
    clock.write_text("+0")
    cell.require_recovery(land, derive)

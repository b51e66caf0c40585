"""Crash points: each stands in the code by a name that is described, and orders that mean nothing are refused."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections import Counter

import pytest

from cdc.crash import POINTS, arm, crash_point
from cdc.errors import FatalError
from compose.local.env import REPO


def test_every_point_stands_in_the_code_and_no_other() -> None:
    sources = (path.read_text() for path in (REPO / "cdc").rglob("*.py"))
    reached = Counter(name for text in sources for name in re.findall(r'crash_point\("(\w+)"\)', text))
    assert reached.keys() == POINTS.keys()


def test_without_an_order_nothing_happens() -> None:
    for name in POINTS:
        crash_point(name)


@pytest.mark.parametrize("order", ["W5", "W5:", "W5:0", "W5:x", "W7:1", "w5:1", "W5:1:NONE", ":1"])
def test_an_order_that_would_never_be_carried_out_is_refused(order: str) -> None:
    with pytest.raises(FatalError, match="CFG-101"):
        arm(order)


@pytest.mark.parametrize(("order", "ended"), [("W5:2", signal.SIGKILL), ("W5:2:TERM", signal.SIGTERM)])
def test_an_order_is_carried_out_at_its_hit_and_only_there(order: str, ended: signal.Signals) -> None:
    program = "from cdc.crash import crash_point\nfor n in 'W5', 'W6', 'W5': print(n, flush=True); crash_point(n)"
    done = subprocess.run(
        (sys.executable, "-c", program), env={"CDC_CRASH": order}, cwd=REPO, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split()) == (-ended, ["W5", "W6", "W5"]), done.stderr

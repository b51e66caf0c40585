"""What is seen of long work, on a terminal and in a log."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cdc.cli import progress
from cdc.cli.progress import Shown


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    with Shown() as shown:
        for seconds, rows in ((0, 1000), (2, 3000), (6, 7000), (7, 8000), (12, 13_000)):
            clock[0] = 100.0 + seconds
            shown.show("build", rows, 20_000)
        shown.show("catch up", 0, 0)
        for seconds, batches in ((13, 10), (19, 40)):
            clock[0] = 100.0 + seconds
            shown.show("audit", batches, 60, "batches")
    assert capsys.readouterr().err.splitlines() == [
        "build: 7000 of about 20000 rows, 1000 rows/s, 13 s to go",
        "build: 13000 of about 20000 rows, 1000 rows/s, 7 s to go",
        "audit: 40 of about 60 batches, 5 batches/s, 4 s to go",
    ]


def test_a_terminal_gets_a_bar_that_ends_with_the_work() -> None:
    drawn = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        _break_off(Shown(Console(file=drawn, force_terminal=True, width=120)))
    assert "30,000 of about 30,000 rows" in drawn.getvalue()
    assert drawn.getvalue().rstrip().endswith("\x1b[2K")  # the line is taken away
    assert "\x1b[?25h" in drawn.getvalue()  # and the cursor is back


def _break_off(shown: Shown) -> None:
    with shown:
        shown.show("build", 1000, 20_000)
        shown.show("build", 30_000, 20_000)  # there were more than it was about
        raise KeyboardInterrupt

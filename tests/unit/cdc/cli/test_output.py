from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime

import pytest

from cdc.cli.output import write_json, write_table


class Terminal(io.StringIO):
    """A terminal, as far as programs ask."""

    def isatty(self) -> bool:
        return True


def test_a_pipe_gets_one_line_per_row_and_no_character_that_would_break_it(capsys: pytest.CaptureFixture[str]) -> None:
    write_table("Title", ("a", "b", "c"), [("x\ty", 1.26, None), ("行\n2", 0, "")])
    assert capsys.readouterr().out == "a\tb\tc\nx y\t1.3\t-\n行 2\t0\t\n"


def test_a_terminal_gets_a_table_with_its_title(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    write_table("Title", ("name", "rows"), [("[red]x", 5)])
    shown = terminal.getvalue()
    assert "Title" in shown
    assert "┃" in shown
    assert "[red]x" in shown


def test_json_is_one_document_with_times_and_foreign_letters_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"since": datetime(2026, 1, 2, tzinfo=UTC), "name": "批号"})
    shown = capsys.readouterr().out
    assert "批号" in shown
    assert json.loads(shown) == {"since": "2026-01-02T00:00:00Z", "name": "批号"}

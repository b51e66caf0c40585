"""How far long work is: a bar on a terminal, a line now and then in a log; both say how fast, and how long it takes."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from cdc.cli.output import say

if TYPE_CHECKING:
    from rich.console import Console

_EVERY_S = 5.0


class Shown:
    """Shows rows (or what `of` says) done, of about so many, by phase: within `with`, so that whatever ends the work
    ends the bar.

    `console`: instead of stderr.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._view: _Bar | _Lines | None = None
        self._console = console

    def __enter__(self) -> Self:
        """Show nothing yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the bar where it is."""
        self.end()

    def show(self, phase: str, rows: int, total: int, of: str = "rows") -> None:
        """Say how far it is; a phase without rows ends what was shown of the one before."""
        if not rows:
            self.end()
            return
        if self._view is None:
            drawn = self._console is not None or sys.stderr.isatty()
            self._view = _Bar(self._console, phase, rows) if drawn else _Lines(rows)
        self._view.show(phase, rows, total, of)

    def end(self) -> None:
        """Take the bar away; what is shown next begins anew."""
        if self._view is not None:
            self._view.end()
        self._view = None


class _Lines:
    def __init__(self, rows: int) -> None:
        self._begun = self._said = time.monotonic()
        self._first = rows

    def show(self, phase: str, rows: int, total: int, of: str) -> None:
        now = time.monotonic()
        if now - self._said < _EVERY_S:
            return
        self._said = now
        rate = (rows - self._first) / max(now - self._begun, 0.001)
        left = f", {max(total - rows, 0) / rate:.0f} s to go" if rate else ""
        say(f"{phase}: {rows} of about {total} {of}, {rate:.0f} {of}/s{left}")

    def end(self) -> None:
        """Nothing has to be taken away."""


class _Bar:
    def __init__(self, console: Console | None, phase: str, rows: int) -> None:
        from rich import progress as rich  # noqa: PLC0415 - workers are commands, too, and never draw
        from rich.console import Console  # noqa: PLC0415

        self._bar: Any = rich.Progress(
            rich.TextColumn("{task.description}"),
            rich.BarColumn(),
            rich.TextColumn("{task.completed:,.0f} of about {task.total:,.0f} {task.fields[of]}"),
            rich.TextColumn("{task.fields[rate]}"),
            rich.TimeRemainingColumn(),
            console=console or Console(stderr=True),
            transient=True,
        )
        self._begun, self._first = time.monotonic(), rows
        self._task = self._bar.add_task(phase, total=rows, rate="", of="")
        self._bar.start()

    def show(self, phase: str, rows: int, total: int, of: str) -> None:
        rate = (rows - self._first) / max(time.monotonic() - self._begun, 0.001)
        shown = {"of": of, "rate": f"{rate:,.0f} {of}/s"}
        self._bar.update(self._task, description=phase, completed=rows, total=max(total, rows), **shown)

    def end(self) -> None:
        self._bar.stop()

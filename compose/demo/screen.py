"""What the demo shows: a live table on a terminal, plain lines in a file or a pipe."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from compose.demo.watch import Sample

_LINE_EVERY_S = 5.0


class Screen:
    """Shows samples while it is open, and says things at any time."""

    def __init__(self, seconds: float) -> None:
        self._console = Console(highlight=False)
        self._seconds = seconds
        self._live: Live | None = None
        self._began = self._last_line = time.monotonic()

    def __enter__(self) -> Screen:
        self._began = self._last_line = time.monotonic()
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, text: str) -> None:
        """Print a line; above the table, if there is one."""
        self._console.print(text, markup=False, soft_wrap=True)

    def print(self, table: Table) -> None:
        """Print a table."""
        self._console.print(table)

    def show(self, sample: Sample, note: str) -> None:
        """Show a sample."""
        now = time.monotonic()
        if self._live is not None:
            self._live.update(self._picture(sample, note), refresh=True)
        elif now - self._last_line >= _LINE_EVERY_S:
            self._last_line = now
            self.say(_line(now - self._began, sample, note))

    def _picture(self, sample: Sample, note: str) -> Group:
        elapsed = time.monotonic() - self._began
        head = Text(f"{elapsed:5.1f} of {self._seconds:.0f} s   {note}", style="bold")
        foot = Text(
            f"workers {sample.pss_mib:.0f} MiB   held while running {sample.holds}, released {sample.releases}",
            style="dim",
        )
        return Group(head, _streams(sample), _domains(sample), foot)


def _streams(sample: Sample) -> Table:
    table = Table("stream", expand=False)
    for name in ("captured", "landed", "refused", "lag", "freshness"):
        table.add_column(name, justify="right")
    for stream in sample.streams:
        freshness = "" if stream.freshness_s is None else f"{stream.freshness_s:.1f} s"
        lag = "" if stream.lag is None else str(stream.lag)
        table.add_row(stream.stream, str(stream.captured), str(stream.landed), str(stream.refused), lag, freshness)
    return table


def _domains(sample: Sample) -> Table:
    table = Table("domain", "table", expand=False)
    for name in ("rows", "held", "behind"):
        table.add_column(name, justify="right")
    for domain in sample.domains:
        behind = "" if domain.behind_batches is None else f"{domain.behind_batches} batches"
        rows = sum(count or 0 for count in domain.tables.values())
        table.add_row(domain.domain, "all", str(rows), str(sum(domain.held.values())), behind, style="bold")
        for name, count in domain.tables.items():
            table.add_row("", name, "" if count is None else str(count), "", "")
    return table


def _line(elapsed: float, sample: Sample, note: str) -> str:
    parts = [f"{elapsed:5.1f} s {note:5}"]
    for stream in sample.streams:
        freshness = 0.0 if stream.freshness_s is None else stream.freshness_s
        parts.append(
            f"{stream.stream} captured {stream.captured} landed {stream.landed} refused {stream.refused}"
            f" lag {stream.lag} freshness {freshness:.1f} s"
        )
    for domain in sample.domains:
        rows = sum(count or 0 for count in domain.tables.values())
        parts.append(f"{domain.domain} rows {rows} held {sum(domain.held.values())} behind {domain.behind_batches}")
    return " | ".join(parts)

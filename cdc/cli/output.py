"""What commands print: tables for people, tab-separated lines for pipes, one JSON object for programs.

Data goes to stdout, words about it to stderr, so that a pipe gets nothing but data.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from cdc.cli.repeated import of_deployment

if TYPE_CHECKING:
    from rich.table import Table

_ENDLESS: Final = 1_000_000
"""Columns of a terminal on which nothing is folded."""
Cell = str | int | float | datetime | None


def write_json(document: object) -> None:
    """Print one JSON object (or list); times are ISO 8601 with offset."""
    print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def write_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Print a table; when stdout is no terminal: a line of column names and a line per row, separated by tabs."""
    if not sys.stdout.isatty():
        print("\t".join(columns))
        for row in rows:
            print("\t".join(_plain(cell) for cell in row))
        return
    from rich.console import Console  # noqa: PLC0415 - workers are commands, too, and never draw

    Console().print(_drawn(title, columns, rows))


def drawn_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return the table that a person sees as text, its lines as long as they have to be."""
    from rich.console import Console  # noqa: PLC0415

    text = io.StringIO()
    Console(file=text, width=_ENDLESS, force_terminal=False, color_system=None).print(_drawn(title, columns, rows))
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def _drawn(title: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Table:
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    listed = [list(row) for row in rows]
    for index, name in enumerate(columns):
        numeric = any(isinstance(row[index], (int, float)) for row in listed)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in listed:
        table.add_row(*(escape(_plain(cell)) for cell in row))
    return table


def write_line(text: str = "") -> None:
    """Print one line of data."""
    print(text)


def write_advice(text: str) -> None:
    """Print words that are what was asked for; the commands in them are for the same deployment."""
    print(of_deployment(text))


def say(text: str) -> None:
    """Print a line for the person at the terminal, on stderr; the commands in it are for the same deployment."""
    print(of_deployment(text), file=sys.stderr)


def exactly(moment: datetime | None) -> str | None:
    """Return a time as it can be given to a command, to the microsecond, in the local time with its offset."""
    return None if moment is None else moment.astimezone().isoformat(sep=" ")


def duration(seconds: float | None) -> str | None:
    """Return a time in the largest unit of which it has at least two."""
    if seconds is None:
        return None
    for size, unit in ((86_400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _plain(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, datetime):
        return cell.astimezone().isoformat(sep=" ", timespec="seconds")
    text = f"{cell:.1f}" if isinstance(cell, float) else str(cell)
    return "".join(character if character.isprintable() else " " for character in text)

"""Rows that differ, as commands print them: which row, and what each of its columns is and would be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cdc.cli.output import write_table
from cdc.derive.rehearsal import Difference

JSON_HELP = "a list of table, mapping, source_key (list), before, after (column to text; null: no row)"


def write_differences(title: str, differences: Iterable[Difference]) -> None:
    """Print a line for each cell that is not the same on both sides."""
    rows = [
        (one.table, one.mapping, ", ".join(one.source_key), column, before, after)
        for one in differences
        for column, before, after in _cells(one)
    ]
    write_table(title, ("table", "mapping", "source key", "column", "is", "would be"), rows)


def _cells(difference: Difference) -> Iterator[tuple[str, str | None, str | None]]:
    before, after = dict(difference.before or ()), dict(difference.after or ())
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield name, before.get(name), after.get(name)

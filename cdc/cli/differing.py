"""Rows that differ, as commands print them: which row, and what each of its columns is and would be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from cdc.cli.output import write_table
from cdc.derive.rehearsal import HELD, Difference, Values
from cdc.protect.mask import MASK, Masks

JSON_HELP = "a list of table, mapping, source_key (list), before, after (column to text; null: no row)"


def masked(shown: Masks, one: Difference) -> Difference:
    """Return a difference with what is masked of it; of a value that is, still whether it would be another one."""
    before, after = dict(one.before or ()), dict(one.after or ())
    hidden = {name for name in {*before, *after} if shown.hides(one.table, name)}
    if one.table == HELD and shown.hidden:
        hidden.add("waits_key")

    def values(own: Values | None, mask: str) -> Values | None:
        return own and tuple((name, mask if name in hidden and value is not None else value) for name, value in own)

    another = MASK if all(before.get(name) == after.get(name) for name in hidden) else f"{MASK} (another)"
    key = tuple(shown.source_key(one.mapping, one.source_key))
    return replace(one, source_key=key, before=values(one.before, MASK), after=values(one.after, another))


def recorded(hidden: Masks, one: Difference) -> dict[str, object]:
    """Return a difference for the record of what operators did, which is kept for good: nothing that is masked."""
    return masked(hidden, one).document()


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

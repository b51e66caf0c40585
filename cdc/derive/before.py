"""What the canonical tables hold of the taken rows before a turn changes them, found once for each row.

Every later statement has the key of the old row, its place in the table and whether it differs at hand, instead of
going through the indexes of a table of millions again. The place (ctid) of a row stays what it is until it is written,
and nobody but this turn writes it: who did would be found by the transaction's isolation.
"""

from __future__ import annotations

from functools import cache

from cdc.derive.names import columns, equal, literal
from cdc.derive.plan import Fill, Origin, Plan
from cdc.derive.session import Work, stored_columns, written_columns


def read_before(work: Work) -> None:
    """Find the canonical rows of everything that is taken and staged by now."""
    read_origins(work, list(work.taken))


def read_origins(work: Work, origins: list[Origin]) -> None:
    """Find the canonical rows of what steps and merges have taken and that have not been found yet."""
    fills = [fill for origin in origins for fill in origin.fills]
    for fill, cursor in zip(fills, work.run_all(_read(work.plan, fill) for fill in fills), strict=True):
        work.grow(cursor.rowcount, fill.before)


def keeps_key(fill: Fill, row: str, before: str = "b") -> str:
    """Return the condition that the staged `row` has the key that its canonical row has."""
    return f"{before}._source_key = {row}._source_key AND {equal(fill.key, before, row)}"


@cache
def _read(plan: Plan, fill: Fill) -> bytes:
    stored, staged = stored_columns(fill, "c"), written_columns(fill, "s")
    # Of a row that is alone, one with another key is found as well, and differs.
    matched = "s._source_key = t.key" if fill.alone else f"s._source_key = t.key AND {equal(fill.key, 's', 'c')}"
    same = f"({stored}, c._dictionary) IS NOT DISTINCT FROM ({staged}, {literal(plan.digest)})"
    return (
        f"INSERT INTO {fill.before} SELECT c._source_key, c.ctid, {same}, {columns(fill.key, 'c')}"
        f" FROM {fill.take} t JOIN {fill.canonical} c ON {fill.is_of('c', 't.key')}"
        f" LEFT JOIN {fill.stage} s ON {matched}"
        f" WHERE NOT EXISTS (SELECT FROM {fill.before} b WHERE b._source_key = t.key)"
    ).encode()

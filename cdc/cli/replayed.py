"""What is printed of changes that were replayed through a mapping, and of a canonical row as it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cdc.cli.output import exactly, write_line, write_table
from cdc.evidence.history import shown as told_as
from cdc.evidence.replay import Replayed, Then
from cdc.protect.mask import Masks


def documents(table: str, replayed: Iterable[Replayed], shown: Masks) -> list[dict[str, Any]]:
    """Return what came of each change, for JSON."""
    return [
        {
            "offset": one.entry.offset,
            "committed_at": one.entry.committed_at,
            "outcome": one.outcome,
            "rows": [values(table, row, shown) for row in one.rows],
        }
        for one in replayed
    ]


def values(table: str, row: Mapping[str, object], shown: Masks) -> dict[str, str | None]:
    """Return the values of a canonical row as they are shown."""
    return {name: shown.value(table, name, _text(value)) for name, value in row.items()}


def _text(value: object) -> str | None:
    return ", ".join(map(str, value)) if isinstance(value, list) else told_as(value)


def lines(table: str, replayed: Iterable[Replayed], shown: Masks) -> Iterator[tuple[Any, ...]]:
    """Yield a line for what came of each change, and one for each canonical column that is otherwise by then."""
    before: dict[str, str | None] = {}
    for one in replayed:
        after = _joined([values(table, row, shown) for row in one.rows])
        differing = [name for name in dict.fromkeys((*before, *after)) if before.get(name) != after.get(name)]
        for place, name in enumerate(differing or [""]):
            head = (exactly(one.entry.committed_at), one.outcome) if place == 0 else (None, "")
            yield (*head, name, before.get(name), after.get(name), one.entry.offset if place == 0 else "")
        before = after


def _joined(rows: list[dict[str, str | None]]) -> dict[str, str | None]:
    """Return one row; where a source row has several, their values stand one behind the other where they differ."""
    if len(rows) < 2:
        return rows[0] if rows else {}
    columns = {name: list(dict.fromkeys(row[name] for row in rows)) for name in rows[0]}
    return {name: "; ".join(map(str, told)) if len(told) > 1 else told[0] for name, told in columns.items()}


def write_then(table: str, key: Iterable[str], then: Then, shown: Masks) -> None:
    """Print what a canonical row was."""
    title = f"{table} {', '.join(key)}: {then.outcome}"
    if then.row is None:
        write_line(title)
    else:
        write_table(title, ("column", "value"), sorted(values(table, then.row, shown).items()))

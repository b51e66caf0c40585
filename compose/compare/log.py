"""The simulator's log: one JSON line per source transaction, written after its COMMIT returned, in commit order.

| entry        | holds                                                                                          |
|--------------|------------------------------------------------------------------------------------------------|
| seq          | running number, without gaps over all runs on the same data                                    |
| source       | erp or mes                                                                                     |
| action       | kind of action, one of `compose.simulator`'s                                                   |
| committed_at | the clock (seconds since 1970, microseconds kept) right after COMMIT returned                  |
| probe        | [[canonical table, [key, ...]], ...]: rows that are new and can be derived at once             |
| deleted      | [[mirror, {column: text}], ...]: last image of each row that is gone, the old image of a row   |
|              | whose mirror key changed included; text as the database prints it, NULL as null                |
| bad          | [[mirror, [key, ...], code], ...]: source rows made wrong on purpose, and what refuses them    |
| healed       | [[mirror, [key, ...]], ...]: bad rows that this transaction put right or removed               |

Lists that are empty may be left out. Mirrors are `source.table`, keys are text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

Row = dict[str, str | None]
RowKey = tuple[str, tuple[str | None, ...]]  # (mirror, key)


@dataclass(slots=True)
class Log:
    """What the comparison needs of the log."""

    transactions: int = 0
    actions: dict[str, int] = field(default_factory=dict)
    deleted: dict[str, list[Row]] = field(default_factory=dict)  # by mirror, in commit order
    bad: dict[RowKey, str] = field(default_factory=dict)  # and not healed


def entries(path: Path) -> Iterator[dict[str, object]]:
    """Yield the log's lines; a last line that a killed simulator left half-written is an error as any other."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def read_log(path: Path) -> Log:
    """Read the log of all runs on the present data."""
    log = Log()
    for entry in entries(path):
        log.transactions += 1
        action = str(entry["action"])
        log.actions[action] = log.actions.get(action, 0) + 1
        for mirror, row in _list(entry, "deleted"):
            log.deleted.setdefault(mirror, []).append(row)
        for mirror, key in _list(entry, "healed"):
            log.bad.pop((mirror, tuple(key)), None)
        for mirror, key, code in _list(entry, "bad"):
            log.bad[mirror, tuple(key)] = code
    return log


def _list(entry: dict[str, object], name: str) -> list[list]:  # type: ignore[type-arg]
    return entry.get(name) or []  # type: ignore[return-value]

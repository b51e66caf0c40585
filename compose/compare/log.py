"""What the comparison takes from the simulator's log, one JSON line per source transaction (`compose.simulator.log`):

| entry       | holds                                                                                            |
|-------------|--------------------------------------------------------------------------------------------------|
| action      | kind of action                                                                                   |
| rolled_back | true where nothing of it happened                                                                |
| deleted     | [[mirror, {column: text}], ...]: last image of each row that is gone, in commit order            |
| bad         | [[mirror, [key, ...], code], ...]: rows that are wrong from now on, and what must hold them      |
| healed      | [[mirror, [key, ...]], ...]: rows that are right again                                           |

Lines without `source` are no transactions.
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
    """Yield the transactions; a last line that a killed simulator left half-written is an error as any other."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            if "source" in entry:
                yield entry


def read_log(path: Path) -> Log:
    """Read the log of all runs on the present data."""
    log = Log()
    for entry in entries(path):
        log.transactions += 1
        action = str(entry["action"])
        log.actions[action] = log.actions.get(action, 0) + 1
        if entry.get("rolled_back"):
            continue
        for mirror, row in _list(entry, "deleted"):
            log.deleted.setdefault(mirror, []).append(row)
        for mirror, key in _list(entry, "healed"):
            log.bad.pop((mirror, tuple(key)), None)
        for mirror, key, code in _list(entry, "bad"):
            log.bad[mirror, tuple(key)] = code
    return log


def _list(entry: dict[str, object], name: str) -> list[list]:  # type: ignore[type-arg]
    return entry.get(name) or []  # type: ignore[return-value]

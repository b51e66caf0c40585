"""The log of all runs on the same data: one JSON line per transaction, written after its COMMIT had returned.

| entry        | holds                                                                                              |
|--------------|----------------------------------------------------------------------------------------------------|
| seq          | running number, without gaps over all runs on the same data                                        |
| source       | erp or mes                                                                                         |
| action       | kind of action; the two lines "installed" stand for the seeded data                                |
| committed_at | the clock (seconds since 1970) right after COMMIT, or ROLLBACK, had returned                       |
| rolled_back  | true where it was given up: nothing of it happened                                                 |
| tables       | {mirror: rows written}                                                                             |
| rows         | [[mirror, c, u or d, [key, ...]], ...]; a changed key is a d and a c; bulk statements are left out |
| probe        | [[canonical table, [key, ...]], ...]: rows that are new and can be derived at once                 |
| deleted      | [[mirror, {column: text}], ...]: last image of each row that is gone, also of one whose key changed |
| bad          | [[mirror, [key, ...], code], ...]: rows that are wrong from now on, and what must hold them        |
| healed       | [[mirror, [key, ...]], ...]: rows that are right again, or gone without a trace                    |

Empty lists are left out. Two kinds of line have no `source`: `{"run": settings}` before a run and
`{"summary": figures}` after it. Text is as the databases print it, NULL is null, a zero date is NULL.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from compose.simulator.error import SimulatorError
from compose.simulator.plan import Settings
from compose.simulator.transaction import Transaction

_MILESTONES = ("probe", "deleted", "bad", "healed")


@dataclass(slots=True)
class PastRun:
    """A run that the log tells of: with what settings, and how many transactions of its plan it came to."""

    settings: Settings
    steps: int = 0
    ended: bool = False


@dataclass(slots=True)
class Past:
    """All that the log tells."""

    runs: list[PastRun] = field(default_factory=list)
    seq: int = 0


def read_past(path: Path) -> Past:
    """Read the log of earlier runs; none if there is no log, or an empty one. Raises SimulatorError."""
    past = Past()
    for entry in _entries(path):
        if "run" in entry:
            settings = entry["run"] | {"quiet": tuple(map(tuple, entry["run"]["quiet"]))}
            past.runs.append(PastRun(Settings(**settings)))
        elif "summary" in entry:
            past.runs[-1].ended = True
        else:
            past.seq = entry["seq"]
            if past.runs:
                past.runs[-1].steps += 1
    if any(not run.ended for run in past.runs):
        raise SimulatorError(
            f"The last run in {path} did not end in order (killed, or a database went away): "
            "nobody knows what it did, set the data up anew."
        )
    return past


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise SimulatorError(f"{path}:{number} is no log line: set the data up anew.") from error


class LogWriter:
    """Appends to the log; each line is handed to the operating system before the next transaction."""

    def __init__(self, file: IO[str], seq: int) -> None:
        self._file = file
        self._seq = seq
        self.actions: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()

    def installed(self, source: str, bad: Iterable[tuple[str, list[str | None], str]]) -> None:
        """Note the rows that are wrong from the start."""
        self._write(self._head(source, "installed") | {"bad": list(bad)})

    def begin(self, settings: Settings) -> None:
        """Note what a run is asked for."""
        self._write({"run": asdict(settings)})

    def note(self, transaction: Transaction) -> None:
        """Note a transaction that has just ended."""
        line = self._head(transaction.source, transaction.action)
        tables = Counter(mirror for mirror, _, _ in transaction.rows) + transaction.bulk
        if transaction.rolls_back:
            line["rolled_back"] = True
            self.counts["rolled_back"] += 1
        else:
            self._count(transaction)
        line |= {"tables": tables, "rows": transaction.rows}
        line |= {name: value for name in _MILESTONES if (value := getattr(transaction, name))}
        self.actions[transaction.action] += 1
        self.counts["transactions"] += 1
        self._write(line)

    def end(self, **figures: object) -> dict[str, object]:
        """Note how a run ended; return the summary."""
        counts = {
            name: self.counts[name] for name in ("transactions", "rolled_back", "rows", "bulk_rows", *_MILESTONES)
        }
        summary = {**counts, "codes": dict(sorted(self.codes.items())), "actions": dict(self.actions), **figures}
        self._write({"summary": summary})
        return summary

    def _count(self, transaction: Transaction) -> None:
        self.counts["rows"] += transaction.row_count
        self.counts["bulk_rows"] += transaction.bulk.total()
        for name in _MILESTONES:
            self.counts[name] += len(getattr(transaction, name))
        self.codes.update(code for _, _, code in transaction.bad)

    def _head(self, source: str, action: str) -> dict[str, Any]:
        self._seq += 1
        return {"seq": self._seq, "source": source, "action": action, "committed_at": time.time()}

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        self._file.flush()

"""The probe's results as figures."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from compose.demo.schedule import Window

_CANONICAL = "trace."


@dataclass(frozen=True, slots=True)
class Freshness:
    """Ages of rows when they became visible, in milliseconds: in quiet windows, and over the whole run.

    `mirror` is of rows of mirrors in quiet windows, all others are of canonical rows.
    `never_seen` rows were changed again or removed before anybody could see them (while the target was behind); in a
    quiet window each counts as older than all others.
    """

    probes: int
    p50_ms: float | None
    p99_ms: float | None
    mirror_probes: int
    mirror_p50_ms: float | None
    mirror_p99_ms: float | None
    all_probes: int
    all_p50_ms: float | None
    all_p99_ms: float | None
    never_seen: int
    polls: int
    late_polls: int


def read_freshness(path: Path, began: float, quiet: Iterable[Window]) -> Freshness:
    """Read the results; `began` is the clock at which the run started."""
    windows = tuple(quiet)
    calm: list[float] = []
    mirrors: list[float] = []
    ages: list[float] = []
    polls: dict[str, int] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if "key" in record:
            age = record.get("ms", math.inf)
            is_canonical = record["table"].startswith(_CANONICAL)
            if is_canonical:
                ages.append(age)
            if any(record["committed_at"] - began in window for window in windows):
                (calm if is_canonical else mirrors).append(age)
        elif "polls" in record:
            polls = record
    return Freshness(
        *_figures(calm),
        *_figures(mirrors),
        *_figures(ages),
        ages.count(math.inf),
        polls.get("polls", 0),
        polls.get("late", 0),
    )


def _figures(ages: list[float]) -> tuple[int, float | None, float | None]:
    ages.sort()
    return len(ages), percentile(ages, 50), percentile(ages, 99)


def percentile(ordered: Sequence[float], percent: int) -> float | None:
    """Return the smallest value that at least `percent` % of the values do not exceed; None if that is no time."""
    value = ordered[max(0, -(-len(ordered) * percent // 100) - 1)] if ordered else math.inf
    return None if value == math.inf else value

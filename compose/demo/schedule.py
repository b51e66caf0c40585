"""What happens when, decided before the run: windows in which nothing disturbs, windows in which everything does.

A minute is cut into warming up, quiet, busy, quiet. Freshness is measured in quiet windows; workers are killed, tables
are updated in bulk and grow columns in busy ones, early enough that the backlog is gone when the next quiet window
begins. A chaotic run is quiet once, at its beginning; what goes wrong in the rest of it is drawn with a seed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

WORKERS = ("land", "derive")

# What a chaotic run has, and about how many seconds each takes. Some freezes are longer than a member of the group may
# be silent (6 s): another worker takes the streams over.
FAULTS: Final = {
    "kill land": 1.0,
    "kill derive": 1.0,
    "freeze land": 0.5,
    "freeze derive": 0.5,
    "crash connect": 14.0,
    "task erp": 1.0,
    "task mes": 1.0,
    "crash kafka": 10.0,
    "abort target": 3.0,
    "session target": 0.5,
    "reset target": 0.5,
    "restart erp": 5.0,
    "crash erp": 4.0,
    "restart mes": 3.0,
    "abort mes": 3.0,
}

_CYCLE_S = 60.0
# The first seconds warm up the virtual machines and the databases' caches; the whole run's figures have them.
_QUIET = ((0.16, 0.36), (0.74, 0.98))
_BUSY = (0.36, 0.62)
# Kills come after the bulk update and the DDL have begun, and the last one leaves time to catch up.
_KILLS = (0.42, 0.58)
_CHAOS_QUIET = (0.05, 0.2)
# What went wrong last has some seconds to heal before the simulator ends.
_CHAOS = (0.21, 0.92)
_FREEZE_S = (2.0, 11.0)
_PAUSE_S = (1.0, 4.0)


@dataclass(frozen=True, slots=True)
class Window:
    """A span of the run, in seconds since its start."""

    start: float
    end: float

    def __contains__(self, moment: float) -> bool:
        return self.start <= moment < self.end


@dataclass(frozen=True, slots=True)
class PlannedKill:
    """A SIGKILL: when, and of which worker."""

    at: float
    worker: str


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """Something that goes wrong: when, what and whom (`freeze land`), and for how long where that is up to the plan."""

    at: float
    kind: str
    hold_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """The plan of one run."""

    seconds: float
    quiet: tuple[Window, ...]
    busy: tuple[Window, ...]
    kills: tuple[PlannedKill, ...]
    faults: tuple[PlannedFault, ...] = ()


def plan(seconds: float, kills: int) -> Schedule:
    """Cut the run into cycles of about a minute and spread the kills over their busy parts.

    Two kills (the default) hit both workers at once; more are spread, one worker after the other.
    """
    cycles = max(1, round(seconds / _CYCLE_S))
    length = seconds / cycles
    starts = [cycle * length for cycle in range(cycles)]
    quiet = tuple(_part(start, length, part) for start in starts for part in _QUIET)
    busy = tuple(_part(start, length, _BUSY) for start in starts)
    spans = [_part(start, length, _KILLS) for start in starts]
    return Schedule(seconds, quiet, busy, tuple(_kills(spans, kills)))


def plan_chaos(seconds: float, seed: int) -> Schedule:
    """Draw what goes wrong in a run; the same for the same seed and length. Each kind comes before any comes again."""
    quiet, busy = _part(0.0, seconds, _CHAOS_QUIET), _part(0.0, seconds, _CHAOS)
    draw = random.Random(seed)
    faults: list[PlannedFault] = []
    deck: list[str] = []
    at = busy.start
    while True:
        deck = deck or draw.sample(sorted(FAULTS), len(FAULTS))
        kind = deck.pop()
        hold_s = round(draw.uniform(*_FREEZE_S), 1) if kind.startswith("freeze") else 0.0
        if at + FAULTS[kind] + hold_s > busy.end:
            return Schedule(seconds, (quiet,), (busy,), (), tuple(faults))
        faults.append(PlannedFault(round(at, 1), kind, hold_s))
        at += FAULTS[kind] + hold_s + draw.uniform(*_PAUSE_S)


def _part(start: float, length: float, part: tuple[float, float]) -> Window:
    return Window(round(start + part[0] * length, 3), round(start + part[1] * length, 3))


def _kills(spans: list[Window], kills: int) -> list[PlannedKill]:
    if kills == 2:
        middle = spans[(len(spans) - 1) // 2].start
        return [PlannedKill(middle, worker) for worker in WORKERS]
    shares = [kills // len(spans) + (place < kills % len(spans)) for place in range(len(spans))]
    moments = [
        round(span.start + (place + 0.5) / share * (span.end - span.start), 3)
        for span, share in zip(spans, shares, strict=True)
        for place in range(share)
    ]
    return [PlannedKill(at, WORKERS[number % 2]) for number, at in enumerate(moments)]

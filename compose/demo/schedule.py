"""What happens when, decided before the run: windows in which nothing disturbs, windows in which everything does.

A minute is cut into warming up, quiet, busy, quiet. Freshness is measured in quiet windows; workers are killed, tables
are updated in bulk and grow columns in busy ones, early enough that the backlog is gone when the next quiet window
begins.
"""

from __future__ import annotations

from dataclasses import dataclass

WORKERS = ("land", "derive")

_CYCLE_S = 60.0
# The first seconds warm up the virtual machines and the databases' caches; the whole run's figures have them.
_QUIET = ((0.16, 0.36), (0.74, 0.98))
_BUSY = (0.36, 0.62)
# Kills come after the bulk update and the DDL have begun, and the last one leaves time to catch up.
_KILLS = (0.42, 0.58)


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
class Schedule:
    """The plan of one run."""

    seconds: float
    quiet: tuple[Window, ...]
    busy: tuple[Window, ...]
    kills: tuple[PlannedKill, ...]


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

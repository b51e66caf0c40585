"""The source's clock and time zone, of whatever product."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from cdc.capture.preflight.finding import Finding
from cdc.capture.preflight.limits import Limits

_SHOWN = 3


def offset_of(ask: Callable[[], float], now: Callable[[], float] = time.time) -> float:
    """Return how many seconds a server's clock is ahead of this machine's. `ask` returns the server's time."""
    began = now()
    theirs = ask()
    return theirs - (began + now()) / 2


def clock_findings(offset_s: float, limits: Limits) -> Iterator[Finding]:
    """Yield SRC-319 if the clocks are further apart than allowed."""
    if abs(offset_s) > limits.clock_s:
        side = "ahead of" if offset_s > 0 else "behind"
        yield Finding("SRC-319", f"the server's clock is {abs(offset_s):.0f} s {side} this machine's")


def zone_findings(zone: str, *, has_summer_time: bool, columns: Sequence[str]) -> Iterator[Finding]:
    """Yield SRC-320 if columns of local times are of a zone in which an hour comes twice."""
    if has_summer_time and columns:
        more = f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
        yield Finding("SRC-320", f"the time zone is {zone}: {', '.join(columns[:_SHOWN])}{more}")

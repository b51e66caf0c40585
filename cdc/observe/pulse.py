"""The pulse of a loop: when it turned last. A loop that does not turn is frozen, whatever the process looks like."""

from __future__ import annotations

import math
import time


class Pulse:
    """One loop. `patience_s` is how long its turn may take, if that is more than turns may in general."""

    __slots__ = ("_beat_at", "patience_s")

    def __init__(self) -> None:
        self.beat()

    def beat(self, patience_s: float = 0.0) -> None:
        """Say that the loop has turned, and how long the next turn may take."""
        self.patience_s = patience_s
        self._beat_at = time.monotonic()

    def rest(self) -> None:
        """Say that there is nothing to do until the next beat, however long that takes."""
        self._beat_at = math.inf

    def silence_s(self) -> float:
        """Return the seconds since the last beat; 0 at rest."""
        return max(0.0, time.monotonic() - self._beat_at)

"""How long to wait after a failure that passes by itself."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 10.0


@dataclass(slots=True)
class Backoff:
    """A wait that doubles with each failure, with jitter, and is forgotten by a success."""

    failures: int = 0
    until: float = 0.0

    def fail(self) -> float:
        """Note a failure; return the seconds to wait."""
        longest: float = min(LONGEST_WAIT_S, FIRST_WAIT_S * (1 << min(self.failures, 10)))
        wait = longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, nothing secret
        self.failures += 1
        self.until = time.monotonic() + wait
        return wait

    def succeed(self) -> None:
        """Forget all failures."""
        self.failures, self.until = 0, 0.0

    @property
    def is_over(self) -> bool:
        """Whether the wait is over."""
        return time.monotonic() >= self.until

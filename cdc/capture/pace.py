"""How fast a PostgreSQL server writes its log, as far as its statistics can tell."""

from __future__ import annotations

from typing import Final

# A shorter time says nothing of a day: a server that has just been filled wrote more than it ever will again.
_TELLING_S: Final = 3600.0


def bytes_per_s(written: float, seconds: float | None) -> float:
    """Return the pace of so many bytes in so many seconds; 0 where they are too few to tell."""
    return written / seconds if seconds and seconds >= _TELLING_S else 0.0

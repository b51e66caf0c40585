"""What preflight is to hold a source against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_DAY_S = 86_400
ENOUGH_S: Final = float(_DAY_S)
"""A time-out of the server that no snapshot of a table meets."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the service may be away (`outage_s`), and how far preflight looks.

    Three days are a long weekend without anybody. `rows` are those that are looked at of a table. `wait_s` is how long
    it waits for transactions that are open, as the connector's slot will. Clocks may differ by `clock_s`.
    """

    outage_s: float = 3 * _DAY_S
    rows: int = 10_000
    wait_s: float = 5.0
    clock_s: float = 5.0

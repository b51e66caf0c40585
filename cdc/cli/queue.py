"""What commands put into the queue of the derivation, and wait for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

import psycopg

from cdc.derive.held import is_taken

_LOOK_EVERY_S: Final = 0.2


def is_derived_within(
    connection: psycopg.Connection[Any], last: int, seconds: float, mappings: Sequence[str] | None = None
) -> bool:
    """Wait until all that was queued up to the number `last` has been derived; tell whether it was in time.

    `mappings`: whose rows are waited for; None: all.
    """
    until = time.monotonic() + seconds
    while not is_taken(connection, last, mappings):
        if time.monotonic() >= until:
            return False
        time.sleep(_LOOK_EVERY_S)
    return True

"""Named places at which a test lets a worker die or freeze: what must hold on any line is shown at the worst of them.

    CDC_CRASH=W5:2          SIGKILL when the point W5 is reached for the second time
    CDC_CRASH=W5:2:STOP     another signal: STOP freezes the worker where it stands, TERM tells it to end

Read once, when a worker starts. Without the variable a point is a call of an empty function, a few per batch. The
points of landing are those of a Kafka sink in general; W7, COMMIT sent and its answer not read, lies inside libpq and
is reached from the network (tests/faults).
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Final

from cdc.config import environment
from cdc.errors import FatalError

VARIABLE: Final = "CDC_CRASH"
POINTS: Final = {
    "W1": "records are polled",
    "W2": "a batch is made ready, the writer does not have it yet",
    "W3": "the landing transaction is open, the position locked and compared",
    "W4": "in the middle of the rows of a mirror, inside COPY if there are many",
    "W5": "mirrors and changed keys are written, ledger and position are not",
    "W6": "all is written, COMMIT is not sent",
    "W8": "a batch is committed, nobody in the worker knows",
    "W9": "streams are about to go to another worker of the group",
    "W10": "a refused change is kept, not committed",
    "W11": "a stale row is healed, not committed",
    "W12": "a mirror has grown with its source, not committed",
    "W13": "a snapshot is closed and rows that it did not bring are deleted, not committed",
    "W14": "the worker was told to stop and has begun to finish what it has in hand",
    "W15": "a part of a large transaction is written, others follow",
    "W16": "a stream is taken over, nothing of it is read",
    "D1": "a domain's lease is taken",
    "D2": "the mirrors are locked, the snapshot is not taken",
    "D3": "the snapshot is taken, there is something to derive",
    "D4": "in the middle of the rows that are staged, inside COPY, or among the INSERTs of a few",
    "D5": "all is decided, no canonical row is written",
    "D6": "canonical rows are written, watermarks are not moved",
    "D7": "watermarks are moved, COMMIT is not sent",
    "D8": "a derivation is committed, nobody in the worker knows",
    "D9": "another dictionary is recorded, nothing is derived by it",
    "E2": "a month of a stream is written to a file, which has no name yet",
    "E3": "the file has its name, its manifest is not there",
    "E4": "all files of a month are there and verified, the target has it still",
    "E5": "the month is on record and gone from the target, COMMIT is not sent",
    "E6": "a month is archived, the index of its changed rows is still there",
    "E7": "a part of that index is removed, others follow",
    "A1": "an activation has made its empty tables",
    "A2": "a part of the source rows is derived in the shadow, others follow",
    "A3": "the shadow is derived, its indexes are not made",
    "A4": "tables are locked and about to change places",
    "A5": "tables have changed places and another dictionary is in force, COMMIT is not sent",
    "A6": "another dictionary is in force, nobody in the activation knows",
}
"""Each point and what has happened there."""


def _send(number: signal.Signals) -> None:
    if number == signal.SIGSTOP:
        # To this very thread: sent to the process, it may stop another one first, while this one goes on.
        signal.pthread_kill(threading.get_ident(), number)
    else:
        os.kill(os.getpid(), number)


def _unarmed(name: str) -> None:
    pass


def arm(order: str) -> Callable[[str], None]:
    """Return the function that carries out an order, `POINT:HIT` or `POINT:HIT:SIGNAL`. Raises FatalError CFG-101."""
    point, _, rest = order.partition(":")
    hit, _, name = rest.partition(":")
    number = signal.Signals.__members__.get(f"SIG{name or 'KILL'}")
    if point not in POINTS or not hit.isdecimal() or int(hit) < 1 or number is None:
        raise FatalError("CFG-101", f"{VARIABLE} is not POINT:HIT[:SIGNAL]")
    hits = 0

    def reach(name: str) -> None:
        nonlocal hits
        hits += name == point
        if name == point and hits == int(hit):
            _send(number)

    return reach


_order = environment().get(VARIABLE)
crash_point: Final = arm(_order) if _order else _unarmed
"""Call with the name of a point where it is reached."""

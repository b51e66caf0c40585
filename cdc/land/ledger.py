"""The ledger: every record that was read has one fate, counted per batch and per table.

captured = landed + superseded + filtered + replayed + refused + control; a constraint of `cdc.batch` holds it.
`captured` is counted from the records, the fates where they are decided, so that the constraint compares two counts.
Batches abut as [first, next): another constraint holds that each begins where the one before ended. Sums over all
batches of a stream stand with its position.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

import psycopg

FATES = ("landed", "superseded", "filtered", "replayed", "refused")
CASCADED = "cascaded"
"""Rows of a mirror that a cascade changed: no event tells of them, so they are none of the captured ones."""


@dataclass(slots=True)
class Ledger:
    """The counts of one batch: fates of row events by mirror, and control records, which belong to no table."""

    tables: dict[str, Counter[str]] = field(default_factory=dict)
    control: int = 0

    def count(self, mirror: str, fate: str, events: int = 1) -> None:
        """Add row events of one mirror to one fate."""
        if events:
            self.tables.setdefault(mirror, Counter())[fate] += events

    def total(self, fate: str) -> int:
        """Return the count of a fate over all mirrors."""
        return sum(counter[fate] for counter in self.tables.values())

    def totals(self) -> tuple[int, ...]:
        """Return the count of each fate over all mirrors, and that of control records."""
        return (*map(self.total, FATES), self.control)


@dataclass(frozen=True, slots=True)
class BatchEntry:
    """What `cdc.batch` records besides the fates. `first_offset` is where the batch before ended."""

    stream: str
    batch: int
    first_offset: int
    next_offset: int
    units: int
    captured: int
    source_ts_first: datetime | None
    source_ts_last: datetime | None
    seconds: float


def write_ledger(cursor: psycopg.Cursor, entry: BatchEntry, ledger: Ledger) -> None:
    """Write the batch and its tables inside the landing transaction."""
    cursor.execute(
        "INSERT INTO cdc.batch (stream, batch, first_offset, next_offset, units, captured, source_ts_first,"
        " source_ts_last, seconds, landed, superseded, filtered, replayed, refused, control)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(entry.stream, entry.batch, entry.first_offset, entry.next_offset, entry.units, entry.captured),
            *(entry.source_ts_first, entry.source_ts_last, entry.seconds),
            *ledger.totals(),
        ),
    )
    for mirror, counter in sorted(ledger.tables.items()):
        cursor.execute(
            "INSERT INTO cdc.batch_table"
            " (stream, batch, mirror, landed, superseded, filtered, replayed, refused, cascaded)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (entry.stream, entry.batch, mirror, *(counter[fate] for fate in (*FATES, CASCADED))),
        )

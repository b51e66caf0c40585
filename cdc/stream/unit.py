"""Units: the changes that belong together, as `cdc.stream.assembler` cuts them out of the stream."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from cdc.change import Event, LogPosition, Place, Record


class Fold(Protocol):
    """A digest that grows: what `hashlib` makes."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""

    def digest(self) -> bytes:
        """Return the digest of all bytes so far."""


@dataclass(slots=True)
class State:
    """What the assembler has to know of the stream before its first record; all of it stands in `cdc.position`."""

    last_unit: str | None
    generations: int
    snapshot_position: str | None = None
    """Log position of the snapshot whose generation is open; None if none is."""
    snapshot_tables: dict[str, bool] = field(default_factory=dict)
    """Tables that the open generation has begun to read, and whether each was read to its end."""


@dataclass(slots=True)
class Counted:
    """What is kept of a transaction that is too large to be held: where it is, and how many row events it has.

    `state` is that of the stream before it. `is_abandoned` says that its rest never came, `first_batch` is the batch of
    its first part once that was written.
    """

    first_offset: int
    next_offset: int
    rows: int
    state: State
    is_abandoned: bool = False
    first_batch: int | None = None


@dataclass(slots=True)
class Unit:
    """One source transaction, one slice of a snapshot, or control records that stand alone.

    `rows` are its distinct row and TRUNCATE events in order, `repeated` the row events that came again inside it,
    `reread` the rows read beside the stream that fell between them, `abandoned` those of a transaction whose rest
    will never come because a new snapshot began.
    `records` are all its records, whatever they hold: the unit covers the offsets from the first to the last of them.
    `replay` marks the tail of a transaction that landed before, `rowless` that of one of which nothing is on record
    because it brought no rows; `resumable` a unit that only a heartbeat closed.
    `snapshot_position` and `snapshot_tables` are those of the generation that is open after it, None and empty if none
    is.
    `counted` is set once a transaction has become too large: it holds neither rows nor records from then on. Of such
    a `whole` the parts are units of their own; only the last of them `is_last`.
    """

    id: str | None = None
    rows: list[Event] = field(default_factory=list)
    repeated: list[Event] = field(default_factory=list)
    reread: list[Event] = field(default_factory=list)
    abandoned: list[Event] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    fold: Fold = field(default_factory=hashlib.sha256)
    control: int = 0
    schema_changed: bool = False
    opens_generation: bool = False
    closes_generation: bool = False
    replay: bool = False
    rowless: bool = False
    resumable: bool = False
    snapshot_position: str | None = None
    snapshot_tables: dict[str, bool] = field(default_factory=dict)
    last_place: Place = ()
    source_ts: datetime | None = None
    position: LogPosition = None
    size: int = 0
    has_rows: bool = False
    counted: Counted | None = None
    whole: Unit | None = None
    is_last: bool = True

    @property
    def first_offset(self) -> int:
        """Offset of its first record."""
        return self.records[0].offset if self.counted is None else self.counted.first_offset

    @property
    def next_offset(self) -> int:
        """Offset after its last record; gaps behind it (Kafka's control records) belong to the unit that follows."""
        return self.records[-1].offset + 1 if self.counted is None else self.counted.next_offset

    @property
    def row_count(self) -> int:
        """Number of its distinct row and TRUNCATE events; of a part, that of the whole."""
        counted = self.whole.counted if self.whole is not None else self.counted
        if counted is None:
            return len(self.rows)
        return 0 if counted.is_abandoned else counted.rows

    @property
    def events(self) -> list[Event]:
        """All its events that may change a mirror, in order."""
        return sorted(self.rows + self.reread, key=lambda event: event.record.offset) if self.reread else self.rows

    def digest(self) -> bytes:
        """Return SHA-256 over the digests of its rows: equal if it is sent again."""
        return (self.whole or self).fold.digest()


def event_digest(event: Event) -> bytes:
    """Return SHA-256 over operation, table, images and source position of a row event."""
    before, after = event.before, event.after
    lengths = f"{-1 if before is None else len(before)} {-1 if after is None else len(after)}"
    head = f"{event.op} {event.position} {lengths} {event.table}"
    return hashlib.sha256(b"%b%b%b" % (head.encode(), before or b"", after or b"")).digest()


@dataclass(frozen=True, slots=True)
class Landed:
    """What is on record of a transaction that landed: the place of its last event."""

    last_place: Place


def resumable_id(unit: Unit, before: str | None) -> str | None:
    """Return the transaction that rows may still continue after `unit`, given the one before it."""
    if unit.id is None:
        return before
    return unit.id if unit.resumable else None

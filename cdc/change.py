"""The nouns that travel: a Kafka record, the event it holds, the change that an event makes to a mirror row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple

Key = tuple[Any, ...]
"""Values of a mirror's key columns, in the contract's order, as decoded."""


class Unchanged(Enum):
    """The type of `UNCHANGED`: the log did not carry this value because the update left it as it was (TOAST)."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED


class Record(NamedTuple):
    """One Kafka record of a stream, byte for byte. `old_key` is the header on the insert half of a key change."""

    offset: int
    key: bytes | None
    value: bytes | None
    old_key: bytes | None = None

    @property
    def size(self) -> int:
        """How much of the stream it is, in bytes."""
        return len(self.key or b"") + len(self.value or b"") + len(self.old_key or b"")


class Kind(Enum):
    """What an event is to the unit rules."""

    ROW = "row"
    TRUNCATE = "truncate"
    BEGIN = "begin"
    END = "end"
    HEARTBEAT = "heartbeat"
    MESSAGE = "message"
    SCHEMA = "schema"
    TOMBSTONE = "tombstone"


Place = tuple[int, ...]
"""Where an event stands inside its source transaction; grows from event to event, repetitions have the same one."""


@dataclass(frozen=True, slots=True)
class Event:
    """One record, its envelope understood but its values still undecoded.

    `transaction` is the source transaction's id as it is the same for all events of one transaction.
    `table` is the source's name of the table (`schema.table` or `database.table`).
    `position` is the source log position in the source's own terms, `source_ts` the commit time by the source's clock.
    """

    record: Record
    kind: Kind
    op: str = ""
    table: str = ""
    transaction: str | None = None
    place: Place = ()
    snapshot: str | None = None
    before: bytes | None = None
    after: bytes | None = None
    event_count: int = 0
    position: str = ""
    source_ts: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One decoded row event: what it does to which row of which mirror.

    `op` is one of c, u, d, r. `values` holds the columns that the event carries (of a delete: none); an update may
    lack columns that did not exist, or no longer, when it was written. `old_key` is set where the event is a key
    change: on the insert half of one (its delete came before), or on an update that moves the row by itself.
    """

    offset: int
    op: str
    key: Key
    values: dict[str, Any]
    source_ts: datetime | None
    old_key: Key | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row event whose values cannot be taken: the key is known, `code` says why, `detail` where (never a value)."""

    offset: int
    key: Key
    code: str
    detail: str

"""The nouns that travel: a Kafka record, the event it holds, the change that an event makes to a mirror row."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple

import msgspec

Key = tuple[Any, ...]
"""Values of a mirror's key columns, in the contract's order, as decoded."""


class Unchanged(Enum):
    """The type of `UNCHANGED`: the log did not carry this value because the update left it as it was (TOAST)."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED


class Record(NamedTuple):
    """One Kafka record of a stream, byte for byte. `old_key` is the header on the insert half of a key change.

    What its `content` does not have is told by the topic alone. `resumes`: its producer was started again before it, or
    nobody knows whether. `moves`: it is the delete half of a key change.
    """

    offset: int
    key: bytes | None
    value: bytes | None
    old_key: bytes | None = None
    resumes: bool = False
    moves: bool = False

    @property
    def content(self) -> tuple[bytes | None, bytes | None, bytes | None]:
        """All that is kept of it, but for its offset."""
        return self.key, self.value, self.old_key

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

LogPosition = int | tuple[str, int, int] | None
"""Where an event stands in the source's log: PostgreSQL's LSN, or binlog file, position and row. None: nowhere."""


# The garbage collector need not look at millions of these: what they hold refers to nothing that refers to them.
class Event(msgspec.Struct, frozen=True, gc=False):
    """One record, its envelope understood but its values still undecoded.

    `transaction` is the source transaction's id as it is the same for all events of one transaction.
    `table` is the source's name of the table (`schema.table` or `database.table`).
    `source_ts` is the commit time by the source's clock.
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
    position: LogPosition = None
    source_ts: datetime | None = None


class Change(msgspec.Struct, frozen=True, gc=False):
    """One decoded row event: what it does to which row of which mirror.

    `op` is one of c, u, d, r. `values` holds the columns that the event carries (of a delete: none); an update may
    lack columns that did not exist, or no longer, when it was written; `is_whole` says that it has a value for every
    column, in the contract's order. `old_key` is set where the event is a key change: on the insert half of one (its
    delete came before), or on an update that moves the row by itself.
    """

    offset: int
    op: str
    key: Key
    values: dict[str, Any]
    source_ts: datetime | None
    old_key: Key | None = None
    is_whole: bool = False


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """A row event whose values cannot be taken: the key is known, `code` says why, `detail` where (never a value)."""

    offset: int
    key: Key
    code: str
    detail: str

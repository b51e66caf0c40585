"""A source that was restored to an earlier time, by its own log: that ends before what has landed of it.

Its connector may notice nothing. PostgreSQL's goes on from its place once the new log has come to it, and what the
source has done up to there is in no stream; so does MariaDB's, once its server knows the GTID again. So the end of the
log is asked for when a stream is opened, and now and then. A log that has grown past what had landed before anybody
asked is not found here; what it brings under ids that have landed is (`cdc.land.replay`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cdc.capture.log_end import Marks, gtid_marks
from cdc.errors import FatalError
from cdc.land.gap import PASSED_OVER
from cdc.land.journal import opened, unpack
from cdc.land.position import Position
from cdc.protect.seal import Opener, ShreddedError
from cdc.stream.envelope import log_sequence_number, read_event
from cdc.stream.unit import Unit

# Behind what was passed over: the source may be one that was restored, and its new snapshot has yet to come.
_LAST_CHUNK = """
SELECT j.first_offset, j.chunk, j.data_key
FROM (SELECT max(batch) AS batch FROM cdc.batch_table WHERE stream = %(stream)s AND batch
      > coalesce((SELECT max(g.batch) FROM cdc.gap g WHERE g.stream = %(stream)s AND g.code = %(passed_over)s), 0)) b
JOIN cdc.journal j ON j.stream = %(stream)s AND j.batch = b.batch ORDER BY j.first_offset DESC LIMIT 1
"""


def marks_of(opener: Opener, database: str, position: Position) -> dict[str, int]:
    """Return the marks of a stream that is opened: of its position, or of the last transaction that the journal has.

    None of what is archived, or of which the key was shredded. Raises FatalError PRT-103, PRT-104.
    """
    if database == "postgresql":
        place = log_sequence_number(position.source_position)
        return {} if place is None else {"": place}
    with opener.connection.transaction():
        row = opener.connection.execute(_LAST_CHUNK, {"stream": position.stream, "passed_over": PASSED_OVER}).fetchone()
        try:
            records = unpack(opened(opener, position.stream, *row)) if row else []
        except ShreddedError:
            records = []
    events = (read_event(record, database) for record in reversed(records))
    return gtid_marks(next((event.transaction for event in events if event.transaction), ""))


def marks_of_units(database: str, units: Iterable[Unit]) -> dict[str, int]:
    """Return the marks of units that have landed: those that are furthest, where one has any."""
    found: dict[str, int] = {}
    for unit in units:
        if database == "postgresql":
            marks: Mapping[str, int] = {"": unit.position} if isinstance(unit.position, int) else {}
        else:
            marks = gtid_marks(unit.id or "")
        found.update(marks)
    return found


def require_not_restored(stream: str, landed: Marks, end: Marks) -> None:
    """Hold the end of the source's log against what had landed when it was asked for.

    A domain of GTIDs that is not there any more may have been taken away; of a log without any nothing is there. Raises
    FatalError STR-123.
    """
    for name, mark in landed.items():
        there = end.get(name, mark if end else 0)
        if there < mark:
            raise FatalError(
                "STR-123", f"{stream}: its log ends at {_told(name, there)}, landed is {_told(name, mark)}"
            )


def _told(name: str, mark: int) -> str:
    return f"sequence number {mark} of domain {name}" if name else f"{mark >> 32:X}/{mark & 0xFFFFFFFF:X}"

"""What a topic was seen to hold: it has to hold it still when it is read on, else its history is another one.

A broker that comes back with older data (a disk that was restored, a leader that had not been in sync) has lost the end
of its topics, and appends to what is left. Offsets go on as if nothing had happened, so only records can tell.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import itemgetter

import structlog

from cdc.change import Record
from cdc.errors import FatalError

_offset = itemgetter(0)

_logger = structlog.get_logger()


class History:
    """What is known of one stream, while it is read from one position after the other."""

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._from = 0
        self._wanted: list[Record] = []
        self._last: Record | None = None

    def begin(self, offset: int, landed: Record | None, first: int, end: int) -> int:
        """Begin at `offset`, behind `landed`, in a topic that holds the offsets from `first` up to `end`.

        Returns where to read from, so that `landed` comes once more. What was read behind it and has not landed is
        expected, too. Raises FatalError STR-117 if the topic ends before `offset`.
        """
        if end < offset:
            raise FatalError("STR-117", f"{self._stream} ends at offset {end}, what has landed ends at {offset}")
        known = [landed] if self._last is None or self._last.offset < offset else [landed, self._last]
        self._from = offset
        self._wanted = [record for record in known if record is not None and record.offset >= first]
        if landed in self._wanted:
            return offset - 1
        if offset:
            # Then topic id and end are all that can be compared.
            _logger.warning("landed_record_is_gone", stream=self._stream, offset=offset, first=first)
        return offset

    def read(self, records: list[Record]) -> list[Record]:
        """Return what is new of the next records. Raises FatalError STR-117 if they are not what was seen before."""
        while self._wanted and self._wanted[0].offset <= records[-1].offset:
            wanted = self._wanted.pop(0)
            if records[bisect_left(records, wanted.offset, key=_offset)] != wanted:
                raise FatalError("STR-117", f"{self._stream} offset {wanted.offset} is not what was read there before")
        if self._last is None or self._last.offset < records[-1].offset:
            self._last = records[-1]
        return records[bisect_left(records, self._from, key=_offset) :]

"""What a topic was seen to hold: it has to hold it still when it is read on, else its history is another one.

A broker that comes back with older data (a disk that was restored, a leader that had not been in sync) has lost the end
of its topics, and appends to what is left. Offsets go on as if nothing had happened, so only records can tell. Of what
was read behind the landed record the last one is looked at before anything is delivered (`probe`): where it stands as
it did, all before it does.
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
        self._landed: Record | None = None
        self._last: Record | None = None
        self._probed: Record | None = None

    @property
    def is_probing(self) -> bool:
        """Whether what comes next is for `probe`, not for `read`."""
        return self._probed is not None

    def least_end(self, offset: int) -> int:
        """Return where the topic ends at the least, if it has what landed before `offset` and what was read of it."""
        return offset if self._last is None else max(offset, self._last.offset + 1)

    @property
    def last(self) -> Record | None:
        """The last record that was read."""
        return self._last

    def recall(self, kept: Record) -> None:
        """Take up what another worker read last, unless as much was read here."""
        if self._last is None or self._last.offset < kept.offset:
            self._last = kept

    def begin(self, offset: int, landed: Record | None, first: int, end: int) -> int:
        """Begin at `offset`, behind `landed`, in a topic that holds the offsets from `first` up to `end`.

        Returns where to read from, so that what was read last behind `landed` comes once more, or else `landed`. Raises
        FatalError STR-117 if the topic ends before either of them.
        """
        least_end = self.least_end(offset)
        if end < least_end:
            raise FatalError("STR-117", f"{self._stream} ends at offset {end}, what was read of it ends at {least_end}")
        self._from = offset
        self._landed = landed if landed is not None and landed.offset >= first else None
        self._probed = self._last if self._last is not None and self._last.offset >= max(offset, first) else None
        if offset and self._landed is None:
            # Then topic id, end and what was read behind it, if anything, are all that can be compared.
            _logger.warning("landed_record_is_gone", stream=self._stream, offset=offset, first=first)
        return self._start if self._probed is None else self._probed.offset

    def probe(self, records: list[Record]) -> int:
        """Look at the records from the one that was read last on; return where to read from now, with `read`.

        Raises FatalError STR-117 if it is not the first of them.
        """
        self._require(self._probed, records)
        self._probed = None
        return self._start

    def read(self, records: list[Record]) -> list[Record]:
        """Return what is new of the next records. Raises FatalError STR-117 if they are not what was seen before."""
        self._require(self._landed, records)
        self._landed = None
        if self._last is None or self._last.offset < records[-1].offset:
            self._last = records[-1]
        return records[bisect_left(records, self._from, key=_offset) :]

    @property
    def _start(self) -> int:
        return self._from if self._landed is None else self._landed.offset

    def _require(self, wanted: Record | None, records: list[Record]) -> None:
        """See that the first record is the wanted one, from whose offset on they were asked for."""
        if wanted is not None and (records[0].offset, records[0].content) != (wanted.offset, wanted.content):
            raise FatalError("STR-117", f"{self._stream} offset {wanted.offset} is not what was read there before")

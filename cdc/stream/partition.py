"""The partition of one stream, as this worker's client reads it: from where, through what, and whether still.

It is read through one connection to one leader. What comes through another one is not delivered before the stream has
been opened again, which sees whether the topic has the same history still. The client (3.0.12) compares the epochs of
leaders only where it knows that of its position, and forgets it at the end of a topic; and where a broker's data were
set back, the same epochs may come again. Nothing public shows what is needed of it here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaTimeoutError

from cdc.change import Record
from cdc.errors import TransientError
from cdc.stream.connection import Connection
from cdc.stream.history import History

# Meanwhile no other stream is read.
_ANSWER_MS = 1000
# A leader that has just been elected may for a moment say of a topic that it is shorter.
_SETTLED_S = 1.0
# What the client says of a partition that no broker leads.
_NOBODY = -1


class Partition:
    """The one partition of a stream. All methods raise KafkaError.

    All offsets are the stream's, `shift` more than the topic's: one that was made anew begins at 0 again.
    """

    def __init__(self, stream: str, client: Any, connection: Connection) -> None:
        self._partition = TopicPartition(stream, 0)
        self._client = client
        self._connection = connection
        self._history = History(stream)
        self._link: object = None
        self._shift = 0

    @property
    def is_open(self) -> bool:
        """Whether the stream is being read: not before it was opened, and not after an interruption."""
        return self._link is not None

    @property
    def last_read(self) -> Record | None:
        """The last record that was read of it."""
        return self._history.last

    @property
    def end(self) -> int | None:
        """Where it ended when records were fetched last; from any thread."""
        known = self._client._subscription.assignment.get(self._partition)  # the public method raises for one that went
        return None if known is None or known.highwater is None else known.highwater + self._shift

    def open(self, offset: int, landed: Record | None, kept: Record | None = None, shift: int = 0) -> None:
        """Read from `offset` on, behind `landed`, the record before it; `kept` was read before by another worker.

        Raises FatalError STR-117 if the topic ends before that, or before what was read of it. TransientError STR-119.
        """
        self._link, self._shift = None, shift
        if kept is not None:
            self._history.recall(kept)
        first, end = self.first(), self._end()
        if end < self._history.least_end(offset):
            time.sleep(_SETTLED_S)
            end = self._end()
        start = self._history.begin(offset, landed, first, end)
        self._link = self._current_link()
        if self._link is None:
            raise TransientError("STR-119", f"{self._partition.topic}: there is no connection to its leader")
        self._forget_fetched()
        self.rewind(start)

    def rewind(self, offset: int) -> None:
        """Go on from another offset."""
        self._client.seek(self._partition, offset - self._shift)
        self._client.resume(self._partition)

    def read(self, records: list[Record]) -> list[Record]:
        """Return what is new of the next records. Raises FatalError STR-117 if they are not what was seen before."""
        shifted = [one._replace(offset=one.offset + self._shift) for one in records] if self._shift else records
        if not self._history.is_probing:
            return self._history.read(shifted)
        self.rewind(self._history.probe(shifted))
        return []

    def committed(self, offset: int) -> int:
        """Return what lag tools are told where a stream has landed up to `offset`."""
        return max(0, offset - self._shift)

    def has(self, topic_offset: int) -> bool:
        """Whether nothing before an offset of the topic has been removed from it."""
        return topic_offset + self._shift >= self.first()

    def interrupt(self) -> None:
        """Deliver nothing more until it has been opened again."""
        self._link = None

    def notice_interruption(self) -> None:
        """To be called behind each poll, which may have brought what came through another connection."""
        link = self._current_link()
        if link is not None and link != self._link:
            self._link = None

    def first(self) -> int:
        """Return the first offset that the topic has still. Raises TransientError STR-119."""
        return self._answer(self._client.beginning_offsets) + self._shift

    def _end(self) -> int:
        """Return where what is committed ends. Raises TransientError STR-119."""
        return self._answer(self._client.end_offsets) + self._shift

    def _answer(self, ask: Callable[..., Mapping[TopicPartition, int]]) -> int:
        if self._leader() == _NOBODY:
            self._client._cluster.request_update()  # it may have one by now
            raise self._leaderless()
        try:
            return ask([self._partition], timeout_ms=_ANSWER_MS)[self._partition]
        except KafkaTimeoutError as error:
            if self._leader() in (None, _NOBODY):
                raise self._leaderless() from error
            raise
        except KeyError as error:  # what the client raises for a partition that it had to ask for twice
            detail = f"{self._partition.topic}: where it begins or ends was not said"
            raise TransientError("STR-119", detail) from error

    def _leader(self) -> int | None:
        """Return the broker that leads the partition, -1 if there is none, None if the client has not learned it."""
        leader: int | None = self._client._cluster.leader_for_partition(self._partition)
        return leader

    def _leaderless(self) -> TransientError:
        return TransientError("STR-119", f"{self._partition.topic} has no leader")

    def _current_link(self) -> object:
        """Return leader, its epoch and the number of the last connection to it, or None if there was none."""
        leader = self._leader()
        epoch = self._client._cluster.leader_epoch_for_partition(self._partition)
        made = self._connection.made(leader)
        return (leader, epoch, made) if made else None

    def _forget_fetched(self) -> None:
        """Drop what was fetched before; what begins at the same offset would be taken for what is asked for now."""
        fetcher = self._client._fetcher
        fetcher._paused_completed_fetches.pop(self._partition, None)
        fetcher._paused_partition_records.pop(self._partition, None)
        current = fetcher._next_partition_records
        if current is not None and current.topic_partition == self._partition:
            fetcher._next_partition_records = None
        for _ in range(len(fetcher._completed_fetches)):  # the client's thread may append one meanwhile
            fetched = fetcher._completed_fetches.popleft()
            if fetched.topic_partition != self._partition:
                fetcher._completed_fetches.append(fetched)

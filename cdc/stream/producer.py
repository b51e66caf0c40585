"""Producers of a topic, and which of their batches may be the first that they wrote since they were started again.

Kafka Connect writes a stream within transactions. Whoever takes up the transactions of a connector gets the next epoch
(KIP-98). Since KIP-890 each transaction has an epoch of its own, and the marker at its end has that of the next one. So
a producer was started again if a batch has another epoch than what it wrote last, be that a batch or a marker; or else
it had a transaction in between that wrote only to other topics, as a connector has when it starts. Behind the last
epoch its transactions go on under a new id, from epoch 0.
"""

from __future__ import annotations

from typing import Any, Final

_LAST_EPOCH: Final = 2**15 - 1


class Producers:
    """The epochs of the producers of one partition, as far as it was read; its batches are those of the client."""

    def __init__(self) -> None:
        self._epochs: dict[int, int] = {}
        self._read = -1
        self._has_ended = False  # a producer has come to its last epoch

    def end(self, batch: Any, *, aborts: bool) -> None:
        """Take the marker at the end of a transaction. Only a producer that was interrupted has one aborted."""
        self._notice_rewind(batch)
        self._has_ended = not aborts and batch.producer_epoch == _LAST_EPOCH
        if aborts or self._has_ended:
            self._epochs.pop(batch.producer_id, None)
        else:
            self._epochs[batch.producer_id] = batch.producer_epoch

    def begins(self, batch: Any) -> bool:
        """Take a batch of records; tell whether its producer was started again before it, as far as anybody knows."""
        self._notice_rewind(batch)
        before, now = self._epochs.get(batch.producer_id), int(batch.producer_epoch)
        self._epochs[batch.producer_id] = now
        goes_on = self._has_ended and before is None and now == 0
        self._has_ended = False
        return before != now and not goes_on

    def _notice_rewind(self, batch: Any) -> None:
        """Forget what stands behind the batch if it is read once more."""
        if batch.base_offset <= self._read:
            self._epochs.clear()
            self._has_ended = False
        self._read = batch.base_offset

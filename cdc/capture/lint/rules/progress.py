"""L06, L19: a connector that has nothing to say is heard of, and its place in the log moves and can be trusted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cdc.capture.lint.file import ConnectorFile
from cdc.capture.lint.rule import Remark, Rule

_HEARTBEAT = "heartbeat.interval.ms"
_FLUSH, _MISMATCH = "lsn.flush.mode", "offset.mismatch.strategy"


def _silent(file: ConnectorFile, _: Sequence[ConnectorFile]) -> Iterator[Remark]:
    interval = file.effective(_HEARTBEAT) or "0"
    if not (interval.isascii() and interval.isdecimal() and int(interval) > 0):
        yield file.entry(_HEARTBEAT), f"{_HEARTBEAT} is not a number of milliseconds above 0"


def _untrusted(file: ConnectorFile, _: Sequence[ConnectorFile]) -> Iterator[Remark]:
    if file.source.kind != "postgresql":
        return
    flush, mismatch = file.effective(_FLUSH), file.effective(_MISMATCH)
    key = next((key for key in (_FLUSH, _MISMATCH) if key in file.settings), _FLUSH)
    if flush == "connector_and_driver" and mismatch == "trust_offset":
        yield file.entry(key), f"{_FLUSH} connector_and_driver does not go with {_MISMATCH} trust_offset"
    elif mismatch != "trust_offset":
        yield file.entry(_MISMATCH), f"{_MISMATCH} is not trust_offset"


RULES = (
    Rule(
        "L06",
        "connector has no heartbeat",
        "RUNNING is no sign of life: a connector that waits for ever says so, too. And where the captured tables are "
        "quiet, its place in the log stays, and the source keeps its log until the disk is full.",
        "Leave the setting out. No table is needed for it.",
        _silent,
    ),
    Rule(
        "L19",
        "place in PostgreSQL's log cannot be trusted",
        "With connector_and_driver and trust_offset the slot overtakes the recorded place while the database is idle, "
        "and the next start fails. With any other strategy a slot that was made anew passes in silence: what was "
        "changed in between is missing.",
        "Leave both settings out: `connector` and `trust_offset`, with the heartbeat in the log, do neither.",
        _untrusted,
    ),
)

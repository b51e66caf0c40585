"""Where each table of a source stands: what its file asks for, what is made of it, and how old that is.

A source has one stream for all of its tables, so what waits in the topic is told of the source, not of a table. What is
a table's own: its capture, the reading of its rows, its last change, how far the canonical tables are behind it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cdc.capture.answer import Status
from cdc.capture.connector import mirrors_of
from cdc.capture.reading import captured
from cdc.capture.readings import NEEDED, Unread
from cdc.capture.source import Source
from cdc.observe.load import WAITING, Load
from cdc.observe.tables import TableStatus

STREAMING: Final = "streaming"
SILENT: Final = "silent"
NOT_CAPTURED: Final = "not captured"
# What a source's `state` asks of each of its tables.
_WANTED: Final = {"running": STREAMING, "paused": "paused", "stopped": "stopped"}


@dataclass(frozen=True, slots=True)
class TableStanding:
    """What `connectors status` says of one table; None is what nobody could tell, or what does not apply.

    `table` is its name as the connector writes it. `wanted`: streaming, paused, stopped, or not captured (it has left
    the file). `state`: streaming; silent (its connector runs, and is not heard of); waiting, loading or loaded in a
    first snapshot; needed, starting, reading, failed or paused beside the stream; not captured (the connector does
    not have it yet); or the connector's state. `rows` of `estimated_rows` have landed of what is being read.
    `committed_at` (by the source's clock) and `changed_at` are of the batch with its last change; `behind_s` is of the
    slowest canonical table that is made with it.
    """

    table: str
    mirror: str | None
    wanted: str
    state: str
    rows: int | None = None
    estimated_rows: int | None = None
    committed_at: datetime | None = None
    changed_at: datetime | None = None
    behind_s: float | None = None
    refused: int | None = None
    stale: int | None = None
    held: int | None = None


@dataclass(frozen=True, slots=True)
class TablesSeen:
    """What was told of all tables of a source: see `cdc.capture.standing.Seen`; `behind` has seconds by mirror.

    `in_snapshot`: the connector takes its first snapshot, or has not come to it. `is_silent`: nothing is heard of it.
    """

    now: Status
    live: Mapping[str, str] | None
    unread: Collection[Unread]
    loads: Collection[Load]
    known: Iterable[TableStatus]
    behind: Mapping[str, float]
    in_snapshot: bool = False
    is_silent: bool = False


def tables_of(source: Source, seen: TablesSeen) -> list[TableStanding]:
    """Return the tables of a source in the order of its file, and behind them those that only its connector has."""
    mirrors = mirrors_of(source)
    strays = sorted(_captured(seen.live) - mirrors.keys())
    known = {status.mirror: status for status in seen.known}
    states = _States(seen)
    wanted = _WANTED[source.state]
    listed = [_standing(table, mirror, wanted, states, known) for table, mirror in mirrors.items()]
    return listed + [TableStanding(table, None, NOT_CAPTURED, states.of(table, "")) for table in strays]


def _standing(table: str, mirror: str, wanted: str, states: _States, known: Mapping[str, TableStatus]) -> TableStanding:
    load, status = states.loads.get(mirror), known.get(mirror)
    return TableStanding(
        *(table, mirror, wanted, states.of(table, mirror)),
        rows=None if load is None else load.rows,
        estimated_rows=None if load is None else load.estimated_rows,
        committed_at=None if status is None else status.committed_at,
        changed_at=None if status is None else status.changed_at,
        behind_s=states.seen.behind.get(mirror),
        refused=None if status is None else status.refused,
        stale=None if status is None else status.stale,
        held=None if status is None else status.held,
    )


class _States:
    """What is made of a table: the first that applies."""

    def __init__(self, seen: TablesSeen) -> None:
        self.seen = seen
        self.loads = {table.mirror: table for load in seen.loads for table in load.tables}
        self._captured = _captured(seen.live)
        self._unread = {state.table: state.state for state in seen.unread}

    def of(self, table: str, mirror: str) -> str:
        """Return the state of a table."""
        unread = self._unread.get(table)
        # A first snapshot reads all tables, of which each is needed until it has been scanned.
        if unread is not None and not (unread == NEEDED and self.seen.in_snapshot):
            return unread
        if self.seen.live is None or table not in self._captured:
            return NOT_CAPTURED
        if not self.seen.now.is_in("running"):
            return self._halted
        if mirror in self.loads:
            return self.loads[mirror].state
        if self.seen.in_snapshot:
            return WAITING
        return SILENT if self.seen.is_silent else STREAMING

    @property
    def _halted(self) -> str:
        now = self.seen.now
        if now.failure:
            return "failed"
        tasks = (task.state for task in now.tasks if task.state != "RUNNING")
        return (now.state if now.state != "RUNNING" else next(tasks, "unassigned")).lower()


def _captured(live: Mapping[str, str] | None) -> set[str]:
    return set() if live is None else captured(live)

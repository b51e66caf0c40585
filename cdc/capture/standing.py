"""Where one source stands: its connector, its log, its stream, its mirrors and what is derived of them.

Others ask (`cdc.cli.connectors.surroundings`); here it is decided what of all that is wrong, and what to do about it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cdc.capture.answer import ABSENT, Status
from cdc.capture.connect import in_snapshot
from cdc.capture.connector import keeping_selects, table_names
from cdc.capture.place import place_of
from cdc.capture.readings import PAUSED, Readings, Unread
from cdc.capture.retained import Retained
from cdc.capture.source import Source
from cdc.capture.table_standing import TablesSeen, TableStanding, tables_of
from cdc.errors import CdcError, catalogue
from cdc.observe.load import Load
from cdc.observe.status import StreamStatus
from cdc.observe.tables import TableStatus

SILENT_S: Final = 30.0
"""A connector sends a heartbeat every second; who is not heard of for so long is not running, whatever it says."""
STUCK_S: Final = 60.0
"""What was committed in the source so long ago and has not landed, or was sent so long ago if nothing ever has."""
HUNG_S: Final = 300.0
"""In its first snapshot a connector may wait for a server that sorts; who has said nothing for so long hangs."""
SHORT_S: Final = 86_400.0
"""A log that is kept for less than this is a matter of today."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What `connectors status` says of one source; the fields are those of its JSON (None: nobody could tell)."""

    source: str
    wanted: str
    connector: str
    task: str
    reader: str | None
    settings: str
    failure: str
    code: str | None
    unread: list[Unread]
    waits: bool
    place: str
    heard_s: float | None
    landed_s: float | None
    lag: int | None
    behind_s: float | None
    refused: int | None
    stale: int | None
    held: int | None
    log: Retained | None
    snapshot: Load | None
    reading: Load | None
    next: str | None
    needs_attention: bool
    tables: list[TableStanding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was told of a source, by whoever was asked; None is what nobody could tell.

    `live` and `wanted` are configurations of its connector, `wanted` an error if its files are not finished; `reader`
    is the second connector, `waits` says that nobody reads what is unread, `behind` how many seconds the slowest
    canonical table is behind that is made with a mirror.

    `heard_s` and `first_s` are the ages of the newest and of the oldest record of its stream, `noted_s` that of what
    was noted last of its tables: that it was made to begin, or has read one. `unanswered` are kafka and target,
    whichever could not tell.
    """

    now: Status
    reader: Status
    live: Mapping[str, str] | None
    wanted: Mapping[str, str] | CdcError
    told: Readings
    waits: bool
    offsets: Sequence[Mapping[str, Any]] | None
    heard_s: float | None
    noted_s: float | None
    first_s: float | None
    unanswered: Collection[str]
    stream: StreamStatus | None
    tables: Sequence[TableStatus] | None
    held: int | None
    behind: Mapping[str, float]
    log: Retained | None
    snapshot: Load | None
    reading: Load | None


def standing_of(source: Source, seen: Seen) -> Standing:
    """Return where a source stands."""
    stream = seen.stream
    unread = seen.told.unread(table_names(source))
    found = Standing(
        *(source.name, source.state, seen.now.state.lower(), _task_state(seen.now)),
        reader=None if seen.reader.state == ABSENT else seen.reader.state.lower(),
        settings=_settings(source, seen),
        failure=seen.now.failure,
        code=None,
        unread=unread,
        waits=seen.waits,
        place=place_of(seen.offsets or ()),
        heard_s=seen.heard_s,
        landed_s=None if stream is None else stream.freshness_s,
        lag=None if stream is None else stream.lag,
        behind_s=max(seen.behind.values(), default=None),
        refused=None if stream is None else stream.refused,
        stale=None if stream is None else stream.stale,
        held=seen.held,
        log=seen.log,
        snapshot=seen.snapshot,
        reading=seen.reading,
        next=None,
        needs_attention=False,
        tables=tables_of(source, _tables_seen(seen, unread)),
    )
    return replace(found, **_verdict(found, seen))


def _settings(source: Source, seen: Seen) -> str:
    if seen.live is None:
        return "absent"
    if isinstance(seen.wanted, CdcError):
        return "unknown"
    # What its snapshot selects may know columns that the contract files do not know yet.
    return "as applied" if keeping_selects(source, seen.wanted, seen.live) == seen.live else "differ"


def _tables_seen(seen: Seen, unread: Sequence[Unread]) -> TablesSeen:
    loads = [load for load in (seen.snapshot, seen.reading) if load is not None]
    is_on = _takes_snapshot(seen)
    is_silent = not is_on and (seen.heard_s or 0.0) > SILENT_S
    return TablesSeen(seen.now, seen.live, unread, loads, seen.tables or (), seen.behind, is_on, is_silent)


def _takes_snapshot(seen: Seen) -> bool:
    """Tell whether the connector is in its first snapshot or has not come to it, as far as its place is known."""
    return seen.offsets is not None and in_snapshot([one.get("offset") or {} for one in seen.offsets])


def _verdict(found: Standing, seen: Seen) -> dict[str, Any]:
    """Return code, next and needs_attention: of what is wrong, the first that is."""
    unfinished = _unfinished(seen)
    if unfinished and found.connector == "absent":
        return {**unfinished, "needs_attention": True}  # an `apply` comes no further
    for is_so, code, advice in _wrong(found, seen):
        if is_so:
            return {"code": code, "next": advice or catalogue()[code or ""].action, "needs_attention": True}
    if unfinished:
        return unfinished
    if found.settings != "as applied":
        return {"next": f"`cdc connectors plan {found.source}` says what differs and what applying the file leads to."}
    if found.stale:
        return {"next": "Rows are behind a refused change: `cdc refused list`."}
    return {}


_HANGS: Final = (
    "It has sent neither a row nor a note for minutes: an open transaction or a lock in the source holds its snapshot"
    " up, or the Connect worker's log says what does."
)
_NEVER: Final = "Nothing of it has ever landed: `cdc run` does that, and `cdc status` says what keeps it."


def _wrong(found: Standing, seen: Seen) -> list[tuple[bool, str | None, str]]:
    """Return what may be wrong, the worst first: whether it is, its code, what to do if that does not say it."""
    apply = f"`cdc connectors apply {found.source}`"
    is_wanted = found.wanted == "running"
    has_lost_log = found.log is not None and found.log.left_s == 0 and found.place != "none"
    runs_out = found.log is not None and found.log.left_s is not None and found.log.left_s < SHORT_S
    unread = ", ".join(table.table for table in found.unread if table.state != PAUSED)
    paused = ", ".join(table.table for table in found.unread if table.state == PAUSED)
    goes_on = f"`cdc connectors snapshot {found.source} --resume`"
    limit = "" if found.log is None else found.log.limit
    away = " and ".join(seen.unanswered)
    unknown = f"Nobody can tell whether anything lands: {away} could not be asked; `cdc check` says why."
    return [
        (found.connector == "absent", "CON-116", ""),
        (seen.now.has_lost_place or has_lost_log, "CON-117", ""),
        (bool(found.failure), "CON-103", ""),
        (seen.told.beginning(found.source) is not None, "CON-115", ""),
        (not _in_state(found), None, f"It is {found.connector}, its file says {found.wanted}: {apply}."),
        (not _reader_stands(found), None, f"What reads added tables is {found.reader}, not {found.wanted}: {apply}."),
        (is_wanted and _is_silent(seen), "CON-106", ""),
        (is_wanted and _hangs(seen), "CON-106", _HANGS),
        (runs_out, None, f"The source's log runs out ({limit}): have it read, or kept for longer by the DBA."),
        (found.waits, None, f"Nothing reads {unread}: {apply}."),
        (bool(paused), None, f"Reading of {paused} is paused; {goes_on} goes on with it."),
        (is_wanted and bool(away), None, unknown),
        (is_wanted and _lands_nothing(seen), None, _NEVER),
        (_is_stuck(seen), None, "What was sent does not land: `cdc status` says why."),
    ]


def _unfinished(seen: Seen) -> dict[str, Any]:
    """Return code and next where the source's files are not finished."""
    fault = seen.wanted
    return {"code": fault.code, "next": f"{fault.detail}: {fault.entry.action}"} if isinstance(fault, CdcError) else {}


def _is_reading(seen: Seen) -> bool:
    """Tell whether rows of a first snapshot are being sent, or land."""
    return seen.snapshot is not None or _takes_snapshot(seen)


def _is_silent(seen: Seen) -> bool:
    """Tell whether heartbeats, which come once all is read, do not come."""
    return not _is_reading(seen) and (seen.heard_s or 0.0) > SILENT_S


def _hangs(seen: Seen) -> bool:
    """Tell whether a connector that reads, or has never said anything, has said nothing for long.

    Who could not be asked proves nothing. When it was made to begin is noted; of one of which nothing is, nobody knows.
    """
    if "kafka" in seen.unanswered or not (_is_reading(seen) or seen.heard_s is None):
        return False
    return min((age for age in (seen.heard_s, seen.noted_s) if age is not None), default=math.inf) > HUNG_S


def _lands_nothing(seen: Seen) -> bool:
    has_landed = seen.stream is not None and seen.stream.batch > 0
    return not seen.unanswered and not has_landed and (seen.first_s or 0.0) > STUCK_S


def _is_stuck(seen: Seen) -> bool:
    """Tell whether what is in the topic does not land; of a snapshot rows land all the time."""
    stream, load = seen.stream, seen.snapshot
    if stream is None or not stream.lag:
        return False
    if load is not None:
        return not load.rows_per_s and load.seconds > STUCK_S
    return (stream.freshness_s or 0.0) > STUCK_S


def _task_state(now: Status) -> str:
    return ", ".join(task.state.lower() for task in now.tasks) or "none"


def _in_state(found: Standing) -> bool:
    task = "none" if found.wanted == "stopped" else found.wanted
    return found.connector == found.wanted and found.task == task


def _reader_stands(found: Standing) -> bool:
    """Tell whether the reader stands still where the connector is to; one that has paused reading is stopped."""
    return found.wanted == "running" or found.reader in (None, "stopped", found.wanted)

"""Where one source stands: its connector, its log, its stream, its mirrors and what is derived of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from cdc.capture import connector
from cdc.capture.catalogue import estimate_rows
from cdc.capture.connect import Status
from cdc.capture.place import place_of
from cdc.capture.reader import Reader
from cdc.capture.reading import PAUSED, Readings, Unread
from cdc.capture.retained import Retained, read_retained
from cdc.capture.source import Source
from cdc.cli.chosen import rendered
from cdc.cli.connectors.surroundings import Surroundings
from cdc.config import environment
from cdc.errors import catalogue
from cdc.observe.load import Load, open_snapshots, read_loads
from cdc.observe.tables import TableStatus, read_tables

SILENT_S: Final = 30.0
"""A connector sends a heartbeat every second; who is not heard of for so long is not running, whatever it says."""
STUCK_S: Final = 60.0
"""What was committed in the source so long ago and has not landed, though a worker is there."""
SHORT_S: Final = 86_400.0
"""A log that is kept for less than this is a matter of today."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What `connectors status` says of one source; the fields are those of its JSON (None: nobody could tell)."""

    source: str
    wanted: str
    connector: str
    task: str
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
    next: str | None
    needs_attention: bool
    tables: list[TableStatus] = field(default_factory=list)


def standing_of(source: Source, around: Surroundings) -> Standing:
    """Return where a source stands. Raises as `cdc.capture.connect`, and for its own files."""
    connect, options = around.connect, around.options
    now, live = connect.status(source.name), connect.config(source.name)
    reader = Reader(source, options.kafka, connect)
    told = Readings(source.name) if live is None else around.ask("kafka", reader.record.fold) or Readings(source.name)
    unread = told.unread(connector.table_names(source))
    offsets = [] if live is None else connect.offsets(source.name)
    stream = around.streams.get(source.stream)
    sent = around.newest.get(source.stream)
    heard_s = None if sent is None else max(0.0, (datetime.now(UTC) - sent).total_seconds())
    place: dict[str, Any] = next((entry["offset"] for entry in offsets if entry.get("offset")), {})
    tables = _tables(source, around)
    found = Standing(
        *(source.name, source.state, now.state.lower(), _task_state(now)),
        settings="absent" if live is None else "as applied" if live == rendered(source, options) else "differ",
        failure=now.failure,
        code=None,
        unread=unread,
        waits=live is not None and bool(reader.waiting(unread)),
        place=place_of(offsets),
        heard_s=heard_s,
        landed_s=None if stream is None else stream.freshness_s,
        lag=None if stream is None else stream.lag,
        behind_s=_behind(source, around),
        refused=None if stream is None else stream.refused,
        stale=None if stream is None else stream.stale,
        held=None if tables is None else sum(table.held for table in tables),
        log=around.ask(source.name, lambda: read_retained(source, environment(), place, heard_s or 0.0)),
        snapshot=_snapshot(source, around),
        next=None,
        needs_attention=False,
        tables=tables or [],
    )
    return replace(found, **_verdict(found, now, is_unfinished=told.beginning(source.name) is not None))


def _verdict(found: Standing, now: Status, *, is_unfinished: bool) -> dict[str, Any]:
    """Return code, next and needs_attention: of what is wrong, the first that is."""
    for is_so, code, advice in _wrong(found, now, is_unfinished=is_unfinished):
        if is_so:
            return {"code": code, "next": advice or catalogue()[code or ""].action, "needs_attention": True}
    if found.settings != "as applied":
        return {"next": f"`cdc connectors plan {found.source}` says what differs and what applying the file leads to."}
    if found.stale:
        return {"next": "Rows are behind a refused change: `cdc refused list`."}
    return {}


def _wrong(found: Standing, now: Status, *, is_unfinished: bool) -> list[tuple[bool, str | None, str]]:
    """Return what may be wrong, the worst first: whether it is, its code, what to do if that does not say it."""
    apply = f"`cdc connectors apply {found.source}`"
    has_lost_log = found.log is not None and found.log.left_s == 0 and found.place != "none"
    runs_out = found.log is not None and found.log.left_s is not None and found.log.left_s < SHORT_S
    is_over = found.snapshot is None
    is_silent = found.wanted == "running" and is_over and (found.heard_s or 0.0) > SILENT_S
    is_stuck = bool(found.lag) and is_over and (found.landed_s or 0.0) > STUCK_S
    unread = ", ".join(table.table for table in found.unread if table.state != PAUSED)
    paused = ", ".join(table.table for table in found.unread if table.state == PAUSED)
    goes_on = f"`cdc connectors snapshot {found.source} --resume`"
    limit = "" if found.log is None else found.log.limit
    return [
        (found.connector == "absent", "CON-116", ""),
        (now.has_lost_place or has_lost_log, "CON-117", ""),
        (bool(found.failure), "CON-103", ""),
        (is_unfinished, "CON-115", ""),
        (not _in_state(found), None, f"It is {found.connector}, its file says {found.wanted}: {apply}."),
        (is_silent, "CON-106", ""),
        (runs_out, None, f"The source's log runs out ({limit}): have it read, or kept for longer by the DBA."),
        (found.waits, None, f"Nothing reads {unread}: {apply}."),
        (bool(paused), None, f"Reading of {paused} is paused; {goes_on} goes on with it."),
        (is_stuck, None, "What was sent does not land: `cdc status` says why."),
    ]


def _tables(source: Source, around: Surroundings) -> list[TableStatus] | None:
    target, dictionary = around.target, around.dictionary
    if target is None:
        return None
    reads = {} if dictionary is None else {one.name: str(one.source) for one in dictionary.mappings}
    return around.ask("target", lambda: read_tables(target, source.name, source.stream, reads))


def _behind(source: Source, around: Surroundings) -> float | None:
    """Return how far behind the slowest domain is that reads a mirror of the source."""
    if around.dictionary is None:
        return None
    of_source = [
        domain.name
        for domain in around.dictionary.domains()
        if any(str(mapping.source).startswith(f"{source.name}.") for mapping in domain.mappings)
    ]
    behind = [around.domains[name].behind_s for name in of_source if name in around.domains]
    return max((seconds for seconds in behind if seconds is not None), default=None)


def _snapshot(source: Source, around: Surroundings) -> Load | None:
    target = around.target
    if target is None or source.stream not in (around.ask("target", lambda: open_snapshots(target)) or ()):
        return None
    estimates = around.ask(source.name, lambda: estimate_rows(source, environment())) or {}
    mirrors = [f"{source.name}.{table.name}" for table in source.tables]
    loads = around.ask("target", lambda: read_loads(target, {source.stream: mirrors}, estimates)) or []
    return next((load for load in loads if load.stream == source.stream), None)


def _task_state(now: Status) -> str:
    return ", ".join(task.state.lower() for task in now.tasks) or "none"


def _in_state(found: Standing) -> bool:
    task = "none" if found.wanted == "stopped" else found.wanted
    return found.connector == found.wanted and found.task == task

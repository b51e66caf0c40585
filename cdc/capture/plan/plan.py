"""The plan of one source: what its connector and topics are, what they would become, and the steps that lead there.

A plan is a file, too. Who applies one does what it says or nothing: it says by two digests what it was made of. What
`wanted` covers must be as it was then, and each difference must still be there or be gone already, because an apply
that was interrupted is repeated with the same plan.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from cdc.capture.answer import ABSENT, Status
from cdc.capture.connector import SELECTS, keeping_selects, table_names
from cdc.capture.plan.change import Change, changes_of, shown
from cdc.capture.plan.impact import WHY, Impact
from cdc.capture.reading import captured
from cdc.capture.snapshot_select import only_adds
from cdc.capture.source import Source
from cdc.errors import FatalError

FORMAT: Final = "cdc connectors plan 2"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a plan is made of, as it was seen. `config` None: there is no connector. `topics` are differences, in words.

    `unread` are tables that nobody reads and `apply` would; `is_unfinished`: somebody left a beginning in the middle.
    `reader` is the state of what reads added tables, if it is to be brought to that of the connector.
    """

    config: Mapping[str, str] | None
    status: Status
    topics: tuple[str, ...]
    unread: tuple[str, ...]
    is_unfinished: bool
    reader: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done, in words, and what it leads to."""

    what: str
    impact: str = Impact.NONE.word


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done for one source. `wanted` is a digest of what its files say, `impact` the heaviest one."""

    source: str
    wanted: str
    live: str
    impact: str
    changes: list[Change]
    steps: list[Step]
    hints: list[str]

    @property
    def forgets(self) -> bool:
        """Whether the connector forgets its place on the way."""
        return Impact.of(self.impact).forgets

    @property
    def takes_plan(self) -> bool:
        """Whether it is done by the file of a plan only."""
        return Impact.of(self.impact).takes_plan


@dataclass(frozen=True, slots=True)
class PlanFile:
    """What stands in a file: plans of sources, and connectors of which no file says anything any more.

    `cluster` is the id of the Kafka cluster that they were made for: with contexts, another one is a word away.
    """

    format: str
    cluster: str
    plans: list[Plan]
    strays: list[str]
    same_server: bool = False


def make_plan(source: Source, seen: Seen, wanted: Mapping[str, str], *, same_server: bool = False) -> Plan:
    """Return what is to be done so that a source is as its file says; no steps if it is.

    Selects that the last snapshot had of the catalogue, for columns that no contract file knows yet, are no difference.
    """
    live = seen.config
    kept = wanted if live is None else keeping_selects(source, wanted, live)
    changes = [] if live is None else changes_of(live, kept, same_server=same_server)
    impacts = [Impact.of(change.impact) for change in changes]
    steps = [*(Step(text) for text in seen.topics), *_steps(source, seen, changes)]
    heaviest = max([*impacts, *(Impact.of(step.impact) for step in steps)], default=Impact.NONE)
    return Plan(
        source.name,
        _digest([source.state, *_shown(wanted)]),
        _digest([] if seen.config is None else _shown(seen.config)),
        heaviest.word,
        changes,
        steps,
        list(_hints(source, changes)),
    )


def require_unmoved(agreed: Plan, now: Plan) -> None:
    """Raise FatalError CON-181 unless what was agreed on is what would be done now, or what is left of it."""
    moved = []
    if agreed.wanted != now.wanted:
        moved.append("its file, its contracts or the settings say something else now")
    if agreed.live != now.live:
        known = {(change.key, change.before, change.after) for change in agreed.changes}
        new = [change.key for change in now.changes if (change.key, change.before, change.after) not in known]
        moved += [f"{key} differs otherwise than the plan says" for key in new]
    more = [step.what for step in now.steps if step not in (*agreed.steps, *_left(agreed))] if not moved else []
    moved += [f"more would be done: {what}" for what in more]
    if moved:
        raise FatalError("CON-181", f"{agreed.source}: {'; '.join(moved)}")


def require_same_cluster(agreed: PlanFile, cluster: str) -> None:
    """Raise FatalError CON-181 unless the plans were made for this Kafka cluster."""
    if agreed.cluster != cluster:
        raise FatalError("CON-181", f"they were made for Kafka cluster {agreed.cluster}, this is {cluster}")


def _left(agreed: Plan) -> Iterable[Step]:
    """Return what is left where somebody died in the middle of one of the steps that were agreed on."""
    for step in agreed.steps:
        if step.what.startswith((_FIRST, _NEW)):
            yield _FINISH
        elif table := _CAPTURE.fullmatch(step.what):
            yield _read(table[1])
        elif created := _CREATE.fullmatch(step.what):
            yield from (_move(created[1] or "running", "stopped"), _MEND)


def require_agreed(plan: Plan) -> None:
    """Raise FatalError CON-180 if the connector would forget its place, or lose a table: only a plan may say that."""
    if not plan.takes_plan:
        return
    causes = [change.key for change in plan.changes if Impact.of(change.impact).forgets]
    lost = [f"{', '.join(causes)} ({WHY[Impact.of(plan.impact)]})"] if causes else []
    lost += [step.what for step in plan.steps if Impact.of(step.impact) == Impact.END]
    raise FatalError("CON-180", f"{plan.source}: {'; '.join(lost)}")


def write_plans(path: Path, file: PlanFile) -> None:
    """Write plans to a file, readable by a person. Raises OSError."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n")


def read_plans(path: Path) -> PlanFile:
    """Read what `write_plans` wrote. Raises FatalError CON-182 for what is no plan."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=PlanFile)
    except (OSError, msgspec.DecodeError) as error:
        raise FatalError("CON-182", f"{path}: {error}") from error
    if found.format != FORMAT:
        raise FatalError("CON-182", f"{path}: format {found.format!r}, not {FORMAT!r}")
    return found


def _steps(source: Source, seen: Seen, changes: list[Change]) -> Iterable[Step]:
    runs = source.state == "running"
    if seen.config is None:
        yield Step("create the connector" + ("" if runs else f", {source.state}"))  # `_CREATE` knows it again
        if runs:
            # Connect tells the place of no connector that is not there. Into a new topic none is gone on from.
            kept = "" if f"create topic {source.stream}" in seen.topics else f"; {_KEPT}"
            yield Step(f"{_FIRST}: {len(source.tables)} tables{kept}", Impact.READ.word)
        return
    impacts = {Impact.of(change.impact) for change in changes}
    if any(impact.forgets for impact in impacts):
        yield from _begin_again(source, max(impacts))
        yield from _ends(source, seen)
        return
    if changes:
        # That a table is lost is a step of its own.
        restart = max((impact for impact in impacts if impact != Impact.END), default=Impact.RESTART)
        yield Step(f"change {len(changes)} settings; the task starts again", restart.word)
    yield from _moves(source, seen)
    yield from _reads(source, seen)


def _begin_again(source: Source, impact: Impact) -> Iterable[Step]:
    yield Step("stop the connector and have it forget its place", impact.word)
    yield Step("change its settings")
    if source.state == "running":
        yield Step(f"{_NEW}: {len(source.tables)} tables", impact.word)


def _moves(source: Source, seen: Seen) -> Iterable[Step]:
    state = seen.status.state
    if seen.reader is not None and source.state != "running":  # else `_reads` says what goes on
        yield Step(f"{_VERBS[source.state]} what reads added tables: it is {seen.reader.lower()}")
    if seen.is_unfinished and source.state == "running":
        yield _FINISH
    elif state == ABSENT or seen.status.is_in(source.state):
        return
    elif seen.status.failure and source.state == "running":
        yield _MEND
    elif state != source.state.upper():
        yield _move(source.state, state.lower())


def _move(wanted: str, state: str) -> Step:
    return Step(f"{_VERBS[wanted]} the connector: it is {state}", Impact.RESTART.word)


_FIRST: Final = "take the first snapshot"
_BACK: Final = "back only by a snapshot of the whole source"
_KEPT: Final = "or go on, if Kafka Connect has kept its place"
_NEW: Final = "take a new snapshot"
_FINISH: Final = Step("finish what was begun: a new snapshot", Impact.READ.word)
_MEND: Final = Step("start the failed task again", Impact.RESTART.word)
_CREATE: Final = re.compile("create the connector(?:, (.*))?")
_CAPTURE: Final = re.compile("capture (.*), and read its rows beside the stream")
_VERBS: Final = {"running": "resume", "paused": "pause", "stopped": "stop"}


def _reads(source: Source, seen: Seen) -> Iterable[Step]:
    before = captured(seen.config or {})
    names = table_names(source)
    for table in names:
        if table not in before:
            yield Step(f"capture {table}, and read its rows beside the stream", Impact.READ.word)
        elif table in seen.unread:
            yield _read(table)
    yield from _ends(source, seen)


def _ends(source: Source, seen: Seen) -> Iterable[Step]:
    for table in sorted(captured(seen.config or {}).difference(table_names(source))):
        yield Step(f"capture {table} no more: {_BACK}; its mirror stays as it is", Impact.END.word)


def _read(table: str) -> Step:
    return Step(f"read the rows of {table} beside the stream", Impact.READ.word)


def _hints(source: Source, changes: Sequence[Change]) -> Iterable[str]:
    for change in changes:
        if change.key == "slot.name" and change.before is not None:
            drop = f"SELECT pg_drop_replication_slot('{change.before}')"
            yield f"when the new slot is in use, a DBA drops the old one: {drop}"
        elif change.key == "publication.name":
            yield f"publication {change.after} has to be there, with all tables, before this is applied"
    if any(_knows_more(change) for change in changes):
        yield f"selects follow the contract files: `cdc source contract {source.name}` writes what the catalogue has"


def _knows_more(change: Change) -> bool:
    """Tell whether the live select of a table has what that of its contract file lacks."""
    if not change.key.startswith(f"{SELECTS}.") or change.before is None:
        return False
    return change.after is None or not only_adds(change.after, change.before)


def _shown(config: Mapping[str, str]) -> list[str]:
    return [f"{key}={shown(key, value)}" for key, value in sorted(config.items())]


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

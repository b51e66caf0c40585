"""One derivation: everything visible behind the watermarks, in one REPEATABLE READ transaction, or nothing.

The mirrors are locked before the snapshot is taken: a snapshot does not protect from DDL that landing commits after it.
All visible batches are taken, never fewer: the mirrors show all of them, and a cut inside would tear transactions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import psycopg

from cdc.config import Protection
from cdc.crash import crash_point
from cdc.derive.before import read_before
from cdc.derive.decide import decide
from cdc.derive.fold import fold_rows
from cdc.derive.foreign_key import validate_foreign_keys
from cdc.derive.limit import NO_LIMIT, counts_of, require_room
from cdc.derive.mirror import Mirror
from cdc.derive.names import literal, literals
from cdc.derive.plan import Plan
from cdc.derive.pull import pull_in
from cdc.derive.session import Connection, Span, Window, Work, clear_tables, empty_tables
from cdc.derive.stage import RowRefusedError, stage_rows
from cdc.derive.statistics import refresh_statistics
from cdc.derive.take import STALE, take_rows
from cdc.derive.waived import any_in_force
from cdc.derive.write import write_rows
from cdc.errors import CdcError, FatalError, TransientError
from cdc.observe.pulse import Pulse
from cdc.store.connection import classify
from transforms.errors import DictionaryError
from transforms.model import Dictionary

LEAVE = "COMMIT"
"""Ends a transaction that has only read. After a ROLLBACK psycopg would forget all prepared statements."""


OTHER_DICTIONARY = "DRV-110"
"""The code by which a turn says that it would derive by a dictionary that is not in force."""


@dataclass(frozen=True, slots=True)
class Version:
    """The dictionary that a domain is derived by; `domains` and `mappings` (folds, too) name all that it has."""

    digest: str
    version: str
    content: str
    domains: tuple[str, ...]
    mappings: tuple[str, ...]

    @classmethod
    def of(cls, dictionary: Dictionary) -> Version:
        """Return a dictionary's."""
        domains = tuple(domain.name for domain in dictionary.domains())
        names = (*(mapping.name for mapping in dictionary.derived), *map(str, dictionary.folds))
        return cls(dictionary.digest, dictionary.version, dictionary.content, domains, names)


@dataclass(frozen=True, slots=True)
class Derived:
    """What a turn did, by table: source rows taken, outcomes staged. `left` rows were deleted from temporary tables."""

    everything: bool
    batches: int
    taken: dict[str, int]
    staged: dict[str, int]
    large: bool
    left: int
    round_trips: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Frame:
    """Whose turn it is, what shows that it goes on, the snapshot that it is given ("": its own), how many rows it may
    hold with one code, and what opens what waivers give.
    """

    epoch: int
    pulse: Pulse
    cut: str
    held_limit: int
    protection: Protection | None


def run_turn(  # noqa: PLR0913 - whose turn it is, and its limits
    connection: Connection,
    plan: Plan,
    version: Version,
    epoch: int,
    pulse: Pulse | None = None,
    *,
    cut: str = "",
    held_limit: int = NO_LIMIT,
    protection: Protection | None = None,
) -> Derived | None:
    """Derive what is new; None if nothing is, or if a stream's first snapshot is still open. `pulse` beats meanwhile.

    `cut` is a snapshot that another session has exported, with all mirrors locked: what it shows is derived, no more.
    `held_limit`: how many rows the domain may hold with one code (`cdc.derive.limit`). `protection`: the settings'.
    Raises TransientError when the same work may go well later (DRV-110: by another dictionary), FatalError when not.
    """
    turn = partial(_turn, connection, plan, version, _Frame(epoch, pulse or Pulse(), cut, held_limit, protection))
    try:
        try:
            return turn(careful=False)
        except RowRefusedError:
            connection.execute("ROLLBACK")
            return turn(careful=True)
    except psycopg.Error as error:
        raise _classified(error) from error
    except DictionaryError as error:
        raise FatalError("DRV-106", str(error)) from error


def _turn(connection: Connection, plan: Plan, version: Version, frame: _Frame, *, careful: bool) -> Derived | None:
    started = time.monotonic()
    window = _begin(connection, plan, frame)
    if window is not None and window.everything:
        connection.execute(LEAVE)
        if not plan.side:
            _activate(connection, version)
        refresh_statistics(connection, plan)
        crash_point("D9")
        window = _begin(connection, plan, frame)
    if window is None or not (window.everything or window.queued or window.moves):
        connection.execute(LEAVE)
        return None
    crash_point("D3")
    work = Work(connection, plan, window, careful, pulse=frame.pulse, protection=frame.protection)
    work_out(work)
    crash_point("D5")
    if write_rows(work):
        require_room(work, frame.held_limit)
    crash_point("D6")
    _finish(work, version, frame.epoch)
    return Derived(
        window.everything,
        sum(span.last - span.after for span in window.spans),
        {
            name: work.taken[origin]
            for name, origin in zip(plan.names, plan.origins, strict=True)
            if origin in work.taken
        },
        {str(output.target): count for output, count in work.staged.items()},
        work.large,
        0 if work.large else work.rows,
        work.round_trips + 4,
        time.monotonic() - started,
    )


def work_out(work: Work, before_folding: Callable[[Work], None] | None = None) -> None:
    """Find out what comes of a window; what is written so far is contributions. Raises RowRefusedError."""
    if work.window.everything:
        _remove_left_behind(work)
    _read_changes(work)
    take_rows(work)
    stage_rows(work)
    if before_folding is not None:
        before_folding(work)
    fold_rows(work)
    read_before(work)
    pull_in(work)
    decide(work)


def _begin(connection: Connection, plan: Plan, frame: _Frame) -> Window | None:
    """Open the transaction and see what is new; None while a stream that the domain reads has no snapshot yet."""
    opening = shared_cut(frame.cut) if frame.cut else OPENING[0](plan)
    connection.execute("; ".join(opening).encode())
    crash_point("D2")
    seen = see_window(connection, plan)
    if seen is None:
        return None
    epoch, active, window = seen
    if epoch != frame.epoch:
        connection.execute("ROLLBACK")
        raise TransientError("DRV-105", f"domain {plan.name}")
    if not plan.side and active not in (None, plan.digest):
        connection.execute("ROLLBACK")
        raise TransientError(OTHER_DICTIONARY, f"domain {plan.name}, dictionary {plan.digest[:12]}")
    return window


def see_window(connection: Connection, plan: Plan) -> tuple[int, str | None, Window] | None:
    """Return the domain's epoch, the dictionary in force, and what is new, as the transaction shows them.

    None while a stream that the domain reads has no snapshot yet, or nobody has ever derived it.
    """
    rows = connection.execute(_window(plan), {"domain": plan.name}, prepare=True).fetchall()
    if not rows or any(row[5] is None or row[5] < 1 for row in rows):
        return None
    epoch, dictionary, queued, queued_whole, (stale, held_as_stale, waived), _, active, held, *_ = rows[0]
    spans = tuple(Span(stream, after, last) for *_, stream, last, after in rows)
    window = Window(
        dictionary != plan.digest,
        CUT[0](spans),
        frozenset(queued),
        frozenset(queued_whole),
        stale,
        held_as_stale,
        waived,
        held,
    )
    return epoch, active, window


def one_cut(plan: Plan) -> tuple[str, ...]:
    """Return the statements before the first one that reads: it takes the snapshot, and by then DDL has to wait.

    So has whoever puts another dictionary in force, or this turn for him: what is read of it then counts to the end.
    """
    return begin_cut(plan.mirrors) if plan.side else (*begin_cut(plan.mirrors, gate=(GATE,)), TAKING)


GATE = "LOCK TABLE cdc.gate IN ROW EXCLUSIVE MODE"
"""Keeps the dictionary in force while a turn goes on."""

TAKING = "LOCK TABLE cdc.derive_queue IN ROW SHARE MODE"
"""Tells others, from before the snapshot on: what is queued may be what this turn works on. Nobody waits for it."""


def begin_cut(mirrors: Iterable[Mirror], gate: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the statements that open a transaction in which the mirrors can be read as of one snapshot."""
    tables = ", ".join(name for mirror in mirrors for name in mirror.images)
    return "BEGIN ISOLATION LEVEL REPEATABLE READ", *gate, f"LOCK TABLE {tables} IN ACCESS SHARE MODE"


def shared_cut(snapshot: str) -> tuple[str, ...]:
    """Return the statements that open a transaction with the snapshot of another one."""
    return "BEGIN ISOLATION LEVEL REPEATABLE READ", f"SET TRANSACTION SNAPSHOT {literal(snapshot)}"


def every_visible_batch(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """Take all that the snapshot shows."""
    return spans


# The functions of these lists are clauses: a test puts others in their places.
OPENING: list[Callable[[Plan], tuple[str, ...]]] = [one_cut]
CUT: list[Callable[[tuple[Span, ...]], tuple[Span, ...]]] = [every_visible_batch]


def _window(plan: Plan) -> bytes:
    names = literals(plan.names).replace("%", "%%")
    queued = literals(() if plan.side else plan.names).replace("%", "%%")
    mirrors = literals(str(mirror.ref) for mirror in plan.mirrors).replace("%", "%%")
    queue = f"SELECT DISTINCT mapping FROM cdc.derive_queue WHERE mapping = ANY ({queued})"
    return (
        f"SELECT d.epoch, d.dictionary, ARRAY({queue}), ARRAY({queue} AND source_key IS NULL),"
        f" ARRAY[EXISTS (SELECT FROM cdc.stale WHERE mirror = ANY ({mirrors})),"
        f" EXISTS (SELECT FROM {plan.books}.held WHERE code = '{STALE}' AND mapping = ANY ({names})),"
        f" {any_in_force(plan).replace('%', '%%')}],"
        f" p.generations, (SELECT digest FROM cdc.active), {counts_of(plan).replace('%', '%%')},"
        " p.stream, p.batch, coalesce(w.batch, 0)"
        f" FROM {plan.books}.domain d CROSS JOIN unnest({literals(plan.sources)}) s (source)"
        " LEFT JOIN cdc.position p ON p.source = s.source"
        f" LEFT JOIN {plan.books}.watermark w ON w.domain = d.name AND w.stream = p.stream WHERE d.name = %(domain)s"
    ).encode()


def _read_changes(work: Work) -> None:
    """Bring the changed keys of the window's batches into `changed`, and note which mirrors they are of."""
    if work.window.everything:
        return
    spans = [span for span in work.window.spans if span.last > span.after]
    parameters = (
        [span.stream for span in spans],
        [span.after for span in spans],
        [span.last for span in spans],
        [str(mirror.ref) for mirror in work.plan.mirrors],
    )
    total = 0
    for mirror, op, count in work.run(_CHANGES, parameters).fetchall():
        work.changed.setdefault(mirror, set()).add(op)
        total += count
    work.grow(total, "pg_temp.changed")


# OFFSET 0: a plan that joins mirrors with all that ever changed in them reads more with each day.
_CHANGES = b"""
WITH found AS (
    INSERT INTO pg_temp.changed (mirror, key, op, old)
    SELECT m.name, c.key::text[], k.op, c.old
    FROM unnest(%s::text[], %s::bigint[], %s::bigint[]) AS s (stream, after, last)
    JOIN cdc.changed_mirror m ON m.stream = s.stream AND m.name = ANY (%s)
    CROSS JOIN LATERAL (SELECT op, keys, olds FROM cdc.changed_key
        WHERE mirror = m.id AND batch > s.after AND batch <= s.last OFFSET 0) k
    LEFT JOIN LATERAL unnest(k.keys, k.olds) c (key, old) ON true
    RETURNING mirror, op)
SELECT mirror, op::text, count(*) FROM found GROUP BY mirror, op
"""


def _finish(work: Work, version: Version, epoch: int) -> None:
    """Check what was deferred, move the watermarks, commit."""
    work.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    if work.window.everything:
        validate_foreign_keys(work.connection, work.plan)
    move_watermarks(work, version, epoch)
    crash_point("D7")
    work.connection.execute(b"COMMIT" if work.large else f"{clear_tables(work)}; COMMIT".encode())
    crash_point("D8")
    if work.large:
        work.connection.execute(empty_tables(work.plan).encode())
        refresh_statistics(work.connection, work.plan)


def move_watermarks(work: Work, version: Version, epoch: int) -> None:
    """Say up to where is derived and by what, unless the domain is another worker's; the queue is done."""
    spans = work.window.spans
    parameters = {
        "domain": work.plan.name,
        "epoch": epoch,
        "digest": version.digest,
        "streams": [span.stream for span in spans],
        "batches": [span.last for span in spans],
        "mappings": list(work.plan.names) if work.window.queued else [],
    }
    statement = _MOVE.replace("BOOKS", work.plan.books).encode()
    if work.connection.execute(statement, parameters, prepare=True).rowcount != 1:
        raise TransientError("DRV-105", f"domain {work.plan.name}")


_MOVE = """
WITH moved AS (
    INSERT INTO BOOKS.watermark (domain, stream, batch)
    SELECT %(domain)s, s.stream, s.batch FROM unnest(%(streams)s::text[], %(batches)s::bigint[]) AS s (stream, batch)
    ON CONFLICT (domain, stream) DO UPDATE SET batch = excluded.batch WHERE watermark.batch <> excluded.batch),
done AS (DELETE FROM cdc.derive_queue WHERE mapping = ANY (%(mappings)s))
UPDATE BOOKS.domain SET derivation = derivation + 1, derived_at = clock_timestamp(), dictionary = %(digest)s
WHERE name = %(domain)s AND epoch = %(epoch)s
"""


def _activate(connection: Connection, version: Version) -> None:
    """Record the dictionary, and forget what only another one has.

    Two domains activate the same one at the same time: each statement is a transaction of its own.
    """
    connection.execute(
        "INSERT INTO cdc.dictionary (digest, version, content) VALUES (%s, %s, %s)"
        " ON CONFLICT (digest) DO UPDATE SET activated_at = now()",
        (version.digest, version.version, version.content),
    )
    # From now on others write their tables, or nobody: whoever brings them back has to derive all of it.
    connection.execute(
        "UPDATE cdc.domain SET dictionary = NULL WHERE name <> ALL (%s) AND dictionary IS NOT NULL",
        (list(version.domains),),
    )
    # What was asked for of a mapping that is gone no turn would ever take.
    for table in ("held", "derive_queue"):
        connection.execute(f"DELETE FROM cdc.{table} WHERE mapping <> ALL (%s)".encode(), (list(version.mappings),))


def _remove_left_behind(work: Work) -> None:
    """Remove what mappings left behind in the tables of the domain that it does not have any more.

    Before anything is decided: their keys are free, and nothing can refer to them.
    """
    names = list(work.plan.names)
    tables = [table for fill in work.plan.fills for table in (fill.canonical, fill.held)]
    tables += [merge.stored for merge in work.plan.merges]
    for table in tables:
        statement = f"DELETE FROM {table.replace('%', '%%')} WHERE _mapping <> ALL (%s)"
        work.connection.execute(statement.encode(), (names,))


def _classified(error: psycopg.Error) -> CdcError:
    if error.sqlstate in {"23503", "23505"}:
        return FatalError("DRV-104", f"{error.diag.schema_name}.{error.diag.table_name} {error.diag.constraint_name}")
    return classify(error)

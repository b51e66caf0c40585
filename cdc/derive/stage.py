"""Taken rows through their mapping into the stage: read in chunks, normalised in Python, written by COPY.

Whatever a row is refused for is its outcome, written beside the candidates. Only what is wrong with one row may be
refused: an error that is not about its values passes through and ends the turn.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import cache, partial
from typing import Any

import psycopg

from cdc.crash import crash_point
from cdc.derive.lookup import FIXED_COLUMNS, select_rows
from cdc.derive.names import columns
from cdc.derive.plan import Output, Step
from cdc.derive.room import ROOM
from cdc.derive.session import INDEXED_BYTES, STAGE_META, Work
from cdc.derive.take import STALE
from transforms.errors import Refused
from transforms.mapping import Candidate, Outcome
from transforms.refusal import DELETED

CHUNK = 2000
"""Rows in memory at a time. Normalising them must end long before an idle transaction is ended, on a busy machine."""

FEW = 100
"""So many rows do not have to wait for room."""

Row = tuple[Any, ...]
Staged = tuple[list[Row], ...]
"""What comes out for one source row: rows for each stage."""

_OUTCOME = ("_candidate", "_code", "_field", "_detail", "_waits_for", "_waits_key")
_CANDIDATE = (True, None, None, None, None, None)
# What a rule can raise because of the values it is given; anything else is the program's fault and ends the turn.
_RULE_ERRORS = (ArithmeticError, ValueError, TypeError, LookupError, AttributeError)


class RowRefusedError(Exception):
    """The database refuses a row of a COPY; the turn is done again, carefully."""


def stage_rows(work: Work) -> None:
    """Evaluate every taken row."""
    for step in work.plan.steps:
        if step in work.taken:
            stage_step(work, step)


def stage_step(work: Work, step: Step) -> None:
    """Evaluate what the step has taken, by chunks."""
    statement = select_rows(step, work.window.stale)
    if work.large:
        with work.connection.cursor(name="rows_taken") as cursor:
            cursor.execute(statement)
            while _stage_chunk(work, step, partial(cursor.fetchmany, CHUNK)):
                work.round_trips += 1
    else:
        _stage_chunk(work, step, lambda: work.run(statement).fetchall())
    for output in step.outputs:
        work.grow(work.staged.get(output, 0), output.stage)


def _stage_chunk(work: Work, step: Step, fetch: Callable[[], list[Row]]) -> bool:
    """Evaluate the next rows, when there is room for them; tell whether there were any."""
    with ROOM.place(lambda: work.run(b"SELECT")) if work.taken[step] > FEW else nullcontext():
        rows = fetch()
        outcomes = [evaluate(step, row) for row in rows]
        if any(map(any, outcomes)):
            copy_outcomes(work, step, outcomes)
        return bool(rows)


def evaluate(step: Step, row: Row) -> Staged:
    """Return the stage rows that come out for one source row, for each output of its step."""
    head, stale = row[: FIXED_COLUMNS - 1], row[FIXED_COLUMNS - 1]
    inputs = row[_inputs(step)]
    if stale is not None:
        return _refused(step, head, Refused(STALE, "", "", stale[0], tuple(stale[1:])))
    try:
        outcome = step.mapping.normalise(inputs)
    except Refused as refused:
        return _refused(step, head, refused)
    except _RULE_ERRORS as error:
        return _refused(step, head, Refused("DRV-202", "", type(error).__name__))
    if head[-1]:
        return _of_deleted(step, row, head, outcome or ((),) * len(step.outputs))
    return tuple([[(*head, *_CANDIDATE, *candidate) for candidate in candidates] for candidates in outcome or ()])


@cache
def _inputs(step: Step) -> slice:
    return slice(FIXED_COLUMNS, -2 if step.keeps_unmarked else None)


def _of_deleted(step: Step, row: Row, head: Row, outcome: Outcome) -> Staged:
    """Return what stays of a row that the source has deleted, as each output wants it."""
    staged: list[list[Row]] = []
    for output, candidates in zip(step.outputs, outcome, strict=True):
        said = (head[0], *row[-2:], True) if output.keeps_unmarked else head
        kept = candidates if output.keeps_deleted else ()
        staged.append([(*said, *_CANDIDATE, *(_warned(each) if output.forbids else each)) for each in kept])
    return tuple(staged)


def _warned(candidate: Candidate) -> Candidate:
    """Return a candidate that says of itself that its source row should not have been deleted."""
    *values, warnings = candidate
    known = warnings if isinstance(warnings, list) else []
    return (*values, [*known, f"{DELETED} _deleted"])


def _refused(step: Step, head: Row, refusal: Refused) -> Staged:
    """Return the row that says so: in the first stage, which stands for all."""
    waits_key = None if refusal.waits_key is None else [_as_text(value) for value in refusal.waits_key]
    if refusal.code != STALE and sum(len(value.encode()) for value in waits_key or () if value) > INDEXED_BYTES:
        waits_key = None  # it is there to be read; what is longer than that nobody will
    nothing = (None,) * len(step.outputs[0].columns)
    said = (False, refusal.code, refusal.field, refusal.detail, refusal.waits_for, waits_key)
    return ([(*head, *said, *nothing)],)


def _as_text(value: object) -> str | None:
    return None if value is None else str(value)


def copy_outcomes(work: Work, step: Step, outcomes: list[Staged]) -> None:
    """Write what came out for some source rows; with care, find the one that the database refuses."""
    if not work.careful:
        try:
            _copy_rows(work, step, outcomes)
        except (psycopg.Error, UnicodeError) as error:
            if _is_about_a_row(error):
                raise RowRefusedError(step.mapping.name) from error
            raise
        return
    refused = _try_rows(work, step, outcomes)
    if refused is not None and len(outcomes) == 1:
        refusal = Refused("DRV-201", "", _state(refused))
        head = next(row for rows in outcomes[0] for row in rows)[: FIXED_COLUMNS - 1]
        _copy_rows(work, step, [_refused(step, head, refusal)])
    elif refused is not None:
        middle = len(outcomes) // 2
        copy_outcomes(work, step, outcomes[:middle])
        copy_outcomes(work, step, outcomes[middle:])


def _try_rows(work: Work, step: Step, outcomes: list[Staged]) -> Exception | None:
    """Copy rows; if the database refuses one of them, undo and return its error."""
    work.run(b"SAVEPOINT copied")
    before = dict(work.staged)
    try:
        _copy_rows(work, step, outcomes)
    except (psycopg.Error, UnicodeError) as error:
        if not _is_about_a_row(error):
            raise
        work.run(b"ROLLBACK TO copied")
        work.staged = before
        return error
    work.run(b"RELEASE copied")
    return None


def _copy_rows(work: Work, step: Step, outcomes: list[Staged]) -> None:
    for place, output in enumerate(step.outputs):
        rows = [row for outcome in outcomes if place < len(outcome) for row in outcome[place]]
        if rows:
            _copy_into(work, output, rows)


def _copy_into(work: Work, fill: Output, rows: list[Row]) -> None:
    names = columns((*STAGE_META, *_OUTCOME, *fill.columns))
    work.round_trips += 2
    work.beat()
    with work.connection.cursor() as cursor, cursor.copy(f"COPY {fill.stage} ({names}) FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)
        crash_point("D4")
    work.note_staged(fill, len(rows))


def _is_about_a_row(error: Exception) -> bool:
    """Tell whether an error is about the values of one row: by the database, or by psycopg before it is sent."""
    if isinstance(error, UnicodeError):
        return True
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    if state is None:
        return isinstance(error, psycopg.DataError)
    return state.startswith("22") or state in {"23502", "23514"}


def _state(error: Exception) -> str:
    return f"SQLSTATE {error.sqlstate}" if isinstance(error, psycopg.Error) and error.sqlstate else type(error).__name__

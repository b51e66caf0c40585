"""Taken rows through their mapping into the stage: read in chunks, normalised in Python, written by COPY.

Whatever a row is refused for is its outcome, written beside the candidates. Only what is wrong with one row may be
refused: an error that is not about its values passes through and ends the turn.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import psycopg

from cdc.crash import crash_point
from cdc.derive.lookup import FIXED_COLUMNS, select_rows
from cdc.derive.names import columns
from cdc.derive.plan import Step
from cdc.derive.room import ROOM
from cdc.derive.session import INDEXED_BYTES, STAGE_META, Work
from cdc.derive.take import STALE
from transforms.errors import Refused
from transforms.mapping import Mapping

CHUNK = 2000
"""Rows in memory at a time. Normalising them must end long before an idle transaction is ended, on a busy machine."""

FEW = 100
"""So many rows do not have to wait for room."""

Row = tuple[Any, ...]
_OUTCOME = ("_candidate", "_code", "_field", "_detail", "_waits_for", "_waits_key")
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
    work.grow(work.staged.get(step, 0), step.stage)


def _stage_chunk(work: Work, step: Step, fetch: Callable[[], list[Row]]) -> bool:
    """Evaluate the next rows, when there is room for them; tell whether there were any."""
    with ROOM.place(lambda: work.run(b"SELECT")) if work.taken[step] > FEW else nullcontext():
        rows = fetch()
        outcomes = [outcome for row in rows if (outcome := evaluate(step.mapping, row)) is not None]
        if outcomes:
            work.staged[step] = work.staged.get(step, 0) + len(outcomes)
            _copy(work, step, outcomes)
        return bool(rows)


def evaluate(mapping: Mapping, row: Row) -> Row | None:
    """Return the stage row that comes out for one source row, None when it is filtered."""
    head, stale, inputs = row[: FIXED_COLUMNS - 1], row[FIXED_COLUMNS - 1], row[FIXED_COLUMNS:]
    if stale is not None:
        return _refused(mapping, head, Refused(STALE, "", "", stale[0], tuple(stale[1:])))
    try:
        candidate = mapping.normalise(inputs)
    except Refused as refusal:
        return _refused(mapping, head, refusal)
    except _RULE_ERRORS as error:
        return _refused(mapping, head, Refused("DRV-202", "", type(error).__name__))
    if candidate is None:
        return None
    return (*head, True, None, None, None, None, None, *candidate)


def _refused(mapping: Mapping, head: Row, refusal: Refused) -> Row:
    waits_key = None if refusal.waits_key is None else [_as_text(value) for value in refusal.waits_key]
    if refusal.code != STALE and sum(len(value.encode()) for value in waits_key or () if value) > INDEXED_BYTES:
        waits_key = None  # it is there to be read; what is longer than that nobody will
    nothing = (None,) * len(mapping.target.columns)
    return (*head, False, refusal.code, refusal.field, refusal.detail, refusal.waits_for, waits_key, *nothing)


def _as_text(value: object) -> str | None:
    return None if value is None else str(value)


def _copy(work: Work, step: Step, rows: list[Row]) -> None:
    if not work.careful:
        try:
            _copy_rows(work, step, rows)
        except (psycopg.Error, UnicodeError) as error:
            if _is_about_a_row(error):
                raise RowRefusedError(step.mapping.name) from error
            raise
        return
    refused = _try_rows(work, step, rows)
    if refused is not None and len(rows) == 1:
        refusal = Refused("DRV-201", "", _state(refused))
        _copy_rows(work, step, [_refused(step.mapping, rows[0][: FIXED_COLUMNS - 1], refusal)])
    elif refused is not None:
        middle = len(rows) // 2
        _copy(work, step, rows[:middle])
        _copy(work, step, rows[middle:])


def _try_rows(work: Work, step: Step, rows: list[Row]) -> Exception | None:
    """Copy rows; if the database refuses one of them, undo and return its error."""
    work.run(b"SAVEPOINT copied")
    try:
        _copy_rows(work, step, rows)
    except (psycopg.Error, UnicodeError) as error:
        if not _is_about_a_row(error):
            raise
        work.run(b"ROLLBACK TO copied")
        return error
    work.run(b"RELEASE copied")
    return None


def _copy_rows(work: Work, step: Step, rows: list[Row]) -> None:
    names = columns((*STAGE_META, *_OUTCOME, *step.columns))
    work.round_trips += 2
    work.beat()
    with work.connection.cursor() as cursor, cursor.copy(f"COPY {step.stage} ({names}) FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)
        crash_point("D4")


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

"""Taken rows through their mapping into the stage: read, normalised in Python, written.

Of a few source rows all that comes out is inserted in one round trip, all steps together; more go by chunks and COPY.
Values travel as the same texts both ways, so that a column takes or refuses them alike. When the database refuses one,
the turn is done again with care: the row is looked for, and what it is refused for is its outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache, partial

import psycopg
from psycopg.adapt import PyFormat, Transformer

from cdc.crash import crash_point
from cdc.derive.lookup import FIXED_COLUMNS, select_rows
from cdc.derive.names import columns
from cdc.derive.outcome import OUTCOME_META, Row, Staged, evaluate, refused
from cdc.derive.plan import Output, Step
from cdc.derive.room import ROOM
from cdc.derive.session import STAGE_META, Work
from cdc.derive.waived import Waivers, read_waivers
from transforms.errors import Refused

CHUNK = 2000
"""Rows in memory at a time. Normalising them must end long before an idle transaction is ended, on a busy machine."""

FEW = 100
"""So many rows do not have to wait for room, and are inserted one by one."""

_TEXT = PyFormat.TEXT


class RowRefusedError(Exception):
    """The database refuses a row; the turn is done again, carefully."""


def stage_rows(work: Work) -> None:
    """Evaluate every taken row."""
    steps = [step for step in work.plan.steps if step in work.taken]
    if not work.careful and sum(work.taken[step] for step in steps) <= FEW:
        _stage_few(work, steps)
    else:
        for step in steps:
            _stage_step(work, step)
    for output in (output for step in steps for output in step.outputs):
        work.grow(work.staged.get(output, 0), output.stage)


def _stage_few(work: Work, steps: list[Step]) -> None:
    cursors = work.run_all(select_rows(step, work.window.stale) for step in steps)
    staged: list[tuple[Output, list[Row]]] = []
    for step, cursor in zip(steps, cursors, strict=True):
        waivers = read_waivers(work, step)
        staged += _by_output(step, [evaluate(step, row, waivers) for row in cursor])
    count = sum(len(rows) for _, rows in staged)
    with _refusing_rows():
        if count > FEW:  # a row may explode
            for output, rows in staged:
                _copy_into(work, output, rows)
        elif count:
            _insert(work, staged)


def _insert(work: Work, staged: list[tuple[Output, list[Row]]]) -> None:
    texts = Transformer(work.connection)
    with work.connection.pipeline():
        for output, row in ((output, row) for output, rows in staged for row in rows):
            values = texts.dump_sequence(row, (_TEXT,) * len(row))
            work.run(_inserting(output), [None if value is None else bytes(value).decode() for value in values])
        crash_point("D4")
    for output, rows in staged:
        work.note_staged(output, len(rows))


@cache
def _inserting(output: Output) -> bytes:
    names = (*STAGE_META, *OUTCOME_META, *output.columns)
    return f"INSERT INTO {output.stage} ({columns(names)}) VALUES ({', '.join(['%s'] * len(names))})".encode()


def _stage_step(work: Work, step: Step) -> None:
    """Evaluate what the step has taken, by chunks."""
    statement, waivers = select_rows(step, work.window.stale), read_waivers(work, step)
    if work.large:
        with work.connection.cursor(name="rows_taken") as cursor:
            cursor.execute(statement)
            while _stage_chunk(work, step, waivers, partial(cursor.fetchmany, CHUNK)):
                work.round_trips += 1
    else:
        _stage_chunk(work, step, waivers, lambda: work.run(statement).fetchall())


def _stage_chunk(work: Work, step: Step, waivers: Waivers, fetch: Callable[[], list[Row]]) -> bool:
    """Evaluate the next rows, when there is room for them; tell whether there were any."""
    with ROOM.place(lambda: work.run(b"SELECT")) if work.taken[step] > FEW else nullcontext():
        rows = fetch()
        outcomes = [evaluate(step, row, waivers) for row in rows]
        if any(map(any, outcomes)):
            copy_outcomes(work, step, outcomes)
        return bool(rows)


def copy_outcomes(work: Work, step: Step, outcomes: list[Staged]) -> None:
    """Write what came out for some source rows; with care, find the one that the database refuses."""
    if not work.careful:
        with _refusing_rows():
            _copy_rows(work, step, outcomes)
        return
    error = _try_rows(work, step, outcomes)
    if error is not None and len(outcomes) == 1:
        refusal = Refused("DRV-201", "", _state(error))
        head = next(row for rows in outcomes[0] for row in rows)[: FIXED_COLUMNS - 1]
        _copy_rows(work, step, [refused(step, head, refusal)])
    elif error is not None:
        middle = len(outcomes) // 2
        copy_outcomes(work, step, outcomes[:middle])
        copy_outcomes(work, step, outcomes[middle:])


@contextmanager
def _refusing_rows() -> Iterator[None]:
    """Raise RowRefusedError for an error that is about a row."""
    try:
        yield
    except (psycopg.Error, UnicodeError) as error:
        if _is_about_a_row(error):
            raise RowRefusedError from error
        raise


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
    for output, rows in _by_output(step, outcomes):
        _copy_into(work, output, rows)


def _by_output(step: Step, outcomes: list[Staged]) -> Iterator[tuple[Output, list[Row]]]:
    """Yield the rows of each output that has any; what is refused has rows of the first output alone."""
    for place, output in enumerate(step.outputs):
        rows = [row for outcome in outcomes if place < len(outcome) for row in outcome[place]]
        if rows:
            yield output, rows


def _copy_into(work: Work, fill: Output, rows: list[Row]) -> None:
    names = columns((*STAGE_META, *OUTCOME_META, *fill.columns))
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

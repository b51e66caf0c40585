"""A whole domain derived out of the mirrors: source rows by ranges of their keys, then one closure, all set-wise.

Each range is a transaction of its own with a snapshot of its own, so that none is open for long, and what is done stays
done. Ranges are read at different cuts; that does not matter, for the shadow's watermarks are those of before the first
one: what has landed since then is taken by the first turn that follows, and with it every row whose outcome can have
changed since it was read (`cdc.derive.take`).

What comes out of a range goes into stages as those of a turn, which are no temporary tables here. They are unlogged:
after a crash of the target they are empty, and so is the note of how far the building is, and it begins anew. The
closure folds, decides and writes as a turn of everything does (`cdc.derive`), in one transaction. Until then the tables
have no index, no key and no row.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import psycopg

from cdc.config import Protection
from cdc.crash import crash_point
from cdc.derive.decide import decide
from cdc.derive.fold import fold_everything
from cdc.derive.lookup import select_range
from cdc.derive.mirror import Mirror, collated
from cdc.derive.names import literal, literals, quoted
from cdc.derive.outcome import evaluate
from cdc.derive.plan import Plan, Step
from cdc.derive.session import LARGE_SETTINGS, Window, Work, stage_definition
from cdc.derive.stage import CHUNK, RowRefusedError, copy_outcomes
from cdc.derive.turn import begin_cut
from cdc.derive.waived import NONE, read_waivers
from cdc.derive.write import write_everything

Connection = psycopg.Connection[Any]

ROWS = 20_000
"""Source rows of one range: some seconds of work at the most, which is what a kill costs."""
STAGES = "cdc_shadow"
"""The schema of the stages."""


def create_stages(connection: Connection, plan: Plan) -> None:
    """Make the stages, and the note of how far the building is, in the transaction that is open."""
    drop_stages(connection)
    connection.execute(
        "CREATE UNLOGGED TABLE cdc_shadow.progress (mapping text, deleted boolean, last text[], rows bigint NOT NULL,"
        " is_done boolean NOT NULL, PRIMARY KEY (mapping, deleted))"
    )
    for output in plan.outputs:
        connection.execute(f"CREATE UNLOGGED TABLE {output.stage} {stage_definition(plan, output)}".encode())


def drop_stages(connection: Connection) -> None:
    """Drop what is there of them."""
    rows = connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = %s AND (tablename = 'progress' OR tablename ~ '^stage_')",
        (STAGES,),
    ).fetchall()
    for (name,) in rows:
        connection.execute(f"DROP TABLE {quoted(STAGES, name)}".encode())


def about_rows(connection: Connection, plan: Plan) -> int:
    """Return about how many source rows there are to read, as the server's statistics have it."""
    names = [name for step in plan.steps for name in _images(step)]
    row = connection.execute(
        f"SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint FROM unnest({literals(names)}) t (name)"
        " JOIN pg_class c ON c.oid = t.name::regclass"
    ).fetchone()
    return int(row[0]) if row else 0


def stage_source_rows(connection: Connection, plan: Plan, protection: Protection | None = None) -> Iterator[int]:
    """Derive every source row into the stages, from where that was broken off; yields how many are done by now.

    `connection` is in autocommit, with the temporary tables of the domain (`cdc.derive.lease.open_session`).
    """
    done = dict.fromkeys(_halves(plan), 0)
    for step, deleted in done:
        while True:
            count, is_done = _stage_range(_whole(connection, plan, protection), step, deleted)
            done[step, deleted] = count
            crash_point("A2")
            yield sum(done.values())
            if is_done:
                break


def close(connection: Connection, plan: Plan, protection: Protection | None = None) -> None:
    """Fold, decide and write all that is staged, in the transaction that is open; the stages are gone then.

    `protection`: the settings', which open what waivers of folds give.
    """
    work = _whole(connection, plan, protection)
    work.run(LARGE_SETTINGS.encode())
    for step in plan.steps:
        work.taken[step] = 1
        if step.keeps_deleted:
            _forget_deleted_meanwhile(work, step)
        for output in step.outputs:
            work.run(f"ANALYZE {output.stage}".encode())
            row = work.run(f"SELECT count(*) FROM {output.stage}".encode()).fetchone()
            work.note_staged(output, int(row[0]) if row else 0)
    fold_everything(work)
    decide(work)
    write_everything(work)
    work.run(
        f"UPDATE {plan.books}.domain SET dictionary = {literal(plan.digest)}, derivation = derivation + 1,"
        f" derived_at = clock_timestamp() WHERE name = {literal(plan.name)}".encode()
    )
    drop_stages(connection)


def _whole(connection: Connection, plan: Plan, protection: Protection | None) -> Work:
    window = Window(everything=True, spans=(), waived=True)
    return Work(connection, plan, window, large=True, protection=protection)


def _forget_deleted_meanwhile(work: Work, step: Step) -> None:
    """Of a row that was read live, and again when it had been deleted, keep what the second reading gave."""
    deleted = " UNION ALL ".join(f"SELECT _source_key FROM {one.stage} WHERE _deleted" for one in step.outputs)
    for output in step.outputs:
        work.run(f"DELETE FROM {output.stage} WHERE NOT _deleted AND _source_key IN ({deleted})".encode())


def _halves(plan: Plan) -> Iterator[tuple[Step, bool]]:
    """Yield each mapping with its live rows, and with its deleted ones where something stays of them."""
    for step in plan.steps:
        yield step, False
        if step.keeps_deleted:
            yield step, True


def _images(step: Step) -> list[str]:
    return [step.source.name, *([step.source.deleted] if step.keeps_deleted else [])]


def _stage_range(work: Work, step: Step, deleted: bool) -> tuple[int, bool]:  # noqa: FBT001
    """Stage the next range; return how many rows of this half have been staged, and whether that is all of them."""
    try:
        return _try_range(work, step, deleted)
    except RowRefusedError:
        work.connection.execute("ROLLBACK")
        work.careful = True
        return _try_range(work, step, deleted)


def _try_range(work: Work, step: Step, deleted: bool) -> tuple[int, bool]:  # noqa: FBT001
    connection = work.connection
    connection.execute("; ".join(begin_cut(work.plan.mirrors)).encode())
    connection.execute(LARGE_SETTINGS.encode())
    row = connection.execute(
        "SELECT last, rows, is_done FROM cdc_shadow.progress WHERE mapping = %s AND deleted = %s",
        (step.mapping.name, deleted),
    ).fetchone()
    last, before, is_done = row or (None, 0, False)
    if is_done:
        connection.execute("COMMIT")
        return before, True
    table = step.source.deleted if deleted else step.source.name
    end = _end(connection, step.source, table, last)
    count = before + _stage_rows(work, step, deleted, _between(step.source, last, end))
    connection.execute(
        "INSERT INTO cdc_shadow.progress (mapping, deleted, last, rows, is_done) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (mapping, deleted) DO UPDATE SET last = excluded.last, rows = excluded.rows,"
        " is_done = excluded.is_done",
        (step.mapping.name, deleted, end, count, end is None),
    )
    connection.execute("COMMIT")
    return count, end is None


def _stage_rows(work: Work, step: Step, deleted: bool, within: str) -> int:  # noqa: FBT001
    statement = select_range(step, deleted, _has_stale(work), within)
    waivers = NONE if deleted else read_waivers(work, step)
    count = 0
    with work.connection.cursor(name="source_rows") as cursor:
        cursor.execute(statement)
        for rows in iter(partial(cursor.fetchmany, CHUNK), []):
            outcomes = [evaluate(step, row, waivers) for row in rows]
            if any(map(any, outcomes)):
                copy_outcomes(work, step, outcomes)
            count += len(rows)
    return count


def _has_stale(work: Work) -> bool:
    mirrors = literals(str(mirror.ref) for mirror in work.plan.mirrors)
    row = work.run(f"SELECT EXISTS (SELECT FROM cdc.stale WHERE mirror = ANY ({mirrors}))".encode()).fetchone()
    return row == (True,)


def _end(connection: Connection, mirror: Mirror, table: str, last: list[str] | None) -> list[str] | None:
    """Return the key of the last row of the range that begins after `last`; None if no row is left behind it."""
    order = ", ".join(f"x.{quoted(name)}{collated(mirror.types[name])}" for name in mirror.key)
    after = f"WHERE {_behind(mirror, last, '>')}" if last else ""
    row = connection.execute(
        f"SELECT {mirror.key_text('x')} FROM {table} x {after} ORDER BY {order} OFFSET {ROWS - 1} LIMIT 1".encode()
    ).fetchone()
    return None if row is None else list(row[0])


def _between(mirror: Mirror, last: list[str] | None, end: list[str] | None) -> str:
    sides = [_behind(mirror, last, ">") if last else "", _behind(mirror, end, "<=") if end else ""]
    return " AND ".join(side for side in sides if side) or "true"


def _behind(mirror: Mirror, key: list[str], operator: str) -> str:
    """Return the condition that a row `x` comes behind a key, or not."""
    rows = ", ".join(f"x.{quoted(name)}{collated(mirror.types[name])}" for name in mirror.key)
    values = ", ".join(f"{literal(text)}::{mirror.types[name]}" for name, text in zip(mirror.key, key, strict=True))
    return f"({rows}) {operator} ({values})"

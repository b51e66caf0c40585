"""What is decided, written: canonical rows, candidates that are held, `cdc.held`. Only what differs is touched.

A row whose deletion is forbidden stays, and its source row is held for that; but for none whose key another row has.

Canonical rows are removed before any is written, so that a key may pass from one source row to another in one turn.
Foreign keys are deferred until all tables are written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from cdc.derive.before import keeps_key
from cdc.derive.names import columns, equal, literal, quoted
from cdc.derive.plan import META, Fill, Origin, Output, Plan
from cdc.derive.session import ALIVE, Work, stored_columns
from transforms.refusal import DELETED

_KEPT = f"_candidate AND NOT ({ALIVE})"
"""Candidates that wait beside the canonical table."""

_IS_AT = "c.ctid = b._row AND c._source_key = b._source_key"
"""Finds a canonical row again, and none of a table that somebody let inherit from it."""


def write_rows(work: Work) -> int:
    """Write the outcome of every taken row; return how many are held that were not, or for something else."""
    origins = [origin for origin in work.plan.origins if origin in work.taken]
    holding = [_hold(work.plan, one) for one in origins if any(output in work.staged for output in one.outputs)]
    cursors = work.run_all([*_writing(work, origins), *holding])
    return sum(cursor.rowcount for cursor in cursors[len(cursors) - len(holding) :])


def _writing(work: Work, origins: list[Origin]) -> Iterator[bytes]:
    fills = [fill for origin in origins for fill in origin.fills]
    for fill in fills:
        yield _withdraw(fill)
    for fill in fills:
        if fill in work.staged:
            yield _derive(work.plan, fill)
    for fill in fills:
        yield _release(fill)
        if fill in work.staged:
            yield _keep(work.plan, fill)
    for origin in origins:
        yield _settle(origin)


def write_everything(work: Work) -> None:
    """Write all that is staged into tables that are empty; canonical ones may be without their keys."""
    for fill in (fill for fill in work.plan.fills if fill in work.staged):
        work.run(_first(work.plan, fill))
        work.run(_keep(work.plan, fill))
    for origin in work.plan.origins:
        if any(output in work.staged for output in origin.outputs):
            work.run(_hold(work.plan, origin))


def _first(plan: Plan, fill: Fill) -> bytes:
    written = [*fill.columns, *META]
    values = _values(plan, fill, written, deleted="false" if fill.keeps_unmarked else "s._deleted")
    return (
        f"INSERT INTO {fill.canonical} ({columns(written)}) SELECT {', '.join(values)}"
        f" FROM {fill.stage} s WHERE {ALIVE} ORDER BY {columns(fill.key, 's')}"
    ).encode()


@cache
def _withdraw(fill: Fill) -> bytes:
    return (
        f"DELETE FROM {fill.canonical} c USING {fill.before} b WHERE {_IS_AT} AND NOT EXISTS (SELECT"
        f" FROM {fill.stage} s WHERE {ALIVE} AND {keeps_key(fill, 's')})"
    ).encode()


@cache
def _derive(plan: Plan, fill: Fill) -> bytes:
    """Write the rows that differ where they are, and insert the new ones; a row that is the same is not even locked."""
    written = [*fill.columns, *META]
    values = _values(plan, fill, written, deleted="false" if fill.keeps_unmarked else "s._deleted")
    updates = ", ".join(
        f"{quoted(name)} = {value}" for name, value in zip(written, values, strict=True) if name not in fill.key
    )
    return (
        f"WITH updated AS (UPDATE {fill.canonical} c SET {updates} FROM {fill.before} b JOIN {fill.stage} s"
        f" ON {keeps_key(fill, 's')} WHERE {ALIVE} AND NOT b._same AND {_IS_AT})"
        f" INSERT INTO {fill.canonical} ({columns(written)}) SELECT {', '.join(values)} FROM {fill.stage} s"
        f" WHERE {ALIVE} AND NOT EXISTS (SELECT FROM {fill.before} b WHERE {keeps_key(fill, 's')})"
        f" ORDER BY {columns(fill.key, 's')}"
    ).encode()


@cache
def _release(fill: Fill) -> bytes:
    same = "s._source_key = h._source_key" + ("" if fill.alone else f" AND {equal(fill.key, 's', 'h')}")
    return (
        f"DELETE FROM {fill.held} h USING {fill.take} t WHERE {fill.is_of('h', 't.key')}"
        f" AND NOT EXISTS (SELECT FROM {fill.stage} s WHERE {_KEPT} AND {same})"
    ).encode()


@cache
def _keep(plan: Plan, fill: Fill) -> bytes:
    """Write the candidates that are held and differ from what is held of them.

    The key finds what is held, and no join does: of a table that was empty a moment ago the planner thinks that it
    still is, and would read all that was just written, for each row.
    """
    written = [*fill.columns, *META]
    updates = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in written if name not in fill.held_key)
    kept, staged = (f"({stored_columns(fill, row)}, {row}._dictionary)" for row in ("h", "excluded"))
    return (
        f"INSERT INTO {fill.held} AS h ({columns(written)}) SELECT {', '.join(_values(plan, fill, written))}"
        f" FROM {fill.stage} s WHERE {_KEPT} ORDER BY {columns(('_source_key', *fill.key), 's')}"
        f" ON CONFLICT ({columns(fill.held_key)}) DO UPDATE SET {updates} WHERE {kept} IS DISTINCT FROM {staged}"
    ).encode()


@cache
def _settle(origin: Origin) -> bytes:
    codes = " ".join(
        f"AND NOT EXISTS (SELECT FROM {output.stage} s WHERE ({_is_held(output)}) AND s._source_key = h.source_key)"
        for output in origin.outputs
    )
    return (
        f"DELETE FROM {origin.codes} h USING {origin.take} t"
        f" WHERE h.mapping = {origin.name} AND h.source_key = t.key {codes}"
    ).encode()


@cache
def _hold(plan: Plan, origin: Origin) -> bytes:
    """`since` says for how long the row has been held for the same reason."""
    said = "code, field, detail, waits_for, waits_key, dictionary"
    names = f"mapping, source_key, {said}"
    updates = ", ".join(f"{name} = excluded.{name}" for name in said.split(", "))
    before, now = (columns(said.split(", "), row) for row in ("h", "excluded"))
    return (
        f"INSERT INTO {origin.codes} AS h ({names}) SELECT n.* FROM ({codes_of(plan, origin)}) n ({names})"
        f" ON CONFLICT (mapping, source_key) DO UPDATE SET {updates},"
        " since = CASE WHEN h.code = excluded.code THEN h.since ELSE excluded.since END"
        f" WHERE ({before}) IS DISTINCT FROM ({now})"
    ).encode()


def codes_of(plan: Plan, origin: Origin) -> str:
    """Return the query for what each source row is held for: by its first target, and there by the smallest key."""
    said = f"nullif(_field, ''), coalesce(_detail, ''), _waits_for, _waits_key, {literal(plan.digest)}"
    if origin.alone:
        output = origin.outputs[0]
        head = f"{origin.name}, _source_key, {_code(output)}, {said}"
        return f"SELECT {head} FROM {output.stage} WHERE {_is_held(output)}"
    found = " UNION ALL ".join(
        f"(SELECT DISTINCT ON (_source_key) {place} AS _place, _source_key, {_code(output)} AS _code,"
        f" _field, _detail, _waits_for, _waits_key"
        f" FROM {output.stage} WHERE {_is_held(output)} ORDER BY _source_key, {columns(output.key)})"
        for place, output in enumerate(origin.outputs)
    )
    first = f"_source_key, _code = {literal(DELETED)}, _place"
    return (
        f"SELECT DISTINCT ON (_source_key) {origin.name}, _source_key, _code, {said} FROM ({found}) s ORDER BY {first}"
    )


def _is_held(output: Output) -> str:
    """Return the condition that the source row of a staged one is held."""
    return f"_code IS NOT NULL OR _deleted AND {ALIVE}" if output.forbids else "_code IS NOT NULL"


def _code(output: Output) -> str:
    return f"coalesce(_code, {literal(DELETED)})" if output.forbids else "_code"


def _values(plan: Plan, fill: Fill, names: Sequence[str], deleted: str = "s._deleted") -> list[str]:
    """Return what to write of a staged row `s`."""
    values = {
        "_deleted": deleted,
        "_mapping": fill.name,
        "_dictionary": literal(plan.digest),
        "_derivation": f"(SELECT derivation + 1 FROM {plan.books}.domain WHERE name = {literal(plan.name)})",
        "_derived_at": "clock_timestamp()",
    }
    return [values.get(name) or f"s.{quoted(name)}" for name in names]

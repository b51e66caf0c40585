"""What is decided, written: canonical rows, candidates that are held, `cdc.held`. Only what differs is touched.

Canonical rows are removed before any is written, so that a key may pass from one source row to another in one turn.
Foreign keys are deferred until all tables are written.
"""

from __future__ import annotations

from functools import cache

from cdc.derive.names import columns, literal, quoted
from cdc.derive.plan import META, Plan, Step
from cdc.derive.session import ALIVE, Work, stored_columns

_KEPT = "_candidate AND NOT (_code IS NULL AND NOT _shadowed)"
"""Candidates that wait beside the canonical table."""


def write_rows(work: Work) -> None:
    """Write the outcome of every taken row."""
    steps = [step for step in work.plan.steps if step in work.taken]
    for step in steps:
        work.run(_withdraw(step))
    for step in steps:
        if step in work.staged:
            work.run(_derive(work.plan, step))
    for step in steps:
        work.run(_release(step))
        work.run(_settle(step))
        if step in work.staged:
            work.run(_keep(work.plan, step))
            work.run(_hold(work.plan, step))


@cache
def _withdraw(step: Step) -> bytes:
    key = " AND ".join(f"s.{quoted(name)} = c.{quoted(name)}" for name in step.key)
    return (
        f"DELETE FROM {step.canonical} c USING {step.take} t WHERE {_is_of(step, 'c')} AND NOT EXISTS (SELECT"
        f" FROM {step.stage} s WHERE {ALIVE} AND s._source_key = c._source_key AND {key})"
    ).encode()


@cache
def _derive(plan: Plan, step: Step) -> bytes:
    return _upsert(plan, step, step.canonical, ALIVE, step.key)


@cache
def _release(step: Step) -> bytes:
    return (
        f"DELETE FROM {step.held} h USING {step.take} t WHERE {_is_of(step, 'h')}"
        f" AND NOT EXISTS (SELECT FROM {step.stage} s WHERE {_KEPT} AND s._source_key = h._source_key)"
    ).encode()


@cache
def _keep(plan: Plan, step: Step) -> bytes:
    return _upsert(plan, step, step.held, _KEPT, ("_mapping", "_source_key"))


@cache
def _settle(step: Step) -> bytes:
    return (
        f"DELETE FROM cdc.held h USING {step.take} t WHERE h.mapping = {step.name} AND h.source_key = t.key"
        f" AND NOT EXISTS (SELECT FROM {step.stage} s WHERE s._code IS NOT NULL AND s._source_key = h.source_key)"
    ).encode()


@cache
def _hold(plan: Plan, step: Step) -> bytes:
    """`since` says for how long the row has been held for the same reason."""
    said = "code, field, detail, waits_for, waits_key, dictionary"
    names = f"mapping, source_key, {said}"
    staged = "_code, nullif(_field, ''), coalesce(_detail, ''), _waits_for, _waits_key"
    updates = ", ".join(f"{name} = excluded.{name}" for name in said.split(", "))
    return (
        f"INSERT INTO cdc.held ({names}) SELECT n.* FROM (SELECT {step.name}, _source_key, {staged},"
        f" {literal(plan.digest)} FROM {step.stage} WHERE _code IS NOT NULL) n ({names})"
        " WHERE NOT EXISTS (SELECT FROM cdc.held h WHERE h.mapping = n.mapping AND h.source_key = n.source_key"
        f" AND ({columns(said.split(', '), 'h')}) IS NOT DISTINCT FROM ({columns(said.split(', '), 'n')}))"
        f" ON CONFLICT (mapping, source_key) DO UPDATE SET {updates},"
        " since = CASE WHEN held.code = excluded.code THEN held.since ELSE excluded.since END"
    ).encode()


def _upsert(plan: Plan, step: Step, table: str, condition: str, key: tuple[str, ...]) -> bytes:
    """Write staged rows whose stored row differs; a row that does not is not even locked."""
    derivation = f"(SELECT derivation + 1 FROM cdc.domain WHERE name = {literal(plan.name)})"
    written = [*step.columns, *META]
    values = {
        "_mapping": step.name,
        "_dictionary": literal(plan.digest),
        "_derivation": derivation,
        "_derived_at": "clock_timestamp()",
    }
    selected = ", ".join(values.get(name) or f"s.{quoted(name)}" for name in written)
    updates = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in written if name not in key)
    digest = literal(plan.digest)
    stored, staged = stored_columns(step, "o"), stored_columns(step, "s")
    same = f"({stored}, o._dictionary) IS NOT DISTINCT FROM ({staged}, {digest})"
    return (
        f"INSERT INTO {table} ({columns(written)}) SELECT {selected} FROM {step.stage} s WHERE {condition}"
        f" AND NOT EXISTS (SELECT FROM {table} o WHERE o._mapping = {step.name} AND o._source_key = s._source_key"
        f" AND {same}) ORDER BY {columns(key if table == step.canonical else ('_source_key',))}"
        f" ON CONFLICT ({columns(key)}) DO UPDATE SET {updates}"
    ).encode()


def _is_of(step: Step, row: str) -> str:
    return f"{row}._mapping = {step.name} AND {row}._source_key = t.key"

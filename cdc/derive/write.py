"""What is decided, written: canonical rows, candidates that are held, `cdc.held`. Only what differs is touched.

Canonical rows are removed before any is written, so that a key may pass from one source row to another in one turn.
Foreign keys are deferred until all tables are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from cdc.derive.before import keeps_key
from cdc.derive.names import columns, literal, quoted
from cdc.derive.plan import META, Plan, Step
from cdc.derive.session import ALIVE, Work, stored_columns

_KEPT = "_candidate AND NOT (_code IS NULL AND NOT _shadowed)"
"""Candidates that wait beside the canonical table."""

_IS_AT = "c.ctid = b._row AND c._source_key = b._source_key"
"""Finds a canonical row again, and none of a table that somebody let inherit from it."""


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
    return (
        f"DELETE FROM {step.canonical} c USING {step.before} b WHERE {_IS_AT} AND NOT EXISTS (SELECT"
        f" FROM {step.stage} s WHERE {ALIVE} AND {keeps_key(step, 's')})"
    ).encode()


@cache
def _derive(plan: Plan, step: Step) -> bytes:
    """Write the rows that differ where they are, and insert the new ones; a row that is the same is not even locked."""
    written = [*step.columns, *META]
    values = _values(plan, step, written)
    updates = ", ".join(
        f"{quoted(name)} = {value}" for name, value in zip(written, values, strict=True) if name not in step.key
    )
    return (
        f"WITH updated AS (UPDATE {step.canonical} c SET {updates} FROM {step.before} b JOIN {step.stage} s"
        f" ON {keeps_key(step, 's')} WHERE {ALIVE} AND NOT b._same AND {_IS_AT})"
        f" INSERT INTO {step.canonical} ({columns(written)}) SELECT {', '.join(values)} FROM {step.stage} s"
        f" WHERE {ALIVE} AND NOT EXISTS (SELECT FROM {step.before} b WHERE {keeps_key(step, 's')})"
        f" ORDER BY {columns(step.key, 's')}"
    ).encode()


@cache
def _release(step: Step) -> bytes:
    return (
        f"DELETE FROM {step.held} h USING {step.take} t WHERE {step.is_of('h', 't.key')}"
        f" AND NOT EXISTS (SELECT FROM {step.stage} s WHERE {_KEPT} AND s._source_key = h._source_key)"
    ).encode()


@cache
def _keep(plan: Plan, step: Step) -> bytes:
    """Write the candidates that are held and differ from what is held of them."""
    written, key = [*step.columns, *META], ("_mapping", "_source_key")
    updates = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in written if name not in key)
    kept = f"({stored_columns(step, 'h')}, h._dictionary)"
    staged = f"({stored_columns(step, 's')}, {literal(plan.digest)})"
    return (
        f"INSERT INTO {step.held} ({columns(written)}) SELECT {', '.join(_values(plan, step, written))}"
        f" FROM {step.stage} s WHERE {_KEPT} AND NOT EXISTS (SELECT FROM {step.held} h"
        f" WHERE {step.is_of('h', 's._source_key')} AND {kept} IS NOT DISTINCT FROM {staged})"
        f" ORDER BY s._source_key ON CONFLICT ({columns(key)}) DO UPDATE SET {updates}"
    ).encode()


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


def _values(plan: Plan, step: Step, names: Sequence[str]) -> list[str]:
    """Return what to write of a staged row `s`."""
    values = {
        "_mapping": step.name,
        "_dictionary": literal(plan.digest),
        "_derivation": f"(SELECT derivation + 1 FROM cdc.domain WHERE name = {literal(plan.name)})",
        "_derived_at": "clock_timestamp()",
    }
    return [values.get(name) or f"s.{quoted(name)}" for name in names]

"""The ledger of a mapping: each row of its mirror is derived, held, filtered, or waits for the next derivation.

Asked at one cut. A row that changed after the watermarks counts as waiting, whatever it was before. Filtered is what is
neither of the others; a mapping that leaves nothing out has none. Whether one that may really leaves such a row out is
what `cdc audit rows` finds out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from cdc.derive.names import literal
from cdc.derive.plan import Output, Plan, Step

Connection = psycopg.Connection[Any]
Show = Callable[[str, Sequence[str]], Sequence[str]]
"""Told a mapping and a source key, returns the key as it may be shown."""


@dataclass(frozen=True, slots=True)
class Balance:
    """The rows of one mapping's mirror: `rows` is the sum of all that follow it.

    `fault` names the first row that is derived or held and is not there, or is there and of which nothing came, if any,
    by its key as it may be shown.
    """

    mapping: str
    rows: int
    derived: int
    held: int
    filtered: int
    waiting: int
    fault: str | None = None


def read_balances(connection: Connection, plan: Plan, show: Show) -> Iterator[Balance]:
    """Yield the balance of each mapping of a domain; one that has not been derived yet has none."""
    watermarks = dict(
        connection.execute("SELECT stream, batch FROM cdc.watermark WHERE domain = %s", (plan.name,)).fetchall()
    )
    if watermarks:
        for step in plan.steps:
            yield _balance(connection, step, watermarks[f"cdc.{step.source.ref.schema}"], show)


def _balance(connection: Connection, step: Step, watermark: int, show: Show) -> Balance:
    counts = connection.execute(_counts(step), {"watermark": watermark}).fetchone()
    left = connection.execute(_left(step), {"watermark": watermark}).fetchone()
    rows, held, derived, waiting = counts or (0, 0, 0, 0)
    name = step.mapping.name
    fault = None if left is None else f"{left[0]} {', '.join(show(name, left[1]))} has no row in {step.source.ref}"
    filtered = rows - derived - held - waiting
    if fault is None and filtered and not step.mapping.filters and not step.is_history:
        (key,) = connection.execute(_lost(step), {"watermark": watermark}).fetchone() or ([],)
        fault = f"row {', '.join(show(name, key))} of {step.source.ref} is neither derived nor held"
    return Balance(name, rows, derived, held, filtered, waiting, fault)


def _counts(step: Step) -> bytes:
    return f"""
        SELECT count(*), count(*) FILTER (WHERE held AND NOT waiting),
               count(*) FILTER (WHERE derived AND NOT held AND NOT waiting), count(*) FILTER (WHERE waiting)
        FROM ({_outcomes(step)}) outcome
        """.encode()


def _lost(step: Step) -> bytes:
    """Return the query for a row of the mirror of which nothing came."""
    outcomes = f"SELECT key FROM ({_outcomes(step)}) outcome WHERE NOT (waiting OR held OR derived)"
    return f"{outcomes} ORDER BY key LIMIT 1".encode()


def _outcomes(step: Step) -> str:
    derived = " OR ".join(
        f"EXISTS (SELECT FROM {table} c WHERE {one.is_of('c', 'm.key')})" for one, table in _tables(step)
    )
    held = f"EXISTS (SELECT FROM {step.codes} h WHERE h.mapping = {step.name} AND h.source_key = m.key)"
    return (
        f"SELECT m.key, {_is_waiting(step, 'm.key')} AS waiting, {held} AS held, {derived} AS derived"
        f" FROM (SELECT {step.source.key_text('s')} AS key FROM {step.source.name} s) m"
    )


def _left(step: Step) -> bytes:
    """Return the query for a held row, or one that a canonical row says it is of, that the mirror does not have."""
    images = step.images(step.source)
    stored = [("'held row'", f"{step.codes} o", f"o.mapping = {step.name}", "o.source_key")]
    stored += [
        (literal(f"row of {one.target}"), f"{table} o", f"o._mapping = {step.name} AND NOT o._deleted", "o._source_key")
        for one, table in _tables(step)
    ]
    parts = (
        f"SELECT {what} AS what, {key} AS key FROM {table} WHERE {condition} AND NOT {_is_waiting(step, key)} AND "
        + " AND ".join(f"NOT EXISTS (SELECT FROM {image} s WHERE {step.source.has_key('s', key)})" for image in images)
        for what, table, condition, key in stored
    )
    return f"SELECT * FROM ({' UNION ALL '.join(parts)}) left_over ORDER BY 1, 2 LIMIT 1".encode()


def _is_waiting(step: Step, key: str) -> str:
    """Return the condition that a row changed after the watermark. A version's key ends in its version."""
    ref = step.source.ref
    row = f"{key}[1:{len(step.source.key) - 1}]" if step.is_history else key
    return f"""EXISTS (SELECT FROM cdc.journal_key k
        WHERE k.stream = {literal(f"cdc.{ref.schema}")} AND k.batch > %(watermark)s
          AND k.mirror = {literal(f"{ref.schema}.{ref.table}")} AND (k.key IS NULL OR k.key = {row}))"""


def _tables(step: Step) -> list[tuple[Output, str]]:
    """Return what the mapping says something of, each with the table where it stands."""
    return [*((one, one.canonical) for one in step.fills), *((one, one.stored) for one in step.contributions)]

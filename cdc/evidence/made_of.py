"""Which source rows a canonical row is made of now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg

from cdc.derive.bound import bound_domains
from cdc.derive.names import quoted
from cdc.derive.plan import Fill, Output, Step
from cdc.errors import FatalError
from cdc.evidence.history import Key
from transforms.beside import CONTRIBUTION
from transforms.mapping import Fold
from transforms.model import Dictionary

Connection = psycopg.Connection[Any]


class Canonical(NamedTuple):
    """A canonical row: its table, and the source rows that it is made of, each with its mapping's step and output."""

    table: str
    fold: Fold | None
    parts: list[tuple[Step, Output, Key]]


def find_canonical(connection: Connection, dictionary: Dictionary, table: str, key: Key) -> Canonical:
    """Return what a canonical row is made of; no parts if it is not there.

    Raises EVD-103 for a table that is none, and for a key of another shape.
    """
    for plan in bound_domains(connection, dictionary):
        for fill in (fill for fill in plan.fills if str(fill.target) == table):
            if len(key) != len(fill.key):
                raise FatalError("EVD-103", f"the key of {table} is {', '.join(fill.key)}")
            fold = next((merge.fold for merge in plan.merges if merge.fill is fill), None)
            outputs = {
                step.mapping.name: (step, output)
                for step in plan.steps
                for output in step.outputs
                if str(output.target) == table and not step.is_history
            }
            if not outputs:
                raise FatalError("EVD-103", f"{table} is a history itself: ask for a row of the table that it is of")
            rows = _source_rows(connection, fill, key, of_fold=fold is not None)
            return Canonical(table, fold, [(*outputs[name], row) for name, row in rows if name in outputs])
    raise FatalError("EVD-103", f"{table} is neither a mirror nor a canonical table")


def has_key(output: Output) -> str:
    """Return the condition that a row `c` has the key given as text[] `%(key)s`: as its columns are, by their index."""
    types = {column.name: column.type for column in output.target.columns}
    return " AND ".join(
        f"c.{quoted(name)} = (%(key)s::text[])[{place}]::{types[name]}" for place, name in enumerate(output.key, 1)
    )


def _source_rows(connection: Connection, fill: Fill, key: Key, *, of_fold: bool) -> Iterator[tuple[str, Key]]:
    """Yield mapping and key of the source rows that a canonical row is made of: none of a key that is no value."""
    table = quoted(fill.target.schema + CONTRIBUTION, fill.target.table) if of_fold else fill.canonical
    query = f"SELECT _mapping, _source_key FROM {table} c WHERE {has_key(fill)} ORDER BY 1, 2"
    try:
        with connection.transaction():
            rows = connection.execute(query.encode(), {"key": list(key)}).fetchall()
    except psycopg.DataError:
        return
    for mapping, source_key in rows:
        yield mapping, tuple(source_key)

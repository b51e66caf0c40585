"""`cdc held`: source rows that a mapping refused, or that wait for a row which is not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated

import psycopg
import typer
from psycopg.rows import class_row
from psycopg.sql import SQL

from cdc.cli.context import settings
from cdc.cli.output import say, write_json, write_table
from cdc.store.connection import connect

app = typer.Typer(help="Rows that are held back, and why.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `held` a group while it has one command."""


@dataclass(frozen=True, slots=True)
class Held:
    """One held source row; keys are as PostgreSQL prints them."""

    mapping: str
    source_key: list[str]
    code: str
    field: str | None
    detail: str
    waits_for: str | None
    waits_key: list[str | None] | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Selection:
    """Which held rows are asked for; None is all."""

    mapping: str | None = None
    code: str | None = None


_WHERE = SQL(
    " WHERE (%(mapping)s::text IS NULL OR mapping = %(mapping)s) AND (%(code)s::text IS NULL OR code = %(code)s)"
)


@app.command("list")
def list_held(
    context: typer.Context,
    mapping: Annotated[str | None, typer.Option("--mapping", help="Only rows of this mapping.")] = None,
    code: Annotated[str | None, typer.Option("--code", help="Only rows held with this code.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show at most so many rows, oldest first.")] = 100,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `total` (count) and `held`, a list of mapping, source_key (list), code, field, "
            "detail, waits_for, waits_key (list or null), since.",
        ),
    ] = False,
) -> None:
    """List held rows, oldest first: which source row, the code, the field, and what it waits for.

    A held row heals by itself when its source row, or the row that it waits for, changes. `cdc code CODE` says how.
    """
    selection = Selection(mapping, code.upper() if code else None)
    with connect(settings(context).target, "cdc held list") as connection:
        total = count_held(connection, selection)
        rows = read_held(connection, selection, limit)
    if as_json:
        write_json({"total": total, "held": [asdict(row) for row in rows]})
        return
    columns = ("mapping", "source key", "code", "field", "waits for", "since")
    shown = [(r.mapping, _key(r.source_key), r.code, r.field, _waits(r), r.since) for r in rows]
    write_table("Held rows", columns, shown)
    say(f"{len(rows)} of {total} held rows." if rows else "No row is held.")


def count_held(connection: psycopg.Connection, selection: Selection) -> int:
    """Return how many rows the selection has."""
    row = connection.execute(SQL("SELECT count(*) FROM cdc.held") + _WHERE, asdict(selection)).fetchone()
    return int(row[0]) if row else 0


def read_held(connection: psycopg.Connection, selection: Selection, limit: int) -> list[Held]:
    """Return the first rows of the selection, oldest first."""
    with connection.cursor(row_factory=class_row(Held)) as cursor:
        cursor.execute(
            SQL("SELECT mapping, source_key, code, field, detail, waits_for, waits_key, since FROM cdc.held")
            + _WHERE
            + SQL(" ORDER BY since, mapping, source_key LIMIT %(limit)s"),
            {**asdict(selection), "limit": limit},
        )
        return cursor.fetchall()


def _waits(row: Held) -> str | None:
    if row.waits_for is None:
        return None
    return f"{row.waits_for} ({_key(row.waits_key)})" if row.waits_key else row.waits_for


def _key(key: Sequence[str | None] | None) -> str:
    # A NULL among the values of a look-up arrives as None.
    return ", ".join("NULL" if value is None else value for value in key or [])

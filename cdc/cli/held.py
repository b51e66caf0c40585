"""`cdc held`: source rows that a mapping refused, or that wait for a row which is not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Annotated, Any

import psycopg
import typer

from cdc.cli.complete import complete_mapping
from cdc.cli.context import settings
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json, write_line, write_table
from cdc.cli.retry import OfMapping, WithCode, retry
from cdc.cli.reveal import Reveal, RevealReason, masks
from cdc.cli.waiver import approve, waive, waivers, withdraw
from cdc.config import Settings
from cdc.derive.active import dictionary_in_force
from cdc.derive.bound import bound_domains
from cdc.derive.held import (
    Held,
    Selection,
    claimants,
    claimed_keys,
    count_held,
    read_groups,
    read_held,
    source_row,
    waiting_for,
)
from cdc.derive.mirror import Mirror
from cdc.derive.plan import Plan
from cdc.errors import FatalError
from cdc.protect.mask import Masks
from cdc.store.connection import as_service_errors, connect

Connection = psycopg.Connection[Any]

app = typer.Typer(help="Rows that are held back, and why.", no_args_is_help=True)
app.command()(retry)
for command in (waive, waivers, approve, withdraw):
    app.command()(command)

Limit = Annotated[int, typer.Option("--limit", min=1, help="Show at most so many rows, oldest first.")]


@app.command("list")
def list_held(  # noqa: PLR0913, PLR0917 - options of a command
    context: typer.Context,
    mapping: OfMapping = None,
    code: WithCode = None,
    group: Annotated[
        bool, typer.Option("--group", help="Show what rows have in common, the most frequent first.")
    ] = False,
    limit: Limit = 100,
    reveal: Reveal = False,
    reason: RevealReason = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `total` (count) and `held`, a list of mapping, source_key (list), code, field, "
            "detail, waits_for, waits_key (list or null), since; with --group `groups`, a list of mapping, code, "
            "field, detail, waits_for, rows, since (of the oldest), example (its source key).",
        ),
    ] = False,
) -> None:
    """List held rows, oldest first: which source row, the code, the field, and what it waits for.

    A held row heals by itself when its source row, or the row that it waits for, changes. `cdc code CODE` says how.
    Personal values are masked.
    """
    read = settings(context)
    shown = masks(read, "held list", mapping or "*", reveal, reason)
    selection = Selection(mapping, code.upper() if code else None)
    with as_service_errors(), connect(read.target, "cdc held list") as connection:
        total = count_held(connection, selection)
        groups = [
            replace(one, example=shown.source_key(one.mapping, one.example))
            for one in (read_groups(connection, selection)[:limit] if group else ())
        ]
        rows = [_masked(shown, row) for row in ([] if group else read_held(connection, selection, limit))]
    if as_json:
        listed = {"groups": [asdict(one) for one in groups]} if group else {"held": [asdict(row) for row in rows]}
        write_json({"total": total, **listed})
        return
    if group:
        columns = ("rows", "mapping", "code", "field", "detail", "waits for", "since", "example")
        lines = [
            (g.rows, g.mapping, g.code, g.field, g.detail, g.waits_for, g.since, key_text(g.example)) for g in groups
        ]
        write_table("Groups of held rows", columns, lines)
        say(f"{total} held rows." if total else "No row is held.")
        return
    write_held("Held rows", rows)
    say(f"{len(rows)} of {total} held rows." if rows else "No row is held.")


@app.command()
def show(  # noqa: PLR0913, PLR0917 - as above
    context: typer.Context,
    mapping: Annotated[
        str,
        typer.Argument(
            metavar="MAPPING", help="Its mapping, as `cdc held list` has it.", autocompletion=complete_mapping
        ),
    ],
    key: Annotated[list[str], typer.Argument(metavar="KEY...", help="The values of the source key, in order.")],
    limit: Limit = 20,
    reveal: Reveal = False,
    reason: RevealReason = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `held` (as `cdc held list` has it), `row` (column to text, the source row; null if "
            "the mirror has none), `claims` (list of table, key: what it would be), `waits_for` (list of held rows: "
            "what it waits for, if that is held itself), `waiting` (list of held rows that wait for it).",
        ),
    ] = False,
) -> None:
    """Show one held row: its source row, what it would be, what it waits for, and who waits for it.

    Personal values are masked, and those of columns that the dictionary does not name. Exit code 3 if this row is not
    held.
    """
    read = settings(context)
    shown = masks(read, "held show", f"{mapping} {key_text(key)}", reveal, reason)
    with as_service_errors(), connect(read.target, "cdc held show") as connection:
        connection.autocommit = True  # no transaction waits for a dictionary to be loaded
        rows = read_held(connection, Selection(mapping, None, key), 1)
        if not rows:
            say(f"{mapping} {key_text(key)} is not held.")
            raise typer.Exit(Exit.DIFFERENT)
        plan, mirror = _place(connection, read, mapping)
        source = None if mirror is None else source_row(connection, mirror, key)
        claims = list(claimed_keys(connection, plan, rows[0]))
        parents = list(claimants(connection, plan, rows[0]))
        waiting = [one for fill, claimed in claims for one in waiting_for(connection, str(fill.target), claimed, limit)]
    source = source and shown.row(shown.origin.get(mapping, ""), source)
    claims = [(fill, tuple(shown.key(str(fill.target), claimed))) for fill, claimed in claims]
    rows, parents, waiting = ([_masked(shown, row) for row in several] for several in (rows, parents, waiting))
    if as_json:
        write_json(
            {
                "held": asdict(rows[0]),
                "row": source,
                "claims": [{"table": str(fill.target), "key": list(claimed)} for fill, claimed in claims],
                "waits_for": [asdict(one) for one in parents],
                "waiting": [asdict(one) for one in waiting],
            }
        )
        return
    write_held("Held", rows)
    write_line(f"{rows[0].code}: {rows[0].detail or 'see `cdc code`'}")
    if source is not None:
        write_table("Source row", ("column", "value"), sorted(source.items()))
    for fill, claimed in claims:
        write_line(f"would be {fill.target} {key_text(claimed)}")
    write_held("It waits for these, which are held themselves", parents)
    write_held("Rows that wait for it", waiting)


def _masked(shown: Masks, row: Held) -> Held:
    return replace(
        row,
        source_key=shown.source_key(row.mapping, row.source_key),
        waits_key=shown.awaited(row.mapping, row.waits_for, row.waits_key),
    )


def _place(connection: Connection, read: Settings, name: str) -> tuple[Plan, Mirror | None]:
    """Return the domain of a mapping or fold, and the mirror that it maps; a fold maps none."""
    for plan in bound_domains(connection, dictionary_in_force(connection, read)):
        if name in plan.names:
            return plan, next((step.source for step in plan.steps if step.mapping.name == name), None)
    raise FatalError("DRV-123", name)


def write_held(title: str, rows: Sequence[Held]) -> None:
    """Print held rows as a table; none is no table, but for the list itself."""
    columns = ("mapping", "source key", "code", "field", "waits for", "since")
    if rows or title == "Held rows":
        shown = [(r.mapping, key_text(r.source_key), r.code, r.field, _waits(r), r.since) for r in rows]
        write_table(title, columns, shown)


def _waits(row: Held) -> str | None:
    if row.waits_for is None:
        return None
    return f"{row.waits_for} ({key_text(row.waits_key)})" if row.waits_key else row.waits_for


def key_text(key: Sequence[str | None] | None) -> str:
    """Return the values of a key for a person."""
    # A NULL among the values of a look-up arrives as None.
    return ", ".join("NULL" if value is None else value for value in key or [])

"""`cdc audit rows`: whether canonical tables are what the mirrors and the dictionary imply."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Annotated, Any

import psycopg
import typer

from cdc.cli.context import settings
from cdc.cli.differing import JSON_HELP, masked, recorded, write_differences
from cdc.cli.failure import Exit
from cdc.cli.output import say, write_json, write_table
from cdc.cli.progress import Shown
from cdc.cli.queue import is_derived_within
from cdc.cli.reveal import Reveal, masks_by, masks_or_look, require_reason
from cdc.config import Settings
from cdc.derive.active import dictionary_in_force
from cdc.derive.bound import bound_domains
from cdc.derive.plan import Plan
from cdc.derive.rehearsal import Difference
from cdc.errors import FatalError
from cdc.evidence.rows import Audited, RowAudit, queue_repair, read_audited
from cdc.store.connection import as_service_errors, connect

Connection = psycopg.Connection[Any]


@dataclass(slots=True)
class _Findings:
    """What the passes have come to: `whole` is False if they stopped at the limit."""

    differences: list[Difference] = field(default_factory=list)
    whole: bool = True


def rows(  # noqa: PLR0913, PLR0917 - options of a command
    context: typer.Context,
    tables: Annotated[
        list[str] | None,
        typer.Argument(metavar="TABLE", help="Canonical tables (`trace.material`). Default: all.", show_default=False),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Let the derivation make wrong rows what they have to be; on record.")
    ] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, for the record of what operators did.")] = None,
    reveal: Reveal = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Stop after so many wrong rows.")] = 1000,
    wait_s: Annotated[
        float, typer.Option("--wait", min=0, metavar="SECONDS", help="With --repair: how long to wait for it.")
    ] = 60.0,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: `holds` (bool), `whole` (false: stopped at the limit), `tables`, a list of table, "
            "rows, differences, batches (stream to batch), began_at (the last whole pass over each), `differences`, "
            f"{JSON_HELP}, `repaired` (rows that were asked for again, or null).",
        ),
    ] = False,
) -> None:
    """Derive every source row anew, beside the workers, and compare: canonical = D(mirrors).

    A row that somebody changed, added or removed by hand is named, with what it has to be; so are held rows. What has
    landed and is not derived yet counts as right. Nothing is written but the record of the pass: up to which batch of
    each stream a table has been found to be right. Exit code 3 if anything is wrong; with --repair only if it still is,
    and 6 if that has not been derived after the time that was given.
    """
    read = settings(context)
    require_reason(reveal, reason)
    with as_service_errors(), connect(read.target, "cdc audit rows") as connection:
        connection.autocommit = True
        dictionary = dictionary_in_force(connection, read)
        plans = list(bound_domains(connection, dictionary))
        look = ("audit rows", ", ".join(tables or ["*"]))
        shown = masks_or_look(connection, dictionary, look, reveal, reason)
        hidden = masks_by(connection, dictionary) if reveal else shown
        found = _audit(plans, read, tables, limit)
        repaired = None
        if repair and found.differences:
            repaired, last = queue_repair(connection, plans, found.differences, reason, partial(recorded, hidden))
            if not is_derived_within(connection, last, wait_s, [one.mapping for one in found.differences]):
                raise FatalError("EVD-114", f"{repaired} rows")
            found = _audit(plans, read, tables, limit)
        passes = [one for one in read_audited(connection) if not tables or one.table in tables]
    found.differences = [masked(shown, one) for one in found.differences]
    if as_json:
        listed = [one.document() for one in found.differences]
        write_json(
            {
                "holds": not found.differences,
                "whole": found.whole,
                "tables": [asdict(one) for one in passes],
                "differences": listed,
                "repaired": repaired,
            }
        )
    else:
        _write(passes, found)
    raise typer.Exit(Exit.DIFFERENT if found.differences else Exit.OK)


def _audit(plans: list[Plan], read: Settings, tables: list[str] | None, limit: int) -> _Findings:
    found = _Findings()
    known = {str(fill.target) for plan in plans for fill in plan.fills}
    if tables and (unknown := sorted(set(tables) - known)):
        raise FatalError("EVD-113", ", ".join(unknown))
    with Shown() as shown:
        for plan in plans:
            with connect(read.target, "cdc audit rows") as apart:
                apart.autocommit = True
                audit = RowAudit(apart, plan, read.protection)
                for table in (one for one in audit.tables() if not tables or one in tables):
                    for difference in audit.audit(table, partial(shown.show, f"audit {table}")):
                        found.differences.append(difference)
                        if len(found.differences) >= limit:
                            found.whole = False
                            return found
                    shown.end()
    return found


def _write(passes: list[Audited], found: _Findings) -> None:
    columns = ("table", "rows", "differences", "up to", "began")
    shown = [
        (one.table, one.rows, one.differences, ", ".join(f"{s} {b}" for s, b in one.batches.items()), one.began_at)
        for one in passes
    ]
    write_table("Canonical tables", columns, shown)
    if found.differences:
        write_differences("Wrong rows", found.differences)
        rest = "" if found.whole else " There may be more: the pass stopped at the limit."
        say(FatalError("EVD-115", f"{len(found.differences)} rows.{rest}").advice())
    else:
        say("Every canonical row is what the mirrors imply." if passes else "Nothing has been derived yet.")

"""`cdc connectors status`: where each source is, from its log to the canonical rows, and what to do next.

A connector that Kafka Connect calls RUNNING may be dead. What counts is that something of it has landed, if only its
heartbeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer

from cdc.capture.source import Source
from cdc.capture.standing import Standing, standing_of
from cdc.capture.table_standing import TableStanding
from cdc.cli.chosen import Names, chosen
from cdc.cli.connectors.surroundings import Surroundings
from cdc.cli.context import settings
from cdc.cli.failure import Exit
from cdc.cli.output import Cell, duration, write_json, write_line, write_table
from cdc.cli.repeated import of_deployment
from cdc.observe.load import Load

_JSON_HELP = (
    "Print a list of objects, one per source: source, wanted (running, paused, stopped), connector and task (as Kafka"
    " Connect has them), reader (the state of what reads added tables, null if there is none), settings (as applied, "
    "differ, absent; unknown if the source's files are not finished), failure, code (of what is wrong, or null), "
    "unread (a list of table, state, reason, again, "
    "whole, begun_at), waits (bool: nothing reads them), place (in the source's log), heard_s (since the connector "
    "sent something), landed_s (since what landed last was committed in the source), lag (records in the topic that "
    "have not landed), behind_s (of the canonical tables), refused, stale, held, log (bytes that the source keeps for"
    " the connector, left_s until its place is gone, limit), snapshot (percent, eta_s, rows_per_s, tables) or null, "
    "reading (the same, of tables that are read beside the stream) or null, next (what to do, or null), "
    "needs_attention, tables (a list of table, mirror, wanted (streaming, paused, stopped, not captured), state "
    "(streaming; silent; waiting, loading, loaded in a first snapshot; needed, starting, reading, failed, paused "
    "beside the stream; not captured; or the connector's), rows of estimated_rows of what is being read, committed_at, "
    "changed_at, behind_s, refused, stale, held). Null is what nobody could tell."
)


def status(
    context: typer.Context,
    names: Names = None,
    tables: Annotated[bool, typer.Option("--tables", help="Show each table, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON_HELP)] = False,
) -> None:
    """Show whether each connector is in its state, has the settings of its file, has read its tables, is heard of.

    How old is what it sent, what has landed of it, and what is derived; what was refused or is held; how long the
    source keeps the log for it. Exit code 4 if something needs a person: it has failed, is in another state, is not
    heard of, its log runs out within a day, tables are unread and nothing reads them, or what it sends does not land,
    or nobody can tell; 3 if only settings differ from the file, or the source's files are not finished.
    """
    options = settings(context)
    with Surroundings(options) as surroundings:
        found = [_standing(source, surroundings) for source in chosen(options, names)]
    if as_json:
        write_json(found)
    else:
        _write(found, tables=tables)
    raise typer.Exit(_exit_code(found))


def _standing(source: Source, surroundings: Surroundings) -> Standing:
    found = standing_of(source, surroundings.see(source))
    return found if found.next is None else replace(found, next=of_deployment(found.next))


_COLUMNS = ("source", "wanted", "connector", "task", "settings", "heard s", "landed s", "lag", "behind s", "log left")
_OF_TABLES = (
    *("source", "table", "wanted", "state", "rows read", "of about"),
    *("last commit", "landed", "behind s", "refused", "stale", "held"),
)
_MORE = ("source", "refused", "stale", "held", "unread", "snapshot", "reading", "reader", "failure")


def _write(found: Sequence[Standing], *, tables: bool) -> None:
    write_table(
        "Connectors",
        _COLUMNS,
        [
            (
                *(one.source, one.wanted, one.connector, one.task, one.settings, one.heard_s, one.landed_s, one.lag),
                *(one.behind_s, duration(None if one.log is None else one.log.left_s)),
            )
            for one in found
        ],
    )
    write_table(
        "Rows",
        _MORE,
        [
            (
                *(one.source, one.refused, one.stale, one.held, ", ".join(map(str, one.unread)) or None),
                *(how_far(one.snapshot), how_far(one.reading), one.reader, one.failure or None),
            )
            for one in found
        ],
    )
    if tables:
        write_table("Tables", _OF_TABLES, [(one.source, *_row(table)) for one in found for table in one.tables])
    for one in found:
        if one.next:
            write_line(f"{one.source}: {f'{one.code}: ' if one.code else ''}{one.next}")


def _row(table: TableStanding) -> tuple[Cell, ...]:
    return (
        *(table.table, table.wanted, table.state, table.rows, table.estimated_rows),
        *(table.committed_at, table.changed_at, table.behind_s, table.refused, table.stale, table.held),
    )


def how_far(load: Load | None) -> str | None:
    """Return what a person reads of a load: how much of it has landed, and how long it takes."""
    if load is None:
        return None
    percent = "under way" if load.percent is None else f"{load.percent:.0f} %"
    left = duration(load.eta_s)
    return f"{percent}, {left} to go" if left else percent


def _exit_code(found: Sequence[Standing]) -> Exit:
    if any(one.needs_attention for one in found):
        return Exit.ATTENTION
    return Exit.DIFFERENT if any(one.settings != "as applied" for one in found) else Exit.OK

"""`cdc connectors snapshot`: tables are read again beside the stream, while everybody works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from cdc.capture import connector
from cdc.capture.condition import condition
from cdc.capture.contract import Contract
from cdc.capture.reader import Reader
from cdc.capture.readings import PAUSED, Unread
from cdc.capture.snapshot_select import select_where, snapshot_selects
from cdc.capture.source import Source
from cdc.cli.chosen import Name, contracts_now, named
from cdc.cli.complete import complete_table
from cdc.cli.connectors.follow import Following
from cdc.cli.connectors.on_record import on_record
from cdc.cli.connectors.surroundings import Surroundings
from cdc.cli.context import acting
from cdc.cli.failure import Exit
from cdc.cli.output import write_advice, write_json, write_line
from cdc.config import Settings
from cdc.errors import FatalError

_Tables = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TABLE]...",
        help="Tables as the connector file names them; none with --pause and --resume.",
        autocompletion=complete_table,
        show_default=False,
    ),
]


def snapshot(  # noqa: PLR0913 - the options of a command
    context: typer.Context,
    name: Name,
    tables: _Tables = None,
    *,
    where: Annotated[
        str | None, typer.Option("--where", metavar="CONDITION", help='Only these rows, of one table: "id > 100".')
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Wait until all of it has been read, and say how far it is.")
    ] = False,
    pause: Annotated[
        bool, typer.Option("--pause", help="Read none of the source's tables on; what has been read stays.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the tables that are left; one that was begun is begun anew.")
    ] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Give up reading them again.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; it is kept with the evidence.")] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one object: source, tables, done (list of what was done, in words), unread (those that are "
            "left, a list of table, state, reason, again, whole, begun_at).",
        ),
    ] = False,
) -> None:
    """Have tables read again beside the stream, for rows that their mirrors lack.

    A second connector reads them into the same stream; changes that come meanwhile win over what it brings, so that it
    may be interrupted, and begin again, at any time. Rows that are in the mirrors stay: one too many takes a snapshot
    of the whole source. What --watch waits for goes on without it.

    --pause takes the load off the source: the second connector is stopped, for all of its tables. --resume reads the
    tables that are left; one that was begun is read from its first row.
    """
    act = _Act(where, pause=pause, resume=resume, cancel=cancel)
    act.require_tables(tables or ())
    options = acting(context)
    source = named(options, name)
    named_tables = captured(source, tables or ())
    with Surroundings(options) as around, on_record(options, reason) as action:
        reader = Reader(source, options.kafka, around.connect)
        wanted = named_tables or [state.table for state in reader.record.unread()]
        with action("connectors snapshot", name) as effect:
            done = act.do(reader, source, options, wanted)
            effect.update({"tables": wanted, **act.on_record(), "done": done})
        unread = reader.record.unread()
        if not as_json:
            for line in done or [act.otherwise(unread)]:
                write_advice(f"{name}: {line}")
        if watch:
            unread = Following(source, reader, around).to_end(wanted)
    if as_json:
        write_json({"source": name, "tables": wanted, "done": done, "unread": unread})
    elif watch and not unread:
        write_line(f"read: {', '.join(wanted) or 'nothing is left'}")
    if watch and unread:
        raise typer.Exit(Exit.ATTENTION)  # somebody has paused it


@dataclass(frozen=True, slots=True)
class _Act:
    """What is to be done with the reading of tables: one of these, or else it is begun."""

    where: str | None
    pause: bool
    resume: bool
    cancel: bool

    def require_tables(self, tables: Sequence[str]) -> None:
        """Raise BadParameter for two acts at once, and for tables that are missing or in vain."""
        if sum((self.pause, self.resume, self.cancel, self.where is not None)) > 1:
            raise typer.BadParameter("--pause, --resume, --cancel and --where are one thing each")
        if tables and (self.pause or self.resume):
            raise typer.BadParameter("one connector reads them all: name no TABLE with --pause and --resume")
        if not (tables or self.pause or self.resume):
            raise typer.BadParameter("name a TABLE, or --pause or --resume")
        if self.where is not None and len(tables) != 1:
            raise typer.BadParameter("it is said of one table", param_hint="--where")

    def do(self, reader: Reader, source: Source, options: Settings, tables: Sequence[str]) -> list[str]:
        """Do it; return what was done, in words. Raises as `cdc.capture.reader`, and as `contracts_now`."""
        if self.pause:
            return reader.pause()
        if self.cancel:
            return reader.cancel(tables, lambda: snapshot_selects(source, contracts_now(source, options)))
        known = contracts_now(source, options)
        selects = snapshot_selects(source, known)
        if self.resume:
            return reader.resume(selects)
        if self.where is not None:
            selects[tables[0]] = _select(source, known, tables[0], self.where, reader)
        done = reader.tidy()
        reader.record.need(tables)
        return done + reader.begin(selects)

    def on_record(self) -> dict[str, bool]:
        """Return what is put on record for ever: not the condition, which may have a value of somebody in it."""
        some_rows = self.where is not None
        return {"some_rows": some_rows, "paused": self.pause, "resumed": self.resume, "cancelled": self.cancel}

    def otherwise(self, unread: Sequence[Unread]) -> str:
        """Return why nothing was done."""
        is_paused = any(state.state == PAUSED for state in unread)
        if self.pause:
            return "paused already" if is_paused else "nothing is read beside the stream"
        if self.resume:
            halted = "stays paused: the connector does not run, or takes its first snapshot"
            return halted if is_paused else "nothing is paused"
        if is_paused:
            return "noted: reading is paused, --resume goes on with it"
        if self.cancel:
            return "noted"
        return "noted: it is under way, or `cdc connectors apply` begins it once the connector runs"


def captured(source: Source, tables: Sequence[str]) -> list[str]:
    """Return the names that the connector has for tables of the file. Raises SRC-104."""
    written = (".".join(filter(None, (table.schema, table.name))) for table in source.tables)
    names = dict(zip(written, connector.table_names(source), strict=True))
    unknown = [table for table in tables if table not in names]
    if unknown:
        raise FatalError("SRC-104", f"{source.name}: {', '.join(unknown)}")
    return [names[table] for table in tables]


def _select(source: Source, known: Sequence[Contract], table: str, where: str, reader: Reader) -> str:
    reader.record.require_whole([table])
    reader.require_beginnable()
    contract = next(one for one in known if one.source_table == table)
    return select_where(source, contract, condition(source.kind, where, {column.name for column in contract.columns}))

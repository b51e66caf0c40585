"""`cdc connectors snapshot`: tables are read again beside the stream, while everybody works."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from cdc.capture import connector
from cdc.capture.condition import condition
from cdc.capture.connect import Connect
from cdc.capture.contract import Contract
from cdc.capture.reader import Reader
from cdc.capture.reading import FAILED, Unread
from cdc.capture.snapshot_select import select_where, snapshot_selects
from cdc.capture.source import Source
from cdc.cli.chosen import Name, contracts, named
from cdc.cli.complete import complete_table
from cdc.cli.connectors.on_record import on_record
from cdc.cli.context import acting
from cdc.cli.output import say, write_line
from cdc.errors import FatalError, TransientError

_POLL_S: Final = 1.0
_PATIENCE_S: Final = 60.0

_Tables = Annotated[
    list[str],
    typer.Argument(metavar="TABLE...", help="Tables as the connector file names them.", autocompletion=complete_table),
]


def snapshot(  # noqa: PLR0913, PLR0917 - a command's options are its arguments
    context: typer.Context,
    name: Name,
    tables: _Tables,
    where: Annotated[
        str | None, typer.Option("--where", metavar="CONDITION", help='Only these rows, of one table: "id > 100".')
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Wait until all of it has been read, and say how far it is.")
    ] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Give up reading them again.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; it is kept with the evidence.")] = None,
) -> None:
    """Have tables read again beside the stream, for rows that their mirrors lack.

    A second connector reads them into the same stream; changes that come meanwhile win over what it brings, so that it
    may be interrupted, and begin again, at any time. Rows that are in the mirrors stay: one too many takes a snapshot
    of the whole source. What --watch waits for goes on without it.
    """
    options = acting(context)
    source = named(options, name)
    wanted = captured(source, tables)
    known = contracts(source, options)
    with Connect(options.connect) as connect, on_record(options, reason) as record:
        reader = Reader(source, options.kafka, connect)
        if cancel:
            done = reader.cancel(wanted) + reader.begin(snapshot_selects(source, known))
        else:
            done = _begin(reader, wanted, _selects(source, known, wanted, where, reader))
        # Not the condition itself: it may have a value of somebody in it, and the record is for ever.
        effect = {"tables": wanted, "some_rows": where is not None, "cancelled": cancel, "done": done}
        record("connectors snapshot", name, effect)
        for action in done or ["noted" if cancel else _LATER]:
            write_line(f"{name}: {action}")
        if watch and not cancel:
            _watch(reader, wanted)


_LATER: Final = "noted: it is under way, or `cdc connectors apply` begins it once the connector runs"


def captured(source: Source, tables: Sequence[str]) -> list[str]:
    """Return the names that the connector has for tables of the file. Raises SRC-104."""
    written = (".".join(filter(None, (table.schema, table.name))) for table in source.tables)
    names = dict(zip(written, connector.table_names(source), strict=True))
    unknown = [table for table in tables if table not in names]
    if unknown:
        raise FatalError("SRC-104", f"{source.name}: {', '.join(unknown)}")
    return [names[table] for table in tables]


def _begin(reader: Reader, tables: Sequence[str], selects: dict[str, str]) -> list[str]:
    done = reader.tidy()
    reader.record.need(tables)
    return done + reader.begin(selects)


def _selects(
    source: Source, known: Sequence[Contract], tables: Sequence[str], where: str | None, reader: Reader
) -> dict[str, str]:
    selects = snapshot_selects(source, known)
    if where is None:
        return selects
    if len(tables) != 1:
        raise typer.BadParameter("it is said of one table", param_hint="--where")
    reader.record.require_whole(tables)
    contract = next(one for one in known if one.source_table == tables[0])
    rows = condition(source.kind, where, {column.name for column in contract.columns})
    return selects | {tables[0]: select_where(source, contract, rows)}


def _watch(reader: Reader, tables: Sequence[str]) -> None:
    """Say how far each table is until all are read.

    Raises FatalError CON-107 for one that could not be read, TransientError CON-109 if nothing reads them for a while.
    """
    said: dict[str, str] = {}
    seen = time.monotonic()
    while unread := [state for state in reader.record.unread() if state.table in tables]:
        for state in unread:
            _say(state, said)
        if reader.is_under_way(unread):
            seen = time.monotonic()
        elif time.monotonic() - seen > _PATIENCE_S:
            raise TransientError("CON-109", ", ".join(map(str, unread)))
        time.sleep(_POLL_S)
    for action in reader.tidy():
        say(action)
    write_line(f"read: {', '.join(tables)}")


def _say(state: Unread, said: dict[str, str]) -> None:
    if state.state == FAILED:
        raise FatalError("CON-107", str(state))
    if said.get(state.table) != state.state:
        said[state.table] = state.state
        say(f"{state.table}: {state.state}")

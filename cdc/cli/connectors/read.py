"""`cdc connectors read | restart | reload`: a connector begins again, or reads tables once more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from cdc.capture import connector
from cdc.capture.connect import Connect
from cdc.capture.lifecycle import Lifecycle
from cdc.capture.reader import Reader
from cdc.capture.snapshot_select import snapshot_selects
from cdc.capture.source import Source, find_source, load_sources
from cdc.cli.connectors.chosen import Name, Names, chosen, contracts
from cdc.cli.context import settings
from cdc.cli.output import write_line
from cdc.config import Settings
from cdc.errors import FatalError


def read(
    context: typer.Context,
    name: Name,
    tables: Annotated[list[str], typer.Argument(metavar="TABLE...", help="Tables as the connector file names them.")],
) -> None:
    """Have tables read again beside the stream, for rows that their mirrors lack.

    Rows that are in the mirrors stay: a wrong one, or one too many, takes a snapshot of the whole source.
    """
    options = settings(context)
    source = find_source(load_sources(options.folders.connector_configs), name)
    needed = _captured(source, tables)
    selects = snapshot_selects(source, contracts(source, options))
    with Connect(options.connect) as connect:
        reader = Reader(source, options.kafka, connect)
        done = reader.tidy()
        reader.record.need(needed)
        done += reader.begin(selects)
    for action in done or ["noted: it is under way, or `cdc connectors apply` begins it once the connector runs"]:
        write_line(f"{name}: {action}")


def _captured(source: Source, tables: Sequence[str]) -> list[str]:
    """Return the names that the connector has for tables of the file. Raises SRC-104."""
    written = (".".join(filter(None, (table.schema, table.name))) for table in source.tables)
    names = dict(zip(written, connector.table_names(source), strict=True))
    unknown = [table for table in tables if table not in names]
    if unknown:
        raise FatalError("SRC-104", f"{source.name}: {', '.join(unknown)}")
    return [names[table] for table in tables]


def restart(context: typer.Context, names: Names = None) -> None:
    """Start connectors again, so that they read passwords, certificates and keys anew; wait until they run.

    Nothing is lost. A snapshot that is under way is interrupted, and taken again.
    """
    options = settings(context)
    with Connect(options.connect) as connect:
        for source in chosen(options, names):
            if source.state != "running":
                write_line(f"{source.name}: does not run")
                continue
            is_begun_again = Lifecycle(connect, options.kafka, source, source.name).renew()
            write_line(f"{source.name}: restarted{', its snapshot begins again' if is_begun_again else ''}")


def reload(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="SOURCE...", help="Names of sources.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Have whole sources captured again: each connector forgets its place and takes a new snapshot of all its tables.

    Changes that the connector has not sent by then are in no journal; the snapshot has what they led to. Mirrors stay
    usable meanwhile. A connector whose file does not say running begins once it does.
    """
    options = settings(context)
    sources = chosen(options, names)
    if not yes:
        tables = ", ".join(f"{source.name} ({len(source.tables)} tables)" for source in sources)
        typer.confirm(f"Read all rows again of {tables}?", abort=True, err=True)
    with Connect(options.connect) as connect:
        for source in sources:
            write_line(f"{source.name}: {_reload(source, options, connect)}")


def _reload(source: Source, options: Settings, connect: Connect) -> str:
    is_wanted = source.state == "running"
    Lifecycle(connect, options.kafka, source, source.name).begin(is_wanted=is_wanted)
    return "snapshot begun" if is_wanted else "takes its snapshot once its file says running"

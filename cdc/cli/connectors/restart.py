"""`cdc connectors restart | reload`: a connector starts again, at its place or from nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from cdc.capture.connect import Connect
from cdc.capture.lifecycle import Lifecycle
from cdc.capture.source import Source
from cdc.cli.chosen import Names, NamesGiven, chosen
from cdc.cli.connectors.done import AsJson, telling
from cdc.cli.connectors.on_record import on_record
from cdc.cli.context import acting
from cdc.config import Settings


def restart(context: typer.Context, names: Names = None, as_json: AsJson = False) -> None:
    """Start connectors again, so that they read passwords, certificates and keys anew; wait until they run.

    Nothing is lost. A snapshot that is under way is interrupted, and taken again.
    """
    options = acting(context)
    with telling(as_json=as_json) as told, Connect(options.connect) as connect, on_record(options) as action:
        for source in chosen(options, names):
            if source.state != "running":
                told.tell(source.name, [], otherwise="does not run")
                continue
            with action("connectors restart", source.name) as effect:
                is_begun_again = Lifecycle(connect, options.kafka, source, source.name).renew()
                effect["done"] = done = ["restarted, its snapshot begins again" if is_begun_again else "restarted"]
            told.tell(source.name, done)


def reload(
    context: typer.Context,
    names: NamesGiven,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Have whole sources captured again: each connector forgets its place and takes a new snapshot of all its tables.

    Changes that the connector has not sent by then are in no journal; the snapshot has what they led to. Mirrors stay
    usable meanwhile. A connector whose file does not say running begins once it does.
    """
    options = acting(context)
    sources = chosen(options, names)
    if not yes:
        tables = ", ".join(f"{source.name} ({len(source.tables)} tables)" for source in sources)
        typer.confirm(f"Read all rows again of {tables}?", abort=True, err=True)
    with telling(as_json=as_json) as told, Connect(options.connect) as connect, on_record(options) as action:
        for source in sources:
            with action("connectors reload", source.name) as effect:
                effect["done"] = done = [begin_anew(source, options, connect)]
            told.tell(source.name, done)


def begin_anew(source: Source, options: Settings, connect: Connect) -> str:
    """Have a connector forget its place and begin, if its file says running; return what was done, in words."""
    is_wanted = source.state == "running"
    Lifecycle(connect, options.kafka, source, source.name).begin(is_wanted=is_wanted)
    return "snapshot begun" if is_wanted else "takes its snapshot once its file says running"

"""`cdc connectors restart | reload`: a connector starts again, at its place or from nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from cdc.capture.connect import Connect
from cdc.capture.connector import slot_name
from cdc.capture.lifecycle import Lifecycle
from cdc.capture.place import read_recorded
from cdc.capture.source import Source
from cdc.cli.chosen import Names, NamesGiven, chosen, require_contracts, selects_or_told
from cdc.cli.connectors.done import AsJson, telling
from cdc.cli.connectors.on_record import on_record
from cdc.cli.context import acting
from cdc.config import Settings

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


def restart(context: typer.Context, names: Names = None, as_json: AsJson = False) -> None:
    """Start connectors again, so that they read passwords, certificates and keys anew; wait until they run.

    Nothing is lost. A snapshot that is under way is interrupted, and taken again. What was paused by hand stays paused;
    what was stopped reads them anew once it is resumed.
    """
    options = acting(context)
    with telling(as_json=as_json) as told, Connect(options.connect) as connect, on_record(options) as action:
        for source in chosen(options, names):
            if source.state != "running":
                told.tell(source.name, [], otherwise="does not run")
                continue
            with action("connectors restart", source.name) as effect:
                done = Lifecycle(connect, options.kafka, source, source.name, selects_or_told).renew()
                if done:
                    effect["done"] = [done]
            told.tell(source.name, [done] * bool(done), otherwise="is stopped; `cdc connectors resume` starts it")


def reload(
    context: typer.Context,
    names: NamesGiven,
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print a list of source, done (list of what was done, in words; with --dry-run would be)."
        ),
    ] = False,
) -> None:
    """Have whole sources captured again: each connector forgets its place and takes a new snapshot of all its tables.

    Changes that the connector has not sent by then are in no journal; the snapshot has what they led to. Mirrors stay
    usable meanwhile. A connector whose file does not say running begins once it does.
    """
    options = acting(context)
    sources = chosen(options, names)
    if dry_run:
        with telling(as_json=as_json) as told, Connect(options.connect) as connect:
            for source in sources:
                told.tell(source.name, foretold(source, read_recorded(connect, source).place))
        return
    if not yes:
        tables = ", ".join(f"{source.name} ({len(source.tables)} tables)" for source in sources)
        typer.confirm(f"Read all rows again of {tables}?", abort=True, err=True)
    with telling(as_json=as_json) as told, Connect(options.connect) as connect, on_record(options) as action:
        for source in sources:
            with action("connectors reload", source.name) as effect:
                effect["done"] = done = [begin_anew(source, options, connect)]
            told.tell(source.name, done)


def foretold(source: Source, place: str) -> list[str]:
    """Return what `begin_anew` would do, in words; `place` is the connector's."""
    slot = [f"replication slot {slot_name(source)} is dropped"] if source.kind == "postgresql" else []
    later = "" if source.state == "running" else ", once its file says running"
    return [
        f"place {place} is forgotten; what was not sent by then is in no journal",
        *slot,
        f"all rows of {len(source.tables)} tables are read again{later}",
    ]


def begin_anew(source: Source, options: Settings, connect: Connect) -> str:
    """Have a connector forget its place and begin, if its file says running; return what was done, in words.

    Raises as `require_contracts`, and as `cdc.capture.selects_now`, before anything is done.
    """
    is_wanted = source.state == "running"
    require_contracts(source, options)
    Lifecycle(connect, options.kafka, source, source.name).begin(is_wanted=is_wanted)
    return "snapshot begun" if is_wanted else "takes its snapshot once its file says running"

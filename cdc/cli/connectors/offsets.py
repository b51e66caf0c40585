"""`cdc connectors offsets`: the place in the source's log from which a connector goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cdc.capture.connect import Connect
from cdc.capture.connector import table_names
from cdc.capture.lifecycle import Lifecycle
from cdc.capture.place import REFUSALS, Recorded, go_on_from, passes_over, read_file, read_recorded
from cdc.capture.reading import Reading
from cdc.capture.source import Source
from cdc.cli.chosen import Name, named, selects_or_told
from cdc.cli.connectors.on_record import on_record
from cdc.cli.connectors.restart import DryRun, begin_anew, foretold
from cdc.cli.context import acting, settings
from cdc.cli.output import say, write_json, write_line
from cdc.config import Settings
from cdc.errors import FatalError

app = typer.Typer(help="Show, record or forget the place from which a connector goes on.", no_args_is_help=True)

_Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept with the evidence.")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command()
def show(
    context: typer.Context,
    name: Name,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one object: format, source, place, offsets; `offsets set` takes it.")
    ] = False,
) -> None:
    """Show the place in the source's log that is recorded: what is committed before it has been sent."""
    options = settings(context)
    with Connect(options.connect) as connect:
        recorded = read_recorded(connect, named(options, name))
    if as_json:
        write_json(recorded)
    else:
        write_line(f"{name}: {recorded.place}")


@app.command(name="set")
def set_(  # noqa: PLR0913, PLR0917 - a command's options are its arguments
    context: typer.Context,
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `offsets show --json` has printed.")],
    reason: _Reason,
    pass_over: Annotated[
        bool, typer.Option("--pass-over", help="Also to a place behind the recorded one: what is between never comes.")
    ] = False,
    dry_run: DryRun = False,
    yes: _Yes = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one object: source, before, after (places), passed_over, dry_run.")
    ] = False,
) -> None:
    """Have a connector go on from a place that was written down. It is stopped for that, and moved on if it ran.

    From an earlier place on, changes come again and are counted as replayed. PostgreSQL's slot gives out nothing that
    was confirmed: an earlier place stops the task. What is passed over has to be read anew, with the whole source.
    """
    options = acting(context)
    source = named(options, name)
    wanted = read_file(file, source)
    with Connect(options.connect) as connect, on_record(options, reason) as action:
        before = read_recorded(connect, source)
        lost = passes_over(before, wanted)
        if lost and not pass_over:
            raise FatalError("CON-183", f"{name}: {before.place}, given {wanted.place}")
        words = f"{name}: {before.place} becomes {wanted.place}" + (": what is between never comes" if lost else "")
        effect = {"before": before.place, "after": wanted.place, "passed_over": lost}
        ran = connect.status(name).is_in("running")
        if not dry_run:
            if not yes:
                typer.confirm(f"{words}. Record it?", abort=True, err=True)
            with action("connectors offsets set", name) as recorded:
                _record(connect, source, options, wanted, lost=lost, ran=ran)
                recorded.update(effect)
        if not as_json:
            write_line(words)  # it is done, whatever comes of going on
        if not dry_run:
            _go_on(connect, source, options, ran=ran)
    if as_json:
        write_json({"source": name, **effect, "dry_run": dry_run})


@app.command()
def reset(
    context: typer.Context,
    name: Name,
    reason: _Reason,
    dry_run: DryRun = False,
    yes: _Yes = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one object: source, before (place), done (in words), dry_run.")
    ] = False,
) -> None:
    """Have a connector forget its place: it takes a new snapshot of all tables.

    Changes that it has not sent by then are in no journal; the snapshot has what they led to.
    """
    options = acting(context)
    source = named(options, name)
    with Connect(options.connect) as connect, on_record(options, reason) as action:
        before = read_recorded(connect, source)
        done = "; ".join(foretold(source, before.place))
        if not dry_run:
            if not yes:
                typer.confirm(f"{name}: {done}. Do it?", abort=True, err=True)
            with action("connectors offsets reset", name) as effect:
                done = begin_anew(source, options, connect)
                effect["before"] = before.place
    if as_json:
        write_json({"source": name, "before": before.place, "done": done, "dry_run": dry_run})
    else:
        write_line(f"{name}: {done}")


def _record(connect: Connect, source: Source, options: Settings, wanted: Recorded, *, lost: bool, ran: bool) -> None:
    """Record the place; a connector that ran goes on from where it was if it is refused."""
    try:
        go_on_from(connect, source, Reading(source, options.kafka), wanted, table_names(source) if lost else ())
    except FatalError as error:
        if ran and error.code in REFUSALS:
            _go_on(connect, source, options, ran=ran)
        raise


def _go_on(connect: Connect, source: Source, options: Settings, *, ran: bool) -> None:
    if not ran:
        say(f"{source.name} was not running and stands still; `cdc connectors apply {source.name}` moves it.")
        return
    config = connect.config(source.name) or {}
    Lifecycle(connect, options.kafka, source, source.name, selects_or_told).apply(config, "running")

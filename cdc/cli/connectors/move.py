"""`cdc connectors pause | resume | stop`: a connector in another state than its file says, for a while.

The source's reader, a second connector that reads added tables, goes with it.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from cdc.capture.connect import Connect
from cdc.capture.lifecycle import Lifecycle
from cdc.capture.reader import Reader
from cdc.cli.chosen import NamesGiven, chosen, selects_or_told
from cdc.cli.connectors.done import AsJson, telling
from cdc.cli.connectors.on_record import on_record
from cdc.cli.context import acting
from cdc.cli.output import say
from cdc.errors import FatalError

_Reason = Annotated[str | None, typer.Option("--reason", help="Why; it is kept with the evidence.")]


def pause(context: typer.Context, names: NamesGiven, reason: _Reason = None, as_json: AsJson = False) -> None:
    """Have connectors read on no further, without giving up what they hold: sessions, and the slot of PostgreSQL.

    The source keeps its log meanwhile. What reads added tables beside the stream is paused, too. Until the file says
    so, too, the next `apply` moves them on.
    """
    _move(context, names, "paused", reason, as_json=as_json)


def resume(context: typer.Context, names: NamesGiven, reason: _Reason = None, as_json: AsJson = False) -> None:
    """Have connectors go on from their places; one that has none takes its snapshot.

    What reads added tables goes on, too, unless `snapshot --pause` has paused it; what was stopped reads them again.
    """
    _move(context, names, "running", reason, as_json=as_json)


def stop(context: typer.Context, names: NamesGiven, reason: _Reason = None, as_json: AsJson = False) -> None:
    """Have connectors end their sessions in the source; their places are kept, and so is the source's log.

    So does what reads added tables beside the stream: it begins them again once it is resumed. Until the file says so,
    too, the next `apply` starts them.
    """
    _move(context, names, "stopped", reason, as_json=as_json)


def _move(context: typer.Context, names: list[str], state: str, reason: str | None, *, as_json: bool) -> None:
    options = acting(context)
    with telling(as_json=as_json) as told, Connect(options.connect) as connect, on_record(options, reason) as action:
        for source in chosen(options, names):
            config = connect.config(source.name)
            if config is None:
                raise FatalError("CON-116", source.name)
            with action(f"connectors {state}", source.name) as effect:
                own = Lifecycle(connect, options.kafka, source, source.name, selects_or_told)
                reader = Reader(source, options.kafka, connect, selects_or_told)
                done = reader.follow(state, partial(own.apply, config, state))
                if done:
                    effect["done"] = done
            told.tell(source.name, done)
            if source.state != state:
                say(f"{source.name}: its file says {source.state}; the next apply brings it back to that.")

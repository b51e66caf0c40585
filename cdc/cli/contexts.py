"""`cdc context`: the deployments that there are settings of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from cdc.cli.context import invocation
from cdc.cli.output import say, write_json, write_table
from cdc.config import environment, load
from cdc.context import configured, contexts, current
from cdc.errors import FatalError

app = typer.Typer(help="Deployments, each with a settings file of its own.", no_args_is_help=True)


def complete_context(context: typer.Context, incomplete: str) -> list[str]:
    """Return the contexts whose names begin so, for a shell."""
    folder = configured(invocation(context).config, environment())
    return [name for name in ({} if folder is None else contexts(folder)) if name.startswith(incomplete)]


@dataclass(frozen=True, slots=True)
class _Deployment:
    """A context; where it is None if its settings are not usable here, and `fault` says why."""

    context: str
    is_current: bool
    file: str
    connect: str | None = None
    target: str | None = None
    fault: str | None = None


@app.callback()
def _group() -> None:
    """Keep `list` a command of its own: typer makes a lone command the group itself."""


@app.command("list")
def list_contexts(
    context: typer.Context,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print a list of context, is_current, file, connect (URL), target (host:port/database), fault (why "
            "its settings are not usable here, else null).",
        ),
    ] = False,
) -> None:
    """List the settings files of the folder that --config or CDC_CONFIG names, with the one in use; nothing is asked.

    --context, at any place, or CDC_CONTEXT says which one a command is about.
    """
    found = list(_deployments(context))
    if as_json:
        write_json([asdict(one) for one in found])
        return
    rows = [(one.context, "yes" if one.is_current else None, one.connect, one.target, one.fault) for one in found]
    write_table("Contexts", ("context", "in use", "Kafka Connect", "target", "fault"), rows)
    if not found:
        say("No contexts: --config and CDC_CONFIG name no folder of settings files.")


def _deployments(context: typer.Context) -> Iterator[_Deployment]:
    given, variables = invocation(context), environment()
    folder = configured(given.config, variables)
    used = current(given.config, given.context, variables)
    for name, file in ({} if folder is None else contexts(folder)).items():
        try:
            read = load(file)
        except FatalError as error:
            yield _Deployment(name, name == used, str(file), fault=error.detail.strip().partition("\n")[0])
        else:
            target = f"{read.target.host}:{read.target.port}/{read.target.database}"
            yield _Deployment(name, name == used, str(file), read.connect.url, target)

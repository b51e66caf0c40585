"""`cdc run`, `cdc land`, `cdc derive`: the workers."""

from __future__ import annotations

import typer

from cdc.cli.context import invocation, settings
from cdc.observe import log
from cdc.worker import Parent, cdc_command, work


def run(context: typer.Context) -> None:
    """Land and derive: run both workers until SIGTERM or Ctrl-C.

    A worker that is killed is started again. A worker that stops with an error ends the command with exit code 1.
    """
    checked = settings(context)
    log.configure(checked.log.level)
    config = invocation(context).config
    options = ("--config", str(config)) if config else ()
    parent = Parent({name: cdc_command(*options, name) for name in ("land", "derive")})
    raise typer.Exit(parent.run())


def land(context: typer.Context) -> None:
    """Run the land worker alone: streams become mirrors."""
    from cdc.land.worker import run as land_run  # noqa: PLC0415 - a command loads what it needs, not all workers

    raise typer.Exit(work("land", land_run, settings(context)))


def derive(context: typer.Context) -> None:
    """Run the derive worker alone: mirrors become canonical tables."""
    from cdc.derive.worker import run as derive_run  # noqa: PLC0415 - as above

    raise typer.Exit(work("derive", derive_run, settings(context)))

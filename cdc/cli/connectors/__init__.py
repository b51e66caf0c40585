"""`cdc connectors`: bring the connectors of Kafka Connect to what connector-configs says, and see where they are."""

from __future__ import annotations

import typer

from cdc.cli.connectors.apply import apply
from cdc.cli.connectors.grants import grants
from cdc.cli.connectors.preflight import preflight
from cdc.cli.connectors.read import read, reload, restart
from cdc.cli.connectors.render import render
from cdc.cli.connectors.status import status
from cdc.cli.connectors.watch import watch

app = typer.Typer(help="Apply, watch and show the connectors of the sources.", no_args_is_help=True)
for command in (preflight, apply, read, restart, reload, status, render, watch, grants):
    app.command()(command)

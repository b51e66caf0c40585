"""`cdc connectors`: bring the connectors of Kafka Connect to what connector-configs says, and see where they are."""

from __future__ import annotations

import typer

from cdc.cli.connectors import offsets
from cdc.cli.connectors.add_table import add_table
from cdc.cli.connectors.apply import apply
from cdc.cli.connectors.grants import grants
from cdc.cli.connectors.init import init
from cdc.cli.connectors.lint import lint
from cdc.cli.connectors.move import pause, resume, stop
from cdc.cli.connectors.plan import plan
from cdc.cli.connectors.preflight import preflight
from cdc.cli.connectors.remove import remove
from cdc.cli.connectors.render import render
from cdc.cli.connectors.restart import reload, restart
from cdc.cli.connectors.snapshot import snapshot
from cdc.cli.connectors.status import status
from cdc.cli.connectors.watch import watch

app = typer.Typer(help="Check, apply, watch and show the connectors of the sources.", no_args_is_help=True)
_COMMANDS = (
    *(init, lint, preflight, plan, apply, status),
    *(pause, resume, stop, restart, snapshot, reload, add_table, remove),
    *(grants, render, watch),
)
for command in _COMMANDS:
    app.command()(command)
app.add_typer(offsets.app, name="offsets")

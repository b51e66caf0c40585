"""`cdc run`, `cdc land`, `cdc derive`: the workers (the third, `cdc connectors watch`, stands with its noun)."""

from __future__ import annotations

import socket
import uuid
from functools import partial
from importlib import import_module
from typing import Annotated

import structlog
import typer

from cdc.cli.context import Dev, invocation, settings, without_approval
from cdc.cli.failure import as_cdc_error
from cdc.cli.main import execute
from cdc.config import Settings
from cdc.errors import FatalError, TransientError, catalogue
from cdc.observe import log
from cdc.observe.stopping import forget_stop, note_stop
from cdc.parent import Parent
from cdc.protect.shred import require_masters
from cdc.store.connection import as_service_errors, connect
from cdc.store.migrate import pending
from cdc.worker import Work, work


def run(context: typer.Context, dev: Dev = False) -> None:
    """Land and derive: run both workers until SIGTERM or Ctrl-C, and watch over the connectors meanwhile.

    A worker that is killed is started again. A worker that stops with an error ends the command with exit code 1.
    """
    read = _prepare(context)
    if read.approval.required and not dev:
        _refuse_unapproved(read)
    options = invocation(context).options
    # Of this parent alone: another one's land worker must not be taken for this one's successor.
    member = f"{socket.gethostname()}-{uuid.uuid4().hex}"
    commands = {
        "land": ("land", "--member", member),
        "derive": ("derive", "--dev") if dev else ("derive",),
        "watch": ("connectors", "watch"),
    }
    _load_all_workers()
    raise typer.Exit(Parent({name: (*options, *words) for name, words in commands.items()}, execute).run())


def land(
    context: typer.Context,
    member: Annotated[
        str | None,
        typer.Option(help="Name in the consumer group, kept over restarts: streams are taken up again at once."),
    ] = None,
) -> None:
    """Run the land worker alone: streams become mirrors."""
    from cdc.land.worker import run as land_run  # noqa: PLC0415 - a command loads what it needs, not all workers

    raise typer.Exit(work_noted("land", partial(land_run, member=member), _prepare(context)))


def derive(context: typer.Context, dev: Dev = False) -> None:
    """Run the derive worker alone: mirrors become canonical tables."""
    from cdc.derive.worker import run as derive_run  # noqa: PLC0415 - as above

    read = _prepare(context)
    raise typer.Exit(work_noted("derive", derive_run, without_approval(read) if dev else read))


def _refuse_unapproved(read: Settings) -> None:
    """Say at once what the derive worker would say of the dictionary in force; it looks again itself."""
    from cdc.derive.active import dictionary_in_force  # noqa: PLC0415 - as above

    try:
        with as_service_errors(), connect(read.target, "cdc") as connection:
            dictionary_in_force(connection, read)
    except TransientError as error:
        structlog.get_logger().warning("target_away", error=error)  # the worker waits for it


def _load_all_workers() -> None:
    """Load what the children will need, so that they share it, and none of it is of a later version."""
    catalogue()
    for module in ("cdc.land.worker", "cdc.derive.worker", "cdc.cli.connectors.watch", "cdc.observe.endpoint"):
        import_module(module)


def work_noted(name: str, run: Work, read: Settings) -> int:
    """Run a worker as `cdc.worker.work` does, and keep in the target why it ended if that was an error."""
    forget_stop(read.target, name)
    try:
        return work(name, run, read)
    except Exception as error:
        note_stop(read.target, name, as_cdc_error(error))
        raise


def _prepare(context: typer.Context) -> Settings:
    """Read the settings, set up the log, and refuse at once what no worker can live with."""
    read = settings(context)
    log.configure(read.log.level)
    try:
        with connect(read.target, "cdc") as connection:
            missing = pending(connection)
            if not missing:
                require_masters(connection, read.protection)
    except TransientError as error:
        structlog.get_logger().warning("target_away", error=error)  # the workers wait for it
        return read
    if missing:
        raise FatalError("TGT-109", ", ".join(migration.name for migration in missing))
    return read

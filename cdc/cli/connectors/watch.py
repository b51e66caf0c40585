"""`cdc connectors watch`: connectors that failed, or say nothing, are started again."""

from __future__ import annotations

import threading

import typer

from cdc.capture import watchdog
from cdc.cli.context import settings
from cdc.cli.run import work_noted
from cdc.config import Settings
from cdc.evidence.publisher import publishing
from cdc.observe.monitor import Monitor


def watch(context: typer.Context) -> None:
    """Start failed and silent connectors again, until SIGTERM or Ctrl-C. `cdc run` does the same.

    Watched is every source whose file says running at the time: the files are read again where they change.

    If the settings have `anchors`, the heads of the journal's chains are published meanwhile.
    """
    raise typer.Exit(work_noted("watch", _watch, settings(context)))


def _watch(read: Settings, stop: threading.Event, monitor: Monitor) -> None:
    with publishing(read, monitor):
        watchdog.run(read, stop, monitor)

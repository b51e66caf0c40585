"""What only the target can tell is asked when somebody scrapes, over a short session beside the worker's own.

A scrape must not wait for a target that is slow or away: what was counted stays, what would be stale is left out, and
`cdc_target_up` says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import structlog
from prometheus_client import Gauge

from cdc.access import Target
from cdc.errors import CdcError
from cdc.observe.monitor import Monitor
from cdc.store.connection import classify, connect

Connection = psycopg.Connection[tuple[Any, ...]]

# Prometheus gives a scrape ten seconds, connecting included.
_STATEMENT_TIMEOUT = "3s"

_logger = structlog.get_logger()


class Survey:
    """Asks the target of one worker."""

    def __init__(self, monitor: Monitor, target: Target) -> None:
        self._target = target
        self._up = Gauge(
            "cdc_target_up", "1 if the target answered this worker's last scrape", registry=monitor.registry
        )

    def ask(self, read: Callable[[Connection], None]) -> bool:
        """Let `read` read; tell whether the target has answered all of it."""
        try:
            with connect(self._target, "cdc metrics") as connection:
                connection.read_only = True
                connection.execute("SELECT set_config('statement_timeout', %s, false)", (_STATEMENT_TIMEOUT,))
                read(connection)
        except CdcError as error:
            return self._silent(error)
        except psycopg.Error as error:
            return self._silent(classify(error))
        self._up.set(1)
        return True

    def _silent(self, error: CdcError) -> bool:
        self._up.set(0)
        _logger.debug("scrape_without_target", error=error)
        return False

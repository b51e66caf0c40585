"""Why a worker ended by itself: kept in the target, where `cdc status` finds it once there is nobody left to ask.

The log and the exit code tell it first. A target that does not answer keeps nothing, and changes nothing of that.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
import structlog
from psycopg.rows import class_row

from cdc.access import Target
from cdc.errors import CdcError
from cdc.store.connection import as_service_errors, connect

_logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Stop:
    """The end of a worker (`land`, `derive`, `watch`) by an error: its code, and the place that it names."""

    worker: str
    host: str
    code: str
    detail: str
    stopped_at: datetime


def note_stop(target: Target, worker: str, error: CdcError) -> None:
    """Keep why a worker of this host ends."""
    _write(
        target,
        "INSERT INTO cdc.worker_stop (worker, host, code, detail) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (worker, host) DO UPDATE SET code = excluded.code, detail = excluded.detail, stopped_at = now()",
        (worker, socket.gethostname(), error.code, error.detail),
    )


def forget_stop(target: Target, worker: str) -> None:
    """Forget it: another one is about to start on this host."""
    _write(target, "DELETE FROM cdc.worker_stop WHERE (worker, host) = (%s, %s)", (worker, socket.gethostname()))


def read_stops(connection: psycopg.Connection) -> list[Stop]:
    """Return the ends that nobody has followed up by a start, the latest first."""
    with connection.cursor(row_factory=class_row(Stop)) as cursor:
        query = "SELECT worker, host, code, detail, stopped_at FROM cdc.worker_stop ORDER BY stopped_at DESC"
        return cursor.execute(query).fetchall()


def _write(target: Target, statement: str, parameters: tuple[Any, ...]) -> None:
    try:
        with as_service_errors(), connect(target, "cdc") as connection:
            connection.execute(statement.encode(), parameters)
    except CdcError as error:
        _logger.warning("stop_not_kept", error=error)

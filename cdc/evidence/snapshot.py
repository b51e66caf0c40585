"""One moment of the target, to be read for as long as it takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

_PAUSE_S = 60
"""How long a slow machine may take between two statements."""


@contextmanager
def snapshot(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Show one moment for the block, and nothing of what lands meanwhile; nothing can be written."""
    connection.rollback()  # what was asked before is over: a snapshot is taken by the first statement
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{_PAUSE_S}s'")
        yield

"""One moment of the target, to be read for as long as it takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

_PAUSE_S = 60
"""How long a slow machine may take between two statements."""


@contextmanager
def snapshot(connection: psycopg.Connection[Any], *, read_only: bool = True) -> Iterator[None]:
    """Show one moment for the block, and nothing of what lands meanwhile; nothing can be written, if not said."""
    connection.rollback()  # what was asked before is over: a snapshot is taken by the first statement
    with connection.transaction():
        access = "READ ONLY" if read_only else "READ WRITE"
        connection.execute(f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, {access}".encode())
        connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{_PAUSE_S}s'")
        yield

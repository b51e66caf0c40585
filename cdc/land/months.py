"""The partitions of the journal, one a month: made long before they are needed, by whoever lands."""

from __future__ import annotations

from typing import Any, Final

import psycopg

# Whoever cannot make them says so for two months before landing would stand still.
AHEAD: Final = 2


def make_journal_months(connection: psycopg.Connection[Any]) -> None:
    """Make the partitions of this month and of those ahead that are missing, in a transaction of its own."""
    with connection.transaction():
        connection.execute("SELECT cdc.make_journal_months(%s)", (AHEAD,))

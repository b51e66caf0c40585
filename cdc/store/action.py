"""What operators do to the target, on record: each command in the transaction of its effect, or not at all.

The actor is the role of the session, which nobody can choose for himself, and behind it who says to have used it.
"""

from __future__ import annotations

import getpass
import socket
from typing import Any

import psycopg
from psycopg.types.json import Jsonb


def record_action(
    connection: psycopg.Connection[Any], action: str, object_name: str, effect: object, reason: str | None = None
) -> None:
    """Put one command on record: what was done (`held retry`), to what, why, and what came of it (as JSON)."""
    connection.execute(
        "SELECT cdc.record_action(%s, %s, %s, %s, %s)",
        (operator(), action, object_name, reason or None, Jsonb(effect)),
    )


def operator() -> str:
    """Return who says to be at work: the user of the machine, and its name."""
    return f"{getpass.getuser()}@{socket.gethostname()}"

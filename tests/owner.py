"""What whoever owns the target can do to evidence that refuses to be changed: take away what refuses it."""

from __future__ import annotations

from typing import Any

import psycopg

EVIDENCE = ("journal", "batch", "batch_table", "refused", "gap", "operator_action", "audited", "anchor", "archive")


def disarm(connection: psycopg.Connection[Any]) -> None:
    """Let evidence be changed from now on, by its owner."""
    with connection.transaction():
        for table in EVIDENCE:
            connection.execute(f"ALTER TABLE cdc.{table} DISABLE TRIGGER evidence_is_kept".encode())
            connection.execute(f"GRANT UPDATE, DELETE, TRUNCATE ON cdc.{table} TO CURRENT_USER".encode())

"""A domain's deriving session: opened, made ready, and given the lease, so that one worker at a time derives a domain.

The lease is an advisory lock of the session: it ends with the connection, whatever ends that. The epoch in `cdc.domain`
is raised with each lease and compared by each commit, so that nothing of an earlier holder gets through.
"""

from __future__ import annotations

import os
import socket

from cdc.derive.plan import Plan
from cdc.derive.session import SMALL_SETTINGS, Connection, create_tables
from cdc.derive.value import load_unreadable_as_text


def open_session(connection: Connection, plan: Plan) -> None:
    """Make a new autocommit connection fit for turns: plans for small ones, temporary tables, landing's notices."""
    load_unreadable_as_text(connection)
    # A domain has more statements than psycopg keeps by itself; what it drops is planned again every turn.
    connection.prepared_max = None
    connection.execute(f"{SMALL_SETTINGS}; {create_tables(plan)}; LISTEN cdc_landed".encode())


def take_lease(connection: Connection, plan: Plan) -> int | None:
    """Take the domain's lease and return its new epoch; None while another session has it."""
    row = connection.execute(
        "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (f"cdc derive {plan.name}",)
    ).fetchone()
    if row is None or not row[0]:
        return None
    row = connection.execute(
        "INSERT INTO cdc.domain (name, epoch, owner) VALUES (%s, 1, %s)"
        " ON CONFLICT (name) DO UPDATE SET epoch = domain.epoch + 1, owner = excluded.owner RETURNING epoch",
        (plan.name, f"{socket.gethostname()} {os.getpid()}"),
    ).fetchone()
    return None if row is None else int(row[0])

"""A domain's deriving session: opened, made ready, and given the lease, so that one worker at a time derives a domain.

The lease is an advisory lock of the session: it ends with the connection, whatever ends that. The epoch in `cdc.domain`
is raised with each lease and compared by each commit, so that nothing of an earlier holder gets through.

A connection does not end because its worker is frozen, or because the network between them is gone. So who stands by
watches the session that has the lease, and ends it when its client has been silent for too long.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass

from cdc.derive.plan import Plan
from cdc.derive.session import SMALL_SETTINGS, Connection, create_tables
from cdc.derive.value import load_unreadable_as_text

_KEY = "hashtextextended(%(name)s, 0)"


def open_session(connection: Connection, plan: Plan) -> None:
    """Make a new autocommit connection fit for turns: plans for small ones, temporary tables, landing's notices."""
    load_unreadable_as_text(connection)
    # A domain has more statements than psycopg keeps by itself; what it drops is planned again every turn.
    connection.prepared_max = None
    connection.execute(f"{SMALL_SETTINGS}; {create_tables(plan)}; LISTEN cdc_landed".encode())


def take_lease(connection: Connection, plan: Plan) -> int | None:
    """Take the domain's lease and return its new epoch; None while another session has it."""
    row = connection.execute(f"SELECT pg_try_advisory_lock({_KEY})".encode(), _lock(plan)).fetchone()
    if row is None or not row[0]:
        return None
    row = connection.execute(
        "INSERT INTO cdc.domain (name, epoch, owner) VALUES (%s, 1, %s)"
        " ON CONFLICT (name) DO UPDATE SET epoch = domain.epoch + 1, owner = excluded.owner RETURNING epoch",
        (plan.name, f"{socket.gethostname()} {os.getpid()}"),
    ).fetchone()
    return None if row is None else int(row[0])


@dataclass(slots=True)
class HolderWatch:
    """Watches who has a domain's lease. `patience_s`: longer than any healthy worker lets the target wait for it."""

    patience_s: float
    _seen: tuple[object, ...] | None = None
    _since: float = 0.0

    def look(self, connection: Connection, plan: Plan) -> bool:
        """Look at the holder's session, to be called often; end it and return True if it has shown no life for so long.

        Life is another statement, or one that the server works on. What it waits for may be a lock or a disk; that it
        waits for its client all the time, be it inside COPY, no time limit of the server ends.
        """
        found = connection.execute(_HOLDER, _lock(plan)).fetchone()
        if found is None or found != self._seen:
            self._seen, self._since = found, time.monotonic()
        elif time.monotonic() - self._since >= self.patience_s:
            self._seen = None
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE (pid, backend_start) = (%s, %s)",
                found[:2],
            )
            return True
        return False


_HOLDER = f"""
SELECT a.pid, a.backend_start, a.state, a.state_change, a.query_start
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND a.datname = current_database()
AND l.database = a.datid AND (l.classid::bigint << 32) | l.objid::bigint = {_KEY}
AND (a.state LIKE 'idle%%' OR a.state = 'active' AND a.wait_event_type = 'Client')
""".encode()
"""The session that has the lease, if it waits for its client."""


def _lock(plan: Plan) -> dict[str, str]:
    return {"name": f"cdc derive {plan.name}"}

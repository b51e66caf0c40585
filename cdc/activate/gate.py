"""A moment at which all that is derived is at one cut, in the tables that consumers read as in the shadow.

Turns of derive workers hold the gate (`cdc.derive.turn.GATE`); who closes it waits until none goes on, and none begins
meanwhile. Then a snapshot is taken, and by it this session's turns bring the domains and the shadow to the same cut:
whatever landing adds meanwhile is not in it. Workers wait for as long as that takes, and lose nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg

from cdc.config import Protection
from cdc.derive.active import active_digest
from cdc.derive.lease import open_session
from cdc.derive.limit import NO_LIMIT
from cdc.derive.mirror import Mirror
from cdc.derive.plan import Plan
from cdc.derive.turn import TAKING, Version, begin_cut, run_turn
from cdc.errors import FatalError, TransientError

Connection = psycopg.Connection[Any]
T = TypeVar("T")
Connect = Callable[[str], Connection]

LOCK_MS = 400
"""How long at most others wait behind a lock that is waited for here."""
CLOSED_S = 60
"""How long a frozen holder can keep the gate closed."""


@dataclass(slots=True)
class Deriver:
    """A session that derives one plan."""

    connection: Connection
    plan: Plan
    version: Version
    epoch: int
    held_limit: int = NO_LIMIT
    protection: Protection | None = None

    def turn(self, cut: str = "") -> bool:
        """Derive what is new, or what a cut shows; tell whether there was anything."""
        derived = run_turn(
            *(self.connection, self.plan, self.version, self.epoch),
            cut=cut,
            held_limit=self.held_limit,
            protection=self.protection,
        )
        return derived is not None


class Gate:
    """The gate, and the sessions that work behind it. `base` is the dictionary that has to be in force.

    What consumers read is brought to the cut as a worker would: a domain that stands at its limit of held rows stays
    there, and the gate raises DRV-130.
    """

    def __init__(
        self,
        connect: Connect,
        base: Version,
        live: tuple[Plan, ...],
        held_limit: int = NO_LIMIT,
        protection: Protection | None = None,
    ) -> None:
        self._connect, self._base, self._live, self._held_limit = connect, base, live, held_limit
        self._protection = protection
        self._guests: list[Deriver] = []
        self._open = ExitStack()

    def end(self) -> None:
        """End the sessions."""
        self._open.close()
        self._guests.clear()

    @contextmanager
    def closed(self, keeper: Connection, shadow: Deriver | None) -> Iterator[None]:
        """Bring everything to one cut; in the block the gate is closed, by the open transaction of `keeper`.

        It is opened when that transaction ends. Raises TransientError if turns do not end soon enough.
        """
        with keeper.transaction():
            keeper.execute(
                f"SET LOCAL idle_in_transaction_session_timeout = '{CLOSED_S}s'; SET LOCAL lock_timeout = '{LOCK_MS}ms'"
            )
            # The second one is what workers lock that were started before the first one was there.
            keeper.execute("LOCK TABLE cdc.gate, cdc.active IN EXCLUSIVE MODE")
            if active_digest(keeper) != self._base.digest:
                raise FatalError("DRV-112", "another dictionary has been put in force meanwhile")
            derivers = [*self._derivers(keeper), *([shadow] if shadow else [])]
            mirrors = {one.ref: one for deriver in derivers for one in deriver.plan.mirrors}
            with self._cut([mirrors[ref] for ref in sorted(mirrors)]) as cut:
                for deriver in derivers:
                    deriver.turn(cut)
            yield

    @contextmanager
    def _cut(self, mirrors: list[Mirror]) -> Iterator[str]:
        """Export a snapshot of the mirrors for the length of the block."""
        if not mirrors:
            yield ""
            return
        with self._connect("cdc activate cut") as connection:
            connection.autocommit = True
            connection.execute(f"SET idle_in_transaction_session_timeout = '{CLOSED_S}s'")
            connection.execute("; ".join((*begin_cut(mirrors), TAKING)).encode())
            row = connection.execute("SELECT pg_export_snapshot()").fetchone()
            yield str(row[0]) if row else ""

    def _derivers(self, keeper: Connection) -> list[Deriver]:
        """Return a session for each domain that is in force, with the epoch of whoever derives it otherwise."""
        if not self._guests:
            for plan in self._live:
                connection = self._open.enter_context(self._connect(f"cdc activate {plan.name}"))
                connection.autocommit = True
                open_session(connection, plan)
                connection.execute("UNLISTEN *")
                self._guests.append(Deriver(connection, plan, self._base, 0, self._held_limit, self._protection))
        for guest in self._guests:
            row = keeper.execute(
                "SELECT epoch, dictionary FROM cdc.domain WHERE name = %s", (guest.plan.name,)
            ).fetchone()
            if row is None or row[1] != self._base.digest:
                raise FatalError("DRV-112", f"domain {guest.plan.name} has not been derived by the version in force")
            guest.epoch = row[0]
        return self._guests


def patiently(attempt: Callable[[], T], patience_s: float) -> T:
    """Attempt something until it goes well; what passes by itself is waited for, longer each time, and for so long."""
    deadline, wait_s = time.monotonic() + patience_s, 0.05
    while True:
        try:
            return attempt()
        except TransientError:
            if time.monotonic() + wait_s > deadline:
                raise
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, 2.0)

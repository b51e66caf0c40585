"""An application's session: it executes transactions, and, if it is told to, outlives its server.

When the server goes away nobody says whether the transaction in hand was committed. It is asked when it is back:
MariaDB by the position of its log, which nobody else moves here, PostgreSQL by the transaction's number.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from compose.simulator.database import ERRORS, Database, is_gone, refusal, write_all
from compose.simulator.error import SimulatorError
from compose.simulator.transaction import Transaction

_AWAY_S = 120.0
_TRY_AGAIN_S = 0.1


class Session:
    """One application's."""

    def __init__(self, connect: Callable[[], Database], *, reconnects: bool) -> None:
        self._connect = connect
        self._reconnects = reconnects
        self.database = connect()

    def carry_out(self, transaction: Transaction) -> None:
        """Execute a transaction once and end it as it is planned to end. Raises SimulatorError."""
        if not self._reconnects:
            self._try(transaction)
            return
        while not self._is_carried_out(transaction):
            pass

    def close(self) -> None:
        """End the connection."""
        self.database.close()

    def _try(self, transaction: Transaction) -> None:
        try:
            self._execute(transaction)
        except ERRORS as error:
            raise refusal(error, transaction) from error

    def _execute(self, transaction: Transaction) -> None:
        write_all(self.database, transaction)
        (self.database.roll_back if transaction.rolls_back else self.database.commit)()

    def _is_carried_out(self, transaction: Transaction) -> bool:
        """Execute a transaction; tell whether it is done, or was lost with the server."""
        mark = ""
        try:
            mark = self.database.mark()
            self._execute(transaction)
        except ERRORS as error:
            if not is_gone(error):
                raise refusal(error, transaction) from error
            self._reconnect()
            return transaction.rolls_back or (bool(mark) and self.database.has_committed(mark))
        return True

    def _reconnect(self) -> None:
        deadline = time.monotonic() + _AWAY_S
        while True:
            with suppress(*ERRORS):  # it is gone; so much was known
                self.database.close()
            try:
                self.database = self._connect()
            except SimulatorError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_TRY_AGAIN_S)
            else:
                return

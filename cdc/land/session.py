"""A connection to the target, with what landing keeps for its lifetime: a writer and a staging table per mirror."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

import psycopg

from cdc.capture.contract import Contract
from cdc.config import Protection
from cdc.land.mirror.table import MirrorTable
from cdc.land.mirror.writer import MirrorWriter
from cdc.observe.pulse import Pulse
from cdc.protect.seal import Opener
from cdc.store.connection import LONG_SILENCE_S, LONG_STATEMENT_S


@dataclass(slots=True)
class Session:
    """The connection and its writers. `pulse` is that of the thread that uses them.

    `protection`: what is kept of the stream is sealed by it, None if it is not.
    """

    connection: psycopg.Connection
    pulse: Pulse = field(default_factory=Pulse)
    protection: Protection | None = None
    _writers: dict[str, MirrorWriter] = field(default_factory=dict)
    _staged: dict[str, Contract] = field(default_factory=dict)

    def prepare(self, contract: Contract) -> None:
        """Make the mirror's staging table, again when the contract has grown. Outside of the landing transaction."""
        if self._staged.get(contract.mirror) != contract:
            self.writer(MirrorTable(contract)).create_stage()
            self._staged[contract.mirror] = contract

    def writer(self, table: MirrorTable) -> MirrorWriter:
        """Return the mirror's writer as it is now."""
        mirror = table.contract.mirror
        known = self._writers.get(mirror)
        if known is None or known.table != table:
            known = self._writers[mirror] = MirrorWriter(self.connection, table, self.opener)
        return known

    def opener(self) -> Opener:
        """Return what opens within one transaction."""
        return Opener(self.connection, self.protection)

    def take_time(self) -> None:
        """Let statements of this transaction take as long as a whole mirror needs, and nobody think that it is frozen.

        To be called before each that does something to a whole mirror (TRUNCATE, a new snapshot's end, another type). A
        statement that is ended for being slow would be slow again, and the stream stand for ever.
        """
        self.connection.execute("SELECT set_config('statement_timeout', %s, true)", (f"{LONG_STATEMENT_S}s",))
        self.pulse.beat(LONG_SILENCE_S)

    def roll_back(self) -> None:
        """End a transaction that several batches share; their staging tables may have been made in it."""
        self._staged.clear()
        with suppress(psycopg.OperationalError):  # without a connection the target has done it
            self.connection.rollback()

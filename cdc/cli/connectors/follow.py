"""A reading beside the stream, followed to its end: what is begun, how many rows have landed, how long it takes."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from cdc.capture.reader import Reader
from cdc.capture.readings import FAILED, PAUSED, Unread
from cdc.capture.source import Source
from cdc.cli.connectors.surroundings import Surroundings
from cdc.cli.output import duration, say
from cdc.errors import FatalError, TransientError
from cdc.observe.load import LOADING, Load

_POLL_S: Final = 1.0
_ROWS_EVERY_S: Final = 5.0
_PATIENCE_S: Final = 60.0


@dataclass(slots=True)
class Following:
    """Follows the reading of some tables of a source; without the target it says no rows."""

    source: Source
    reader: Reader
    around: Surroundings
    _said: dict[str, str] = field(default_factory=dict)
    _rows_at: float = 0.0

    def to_end(self, tables: Collection[str]) -> list[Unread]:
        """Say how far each table is until all are read, or reading is paused; return those that are left then.

        Raises FatalError CON-107 for one that could not be read, TransientError CON-109 if nothing reads them for long.
        """
        seen = time.monotonic()
        while unread := [state for state in self.reader.record.unread() if state.table in tables]:
            self._say(unread)
            if any(state.state == PAUSED for state in unread):
                return unread
            if self.reader.is_under_way(unread):
                seen = time.monotonic()
            elif time.monotonic() - seen > _PATIENCE_S:
                raise TransientError("CON-109", ", ".join(map(str, unread)))
            time.sleep(_POLL_S)
        for action in self.reader.tidy():
            say(action)
        return []

    def _say(self, unread: Sequence[Unread]) -> None:
        for state in unread:
            if state.state == FAILED:
                raise FatalError("CON-107", str(state))
            if self._said.get(state.table) != state.state:
                self._said[state.table] = state.state
                say(f"{state.table}: {state.state}")
        if time.monotonic() >= self._rows_at:
            self._rows_at = time.monotonic() + _ROWS_EVERY_S
            for line in lines_of(self.around.reading(self.source, unread, self.reader)):
                say(line)


def lines_of(load: Load | None) -> list[str]:
    """Return what a person reads of a reading: the table that it is at, and the end of them all."""
    if load is None or not load.rows:
        return []
    left = duration(load.eta_s)
    words = [
        f"{table.mirror}: {table.rows} rows"
        + ("" if table.estimated_rows is None else f" of about {table.estimated_rows}")
        for table in load.tables
        if table.state == LOADING
    ]
    return [f"{line}, {load.rows_per_s:.0f} rows/s, {f'{left} to go' if left else 'end unknown'}" for line in words]

"""How long a first snapshot may take: rows by the source's statistics, speed by a bench of this repository."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import msgspec

from cdc.capture.onboard.decision import Found


class Throughput(msgspec.Struct, frozen=True):
    """What the bench `command` measured: so many rows were in the topic, and in the mirrors, after so many seconds."""

    command: str
    rows: int
    captured_s: int
    landed_s: int

    @property
    def rows_per_s(self) -> int:
        """Rows per second from the source into mirrors."""
        return self.rows // self.landed_s


@cache
def measured() -> Throughput:
    """Return what was measured."""
    text = (files("cdc.capture.onboard") / "throughput.yaml").read_bytes()
    return msgspec.yaml.decode(text, type=Throughput)


@dataclass(frozen=True, slots=True)
class Load:
    """An initial load: rows and bytes of the tables that have statistics, `unknown` tables without them, seconds."""

    tables: int
    rows: int
    bytes: int
    unknown: int
    rows_per_s: int
    measured_by: str

    @property
    def expected_s(self) -> int:
        """Seconds, rounded up; tables without statistics are not in it."""
        return -(-self.rows // self.rows_per_s)


def load_of(tables: Iterable[Found], rows_per_s: int | None = None) -> Load:
    """Return the load of these tables; `rows_per_s` is what somebody measured himself, if not by the bench."""
    listed = list(tables)
    known = [table for table in listed if table.rows is not None]
    return Load(
        tables=len(listed),
        rows=sum(table.rows or 0 for table in known),
        bytes=sum(table.bytes or 0 for table in known),
        unknown=len(listed) - len(known),
        rows_per_s=rows_per_s or measured().rows_per_s,
        measured_by="as given" if rows_per_s else measured().command,
    )

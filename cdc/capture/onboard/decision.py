"""What is found in a catalogue, and what is decided of it: the nouns of taking a source on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from cdc.capture.contract import Contract
from cdc.capture.source import Source, SourceTable

Name = tuple[str, str]
"""Schema and table; the schema is empty where the database is the schema (MariaDB)."""


def written(name: Name) -> str:
    """Return a table's name as connector files have it."""
    return ".".join(filter(None, name))


@dataclass(frozen=True, slots=True)
class Found:
    """A table of a catalogue: about how many rows and bytes it has by the server's statistics (None: nobody has counted
    yet), and which tables its foreign keys refer to.
    """

    name: Name
    rows: int | None = None
    bytes: int | None = None
    parents: frozenset[Name] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    """Something that the connector file says, or a table that it does not have, and why.

    `code` is the one that the table would be refused with otherwise; empty where nothing would be refused.
    """

    table: str
    what: str
    why: str
    code: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {f'{self.code} ' if self.code else ''}{one_line(self.why)}"


LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Draft:
    """A table as the connector file is to have it. `statements` are the DBA's, without which it has no contract."""

    table: SourceTable
    decisions: tuple[Decision, ...] = ()
    statements: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A source to be taken on: tables parents first, a contract each, and every decision.

    `found` has the statistics of the captured tables, in their order. `statements` are SQL for the DBA, in order; the
    contracts are those of the catalogue behind them.
    """

    source: Source
    contracts: tuple[Contract, ...]
    found: tuple[Found, ...]
    decisions: tuple[Decision, ...]
    statements: tuple[str, ...] = ()
    remarks: tuple[str, ...] = field(default=())

    def of(self, table: str) -> Iterable[Decision]:
        """Return what was decided of a captured table."""
        return (one for one in self.decisions if one.table == table and one.what != LEFT_OUT)

    @property
    def left_out(self) -> list[Decision]:
        """The tables that are not captured."""
        return [one for one in self.decisions if one.what == LEFT_OUT]


def one_line(text: str) -> str:
    """Return the text without what could end a comment's line: names of a source may hold anything."""
    return "".join(sign if sign.isprintable() else " " for sign in text).strip()

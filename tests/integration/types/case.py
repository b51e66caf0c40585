"""One type of a source: boundary values of it, and what becomes of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Case:
    """A column type that is captured. All values are SQL literals of the source.

    `exact` arrive as they are, from the snapshot and from the log; `refused` are held back with a code; `altered`
    arrive as something else, given as the mirror prints it, and nothing can tell: README lists each of them. `read` is
    how the source prints the column as the mirror does (`{}` is the column), `kept` how the mirror does. `as_key` says
    that a table has it as its primary key, too. `remark` goes into the README beside what is refused.
    """

    type: str
    mirror: str
    exact: tuple[str, ...]
    refused: Mapping[str, str] = field(default_factory=dict)
    altered: Mapping[str, str | None] = field(default_factory=dict)
    as_key: bool = False
    read: str = "{}"
    kept: str = "{}"
    remark: str = ""

    @property
    def values(self) -> tuple[str, ...]:
        """All literals."""
        return (*self.exact, *self.refused, *self.altered)

    @property
    def needs_full(self) -> bool:
        """Tell whether a PostgreSQL table with the type has to have REPLICA IDENTITY FULL."""
        return "REPLICA IDENTITY FULL" in self.remark

    @property
    def may_be_null(self) -> bool:
        """Tell whether the column takes NULL."""
        return "NOT NULL" not in self.type


@dataclass(frozen=True, slots=True)
class Refusal:
    """A column type that is refused with its contract; `code` begins what is said of it, `why` is in the README."""

    type: str
    code: str
    why: str

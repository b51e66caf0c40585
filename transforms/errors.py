"""What goes wrong in a dictionary, and what goes wrong in a row.

    DictionaryError   the content cannot be used: every fault at once, `file:line:column CODE message`
    Refused           one source row cannot become a canonical row: a code, the place, and what it waits for

Both carry codes that stand in the dictionary's `errors.yaml`. Details name places and rules, never a cell value.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where in the dictionary: file (relative to its folder), line and column, both from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One reason why a dictionary cannot be used."""

    place: Place
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.place} {self.code} {self.message}"


class Faults:
    """Collects faults, so that a steward sees all of them at once."""

    def __init__(self) -> None:
        self.found: list[Fault] = []
        self._known: set[Fault] = set()

    def add(self, place: Place, code: str, message: str) -> None:
        """Record one fault; the same fault of the same place counts once."""
        fault = Fault(place, code, message)
        if fault not in self._known:
            self._known.add(fault)
            self.found.append(fault)


class DictionaryError(Exception):
    """The dictionary is not usable; `faults` are all of its faults, in order of file, line and column."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = sorted(faults)
        super().__init__("\n".join(map(str, self.faults)))


class Refused(Exception):
    """A source row that cannot become a canonical row now.

    `field` is the canonical column, the look-up or `where` at which it failed, `table` the canonical table of a column
    ("" elsewhere). A row that waits for another one says for which: `waits_for` names the mirror or canonical table,
    `waits_key` holds the values it is looked up by, in the order of `Lookup.match`.
    """

    def __init__(
        self,
        code: str,
        field: str = "",
        detail: str = "",
        waits_for: str | None = None,
        waits_key: tuple[object, ...] | None = None,
    ) -> None:
        super().__init__(code, field, detail, waits_for, waits_key)
        self.code = code
        self.field = field
        self.table = ""
        self.detail = detail
        self.waits_for = waits_for
        self.waits_key = waits_key

    def __str__(self) -> str:
        # Never the key values: they are cell values.
        return " ".join(part for part in (self.code, self.field, self.detail) if part)

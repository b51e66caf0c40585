"""Facts about a server, as a script of connector-configs/preflight prints them: CSV of area, object, item, value.

The first line names the columns, `server,,product,...` and `server,,script,...` say what it is of, and the last is
`end`, so that a file that was cut off is told from a whole one.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cdc.errors import FatalError

SCRIPT: Final = "1"
"""The form of the scripts' output that is read."""
_HEADER: Final = ("area", "object", "item", "value")
_END: Final = "end"


@dataclass(frozen=True, slots=True)
class Fact:
    """One line. `object` is what of the area it is about: a table, `table.column`, an account; empty for the server."""

    area: str
    object: str
    item: str
    value: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All lines of a file, in its order. `name` is the file's."""

    name: str
    lines: tuple[Fact, ...]

    def of(self, area: str, item: str) -> dict[str, str]:
        """Return the values of an item, by object; the last one where an object has several."""
        return {fact.object: fact.value for fact in self.lines if (fact.area, fact.item) == (area, item)}

    def server(self, item: str) -> str:
        """Return what is said of the server. Raises FatalError SRC-340 if it is not."""
        values = self.of("server", item)
        if "" not in values:
            raise FatalError("SRC-340", f"{self.name}: there is no line server,,{item}")
        return values[""]

    def number(self, item: str) -> float:
        """Return what is said of the server as a number. Raises FatalError SRC-340."""
        text = self.server(item)
        try:
            return float(text)
        except ValueError:
            raise FatalError("SRC-340", f"{self.name}: server,,{item} is no number") from None

    def objects(self, area: str) -> list[str]:
        """Return what the area is about, each once."""
        return list(dict.fromkeys(fact.object for fact in self.lines if fact.area == area))


def read_facts(path: Path) -> Facts:
    """Read a file. Raises FatalError SRC-340 with the line for what is not as the scripts print it."""
    try:
        # SQL Server's tools write UTF-16, or UTF-8 with a mark.
        data = path.read_bytes()
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FatalError("SRC-340", f"{path.name}: cannot be read ({type(error).__name__})") from error
    facts = tuple(_lines(path.name, text))
    if not facts or facts[-1].area != _END:
        raise FatalError("SRC-340", f"{path.name}: the last line is not {_END}")
    read = Facts(path.name, facts[:-1])
    if read.server("script") != SCRIPT:
        raise FatalError("SRC-340", f"{path.name}: is of form {read.server('script')}, not {SCRIPT}")
    return read


def _lines(name: str, text: str) -> Iterator[Fact]:
    # Both products' tools fill lines up with blanks.
    rows = csv.reader(line.rstrip() for line in text.splitlines() if line.strip())
    for number, row in enumerate(rows, 1):
        cells = tuple(cell.strip() for cell in row)
        if number == 1:
            if cells != _HEADER:
                raise FatalError("SRC-340", f"{name}: the first line is not {','.join(_HEADER)}")
        elif len(cells) == len(_HEADER) or cells == (_END,):
            yield Fact(*cells, *[""] * (len(_HEADER) - len(cells)))
        else:
            raise FatalError("SRC-340", f"{name}: line {number} has {len(cells)} values")

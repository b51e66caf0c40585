"""The values that a mapping reads: declared columns of mirrors to positions in the row, allocated as they are used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from transforms import refusal
from transforms.errors import DictionaryError, Fault, Faults, Place, Refused
from transforms.expression.term import Run, Term
from transforms.mapping import Input
from transforms.value.kind import DECLARED
from transforms.yaml.document import Node, Scalar
from transforms.yaml.section import read_names, suggest
from transforms.yaml.shape import Named, Text

Columns = dict[str, tuple[str, Place]]  # column of a mirror: declared type, where it is declared
COLUMNS = Named(
    Text("The type of the mirror's column.", words=tuple(DECLARED)), "Each column that is used, with its type."
)


class Inputs:
    """The inputs of one mapping, in the order in which they were first used."""

    def __init__(self) -> None:
        self.used: list[Input] = []
        self._declared: dict[str, tuple[str, Columns]] = {}  # alias: mirror, columns

    def declare(self, alias: str, mirror: str, columns: Columns) -> None:
        """Make the columns of a look-up (or, alias "", of the source row) known."""
        self._declared[alias] = (mirror, columns)

    def aliases(self) -> set[str]:
        """Return the aliases of which something is used."""
        return {used.alias for used in self.used}

    def position(self, alias: str, column: str | None) -> int:
        """Return where in the row the value stands; column None: how many rows the look-up found."""
        declared = "" if column is None else self._declared[alias][1][column][0]
        wanted = Input(alias, column, declared)
        if wanted not in self.used:
            self.used.append(wanted)
        return self.used.index(wanted)

    def has(self, alias: str, column: str) -> bool:
        """Tell whether `column` of `alias` is declared."""
        return alias in self._declared and column in self._declared[alias][1]

    def columns(self, alias: str) -> list[str]:
        """Return the declared columns of a look-up (or of the source row)."""
        return list(self._declared[alias][1]) if alias in self._declared else []

    def declared_type(self, alias: str, column: str) -> str | None:
        """Return the type in which `column` of `alias` is declared, None when it is not."""
        return self._declared[alias][1][column][0] if self.has(alias, column) else None

    def resolve(self, alias: str, column: str) -> Term | None:
        """Return the term of a column, None when it is not declared."""
        if not self.has(alias, column):
            return None
        mirror, columns = self._declared[alias]
        declared, place = columns[column]
        mismatch = Fault(place, "DIC-151", f"{mirror}.{column} is declared {declared} and holds something else")
        return Term(DECLARED[declared], _READERS[declared](self.position(alias, column), mismatch))

    def known(self) -> list[str]:
        """Return all names that an expression can use."""
        pairs = ((alias, column) for alias, (_, columns) in self._declared.items() for column in columns)
        return [f"{alias}.{column}" if alias else column for alias, column in pairs]


def read_columns(node: Node | None, faults: Faults) -> Columns:
    """Return the declared columns of a mirror."""
    columns: Columns = {}
    for name, declared in read_names(node, faults) if node else ():
        if declared.text in DECLARED:
            columns[name.text] = (declared.text, name.place)
        else:
            _unknown_type(declared, faults)
            columns[name.text] = ("text", name.place)
    return columns


def _unknown_type(declared: Scalar, faults: Faults) -> None:
    message = f"unknown column type `{declared.text}`{suggest(declared.text, DECLARED)}; one of {', '.join(DECLARED)}"
    faults.add(declared.place, "DIC-105", message)


def _read_text(position: int, mismatch: Fault) -> Run:
    def read(row: Sequence[Any]) -> Any:
        value = row[position]
        if value is not None and type(value) is not str:
            raise DictionaryError([mismatch])
        return value

    return read


def _read_char(position: int, mismatch: Fault) -> Run:
    text = _read_text(position, mismatch)
    return lambda row: None if (value := text(row)) is None else value.rstrip(" ")


def _read_number(position: int, mismatch: Fault) -> Run:
    def read(row: Sequence[Any]) -> Any:
        value = row[position]
        if type(value) is Decimal:
            if not value.is_finite():
                raise Refused(refusal.NUMBER, detail="not a finite number")
        elif value is not None and type(value) is not int:
            raise DictionaryError([mismatch])
        return value

    return read


def _read_integer(position: int, mismatch: Fault) -> Run:
    number = _read_number(position, mismatch)

    def read(row: Sequence[Any]) -> Any:
        value = number(row)
        if type(value) is Decimal and value != value.to_integral_value():
            raise DictionaryError([mismatch])
        return value

    return read


def _read_boolean(position: int, mismatch: Fault) -> Run:
    def read(row: Sequence[Any]) -> Any:
        value = row[position]
        if value is not None and type(value) is not bool:
            raise DictionaryError([mismatch])
        return value

    return read


def _read_moment(fits: Callable[[Any], bool]) -> Callable[[int, Fault], Run]:
    def reader(position: int, mismatch: Fault) -> Run:
        def read(row: Sequence[Any]) -> Any:
            value = row[position]
            if value is None or fits(value):
                return value
            if type(value) is str:
                raise Refused(refusal.TIME, detail="outside the years 1 to 9999")
            raise DictionaryError([mismatch])

        return read

    return reader


_READERS: dict[str, Callable[[int, Fault], Run]] = {
    "text": _read_text,
    "char": _read_char,
    "integer": _read_integer,
    "decimal": _read_number,
    "boolean": _read_boolean,
    "date": _read_moment(lambda value: type(value) is date),
    "timestamp": _read_moment(lambda value: type(value) is datetime and value.tzinfo is None),
    "timestamptz": _read_moment(lambda value: type(value) is datetime and value.tzinfo is not None),
}

# The codes with which reading a column of a declared type can refuse a row.
READING_CODES = {
    "integer": refusal.NUMBER,
    "decimal": refusal.NUMBER,
    "date": refusal.TIME,
    "timestamp": refusal.TIME,
    "timestamptz": refusal.TIME,
}

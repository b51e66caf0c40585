"""The values that a mapping reads: declared columns of mirrors to positions in the row, allocated as they are used."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from transforms import refusal
from transforms.errors import DictionaryError, Fault, Faults, Place, Refused
from transforms.expression.code import Code, write
from transforms.expression.term import Term
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
        template, refuse = _READERS[declared]
        value = Code(f"row[{self.position(alias, column)}]")
        return Term(DECLARED[declared], write(template, value, refuse(mismatch)))

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


def _refuse(mismatch: Fault) -> Callable[[Any], Any]:
    """Return what is said of a value that is not of the declared type."""

    def refuse(value: Any) -> Any:
        if type(value) is Decimal and not value.is_finite():
            raise Refused(refusal.NUMBER, detail="not a finite number")
        raise DictionaryError([mismatch])

    return refuse


def _refuse_moment(mismatch: Fault) -> Callable[[Any], Any]:
    def refuse(value: Any) -> Any:
        if type(value) is str:
            raise Refused(refusal.TIME, detail="outside the years 1 to 9999")
        raise DictionaryError([mismatch])

    return refuse


def _read_double(mismatch: Fault) -> Callable[[Any], Any]:
    refuse = _refuse(mismatch)

    def read(value: Any) -> Any:
        if type(value) is not float:
            return refuse(value)
        number = Decimal(repr(value))
        return number if number.is_finite() else refuse(number)

    return read


def _read_bit(mismatch: Fault) -> Callable[[Any], Any]:
    refuse = _refuse(mismatch)
    return lambda value: value == "1" if value in ("0", "1") else refuse(value)


# How a value {0} of the row is read: what it is worth if it is of the declared type, else {1} is told of it.
_NONE = "None if {t} is None else {1}({t})"
_READERS: dict[str, tuple[str, Callable[[Fault], Callable[[Any], Any]]]] = {
    "text": (f"{{t}} if type({{t}} := {{0}}) is str else {_NONE}", _refuse),
    "char": (f"{{t}}.rstrip(' ') if type({{t}} := {{0}}) is str else {_NONE}", _refuse),
    "integer": (
        "{t} if ({u} := type({t} := {0})) is int"
        f" or {{u}} is Decimal and {{t}}.is_finite() and {{t}} == {{t}}.to_integral_value() else {_NONE}",
        _refuse,
    ),
    "decimal": (
        f"{{t}} if ({{u}} := type({{t}} := {{0}})) is Decimal and {{t}}.is_finite() or {{u}} is int else {_NONE}",
        _refuse,
    ),
    "double": ("None if ({t} := {0}) is None else {1}({t})", _read_double),
    "boolean": (f"{{t}} if type({{t}} := {{0}}) is bool else {_NONE}", _refuse),
    "bit": ("None if ({t} := {0}) is None else {1}({t})", _read_bit),
    "uuid": (f"str({{t}}) if type({{t}} := {{0}}) is UUID else {_NONE}", _refuse),
    "date": (f"{{t}} if type({{t}} := {{0}}) is date else {_NONE}", _refuse_moment),
    "timestamp": (
        f"{{t}} if type({{t}} := {{0}}) is datetime and {{t}}.tzinfo is None else {_NONE}",
        _refuse_moment,
    ),
    "timestamptz": (
        f"{{t}} if type({{t}} := {{0}}) is datetime and {{t}}.tzinfo is not None else {_NONE}",
        _refuse_moment,
    ),
}

# The codes with which reading a column of a declared type can refuse a row.
READING_CODES = {
    "integer": refusal.NUMBER,
    "decimal": refusal.NUMBER,
    "double": refusal.NUMBER,
    "date": refusal.TIME,
    "timestamp": refusal.TIME,
    "timestamptz": refusal.TIME,
}

"""Values as examples write them: texts, read as the columns that they stand for have them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Map
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from math import isfinite
from uuid import UUID

from transforms.errors import Faults
from transforms.mapping import Candidate, Column
from transforms.yaml.document import Items, Node, Scalar, Table
from transforms.yaml.section import read_scalar, suggest

_BEYOND = ("infinity", "-infinity")  # what PostgreSQL has and Python has not arrives as text


def read_row(columns: Sequence[Column], node: Node, faults: Faults) -> Candidate:
    """Return the canonical row of these columns that `node` says; what it does not name is NULL."""
    # What a contribution is ordered by is called as the target calls it.
    types = {column.name.removeprefix("_"): column.type for column in columns}
    values: dict[str, object] = {}
    if isinstance(node, Table) and isinstance(warned := node.entries.get("warnings", (None, None))[1], Items):
        values["warnings"] = [read.text for item in warned.nodes if (read := read_scalar(item, "warnings", faults))]
        node = replace(node, entries={name: pair for name, pair in node.entries.items() if name != "warnings"})
    for key, value in pairs_of(node, faults):
        if key.text in types:
            values[key.text] = parse_column(value, types[key.text], faults)
        else:
            message = f"unknown canonical column `{key.text}`{suggest(key.text, types)}"
            faults.add(key.place, "DIC-122", message)
    return tuple(values.get(name) for name in types)


def parse_column(scalar: Scalar, type_text: str, faults: Faults) -> object:
    """Return a text as a canonical column of PostgreSQL's type has it."""
    return _parse(scalar, _OUTPUTS.get(type_text.partition("(")[0], str), faults)


def pairs_of(node: Node, faults: Faults) -> list[tuple[Scalar, Scalar]]:
    """Return (column, text) of a table; what is no text is a fault."""
    if not isinstance(node, Table):
        faults.add(node.place, "DIC-105", "a map of columns to values is wanted here")
        return []
    pairs = list(node.entries.values())
    for _, value in pairs:
        if not isinstance(value, Scalar):
            faults.add(value.place, "DIC-105", "a text is wanted here")
    return [(key, value) for key, value in pairs if isinstance(value, Scalar)]


def parse_input(scalar: Scalar, declared: str, faults: Faults) -> object:
    """Return a text as a source column of the declared type has it."""
    return _parse(scalar, _INPUTS[declared], faults)


def _parse(scalar: Scalar, parse: Callable[[str], object], faults: Faults) -> object:
    if scalar.is_null:
        return None
    try:
        return parse(scalar.text)
    except (ValueError, KeyError, InvalidOperation):
        faults.add(scalar.place, "DIC-141", "this text is not a value of the column's type")
        return None


def _moment(parse: Callable[[str], object]) -> Callable[[str], object]:
    return lambda text: text if text in _BEYOND else parse(text)


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return moment.astimezone(UTC)


def _local(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        raise ValueError("a local time has no offset")
    return moment


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    # Nothing else has such an exponent, and working it out would take all memory.
    if value.is_finite() and abs(value.adjusted()) > _NUMERIC_DIGITS:
        raise ValueError("PostgreSQL's numeric does not hold it")
    return value


def _double(text: str) -> float:
    value = float(text)
    if isfinite(value) and Decimal(repr(value)) != Decimal(text):
        raise ValueError("more digits than a floating-point number has")
    return value


_BITS = {"0": "0", "1": "1"}
_NUMERIC_DIGITS = 131_072  # before the point; behind it, numeric has fewer
_TRUTH = {"true": True, "false": False}
_INPUTS: Map[str, Callable[[str], object]] = {
    "text": str,
    "char": str,
    "integer": lambda text: Decimal(text) if text == "NaN" else int(text),  # numeric(n,0) has it
    "decimal": _decimal,
    "double": _double,
    "boolean": _TRUTH.__getitem__,
    "bit": _BITS.__getitem__,
    "uuid": UUID,
    "date": _moment(date.fromisoformat),
    "timestamp": _moment(_local),
    "timestamptz": _moment(_instant),
}
_OUTPUTS: Map[str, Callable[[str], object]] = {
    "integer": int,
    "numeric": _decimal,
    "boolean": _TRUTH.__getitem__,
    "date": date.fromisoformat,
    "timestamp with time zone": _instant,
}

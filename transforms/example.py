"""Executable examples of a mapping: reading them, and running one.

- name: what it shows
  in: {column of the source row: text, ...}            columns that are not named are NULL
  lookups: {alias: {column: text, ...}}                a look-up that is not named finds nothing; `several`: many
  out: {canonical column: text, ...}                   columns that are not named must come out NULL
  # or instead of out:   refused: CODE   |   filtered: true
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Map
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from transforms.document import Node, Scalar, Table
from transforms.errors import Faults, Place, Refused
from transforms.inputs import Inputs
from transforms.mapping import Candidate, Example, Input, Mapping
from transforms.section import Section, read_section, suggest

_BEYOND = ("infinity", "-infinity")  # what PostgreSQL has and Python has not arrives as text


def read_examples(section: Section, mapping: Mapping, inputs: Inputs, faults: Faults) -> Mapping:
    """Return `mapping` with the examples of its file."""
    nodes = section.items("examples")
    if "examples" in section and not nodes:
        faults.add(section.place_of("examples"), "DIC-141", "a mapping has at least one example")
    read = (_read_example(node, mapping, inputs, faults) for node in nodes)
    return replace(mapping, examples=tuple(example for example in read if example))


def run_example(mapping: Mapping, example: Example) -> str | None:
    """Run the mapping on the example; return what came out otherwise than expected, None if all is as it says."""
    try:
        candidate = mapping.normalise(example.row)
    except Refused as refused:
        return None if refused.code == example.code else f"refused with {refused}, expected {_shown(example)}"
    if candidate is None:
        expected = example.expected is None and example.code is None
        return None if expected else f"filtered, expected {_shown(example)}"
    if example.expected is None:
        return f"gave a row, expected {_shown(example)}"
    triples = zip(mapping.target.columns, candidate, example.expected, strict=True)
    wrong = [f"{column.name} is {got!r}, expected {want!r}" for column, got, want in triples if not _same(got, want)]
    return "; ".join(wrong) or None


def _same(got: object, want: object) -> bool:
    # A Decimal with another number of digits prints differently: to a steward it is another value.
    return got == want and str(got) == str(want)


def _shown(example: Example) -> str:
    return example.code or ("a row" if example.expected is not None else "filtered")


def _read_example(node: Node, mapping: Mapping, inputs: Inputs, faults: Faults) -> Example | None:
    section = read_section(node, faults, ("name", "in"), ("lookups", "out", "refused", "filtered"))
    if section is None:
        return None
    outcomes = [key for key in ("out", "refused", "filtered") if key in section]
    if len(outcomes) != 1:
        faults.add(section.place, "DIC-141", "an example has one of `out`, `refused` and `filtered`")
        return None
    name, code = section.text("name"), section.text("refused") or None
    if code and code not in mapping.codes:
        known = ", ".join(sorted(mapping.codes))
        faults.add(
            section.place_of("refused"), "DIC-141", f"this mapping never refuses with `{code}`, only with {known}"
        )
    row = _read_row(section, mapping, inputs, faults)
    return Example(name, row, _read_expected(section, mapping, faults), code)


def _read_row(section: Section, mapping: Mapping, inputs: Inputs, faults: Faults) -> tuple[object, ...]:
    found: dict[str, object] = {}
    values = dict(_read_values("", section.node("in"), inputs, faults))
    lookups = {lookup.alias for lookup in mapping.lookups}
    for alias, node in section.entries("lookups"):
        if alias.text not in lookups:
            faults.add(alias.place, "DIC-141", f"unknown look-up `{alias.text}`{suggest(alias.text, lookups)}")
        elif isinstance(node, Scalar) and node.text == "several":
            found[alias.text] = 2
        else:
            found[alias.text] = 1
            values.update(_read_values(alias.text, node, inputs, faults))
    return tuple(_value(wanted, found, values) for wanted in mapping.inputs)


def _value(wanted: Input, found: Map[str, object], values: Map[tuple[str, str], object]) -> object:
    return found.get(wanted.alias, 0) if wanted.column is None else values.get((wanted.alias, wanted.column))


def _read_values(alias: str, node: Node | None, inputs: Inputs, faults: Faults) -> dict[tuple[str, str], object]:
    values: dict[tuple[str, str], object] = {}
    for key, value in _texts(node, faults):
        declared = inputs.declared_type(alias, key.text)
        if declared is None:
            faults.add(
                key.place, "DIC-122", f"column `{key.text}` is not declared{suggest(key.text, inputs.columns(alias))}"
            )
        else:
            values[alias, key.text] = _parse(value, _INPUTS[declared], faults)
    return values


def _read_expected(section: Section, mapping: Mapping, faults: Faults) -> Candidate | None:
    if "out" not in section:
        return None
    types = {column.name: column.type for column in mapping.target.columns}
    values: dict[str, object] = {}
    for key, value in _texts(section.node("out"), faults):
        if key.text not in types:
            faults.add(key.place, "DIC-122", f"unknown canonical column `{key.text}`{suggest(key.text, types)}")
        else:
            values[key.text] = _parse(value, _OUTPUTS.get(types[key.text].split("(")[0], str), faults)
    return tuple(values.get(name) for name in types)


def _texts(node: Node | None, faults: Faults) -> list[tuple[Scalar, Scalar]]:
    if not isinstance(node, Table):
        faults.add(node.place if node else Place(""), "DIC-105", "a map of columns to values is wanted here")
        return []
    pairs = list(node.entries.values())
    for _, value in pairs:
        if not isinstance(value, Scalar):
            faults.add(value.place, "DIC-105", "a text is wanted here")
    return [(key, value) for key, value in pairs if isinstance(value, Scalar)]


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


_TRUTH = {"true": True, "false": False}
_INPUTS: dict[str, Callable[[str], object]] = {
    "text": str,
    "char": str,
    "integer": int,
    "decimal": Decimal,
    "boolean": _TRUTH.__getitem__,
    "date": _moment(date.fromisoformat),
    "timestamp": _moment(_local),
    "timestamptz": _moment(_instant),
}
_OUTPUTS: dict[str, Callable[[str], object]] = {
    "integer": int,
    "numeric": Decimal,
    "boolean": _TRUTH.__getitem__,
    "date": date.fromisoformat,
    "timestamp with time zone": _instant,
}

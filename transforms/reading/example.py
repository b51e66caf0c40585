"""Executable examples of a mapping: reading them, and running one. A dictionary whose examples do not hold is no use.

- name: what it shows
  like: name of an earlier example                     its row is the start, `in` and `lookups` change it
  in: {column of the source row: text, ...}            columns that are not named are NULL
  lookups: {alias: {column: text, ...}}                not named or `missing`: finds nothing; `several`: many
  out: {canonical column: text, ...}                   columns that are not named must come out NULL
  # or instead of out:   refused: CODE   |   filtered: true

A mapping with several targets, or with one that may have several rows of one source row, says which; tables that are
not named have none.

  out: {trace.serial: [{canonical column: text, ...}], trace.material_lot: [{...}, {...}]}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from math import isfinite
from uuid import UUID

from transforms.errors import Faults, Refused
from transforms.mapping import Candidate, Example, Input, Mapping, Outcome, Target
from transforms.reading.inputs import Inputs
from transforms.yaml.document import Items, Node, Scalar, Table
from transforms.yaml.section import Section, read_scalar, read_section, suggest
from transforms.yaml.shape import Either, Many, Named, Shape, Text

_FOUND = {"missing": 0, "several": 2}
_ROW = Named(Text(null=True))
_OUT_ROW = Named(Either((Text(null=True), Many(Text("CODE column")))))
EXAMPLE = Shape(
    {"name": Text("What it shows.")},
    {
        "like": Text("Name of an earlier example whose row is the start."),
        "in": Named(Text(null=True), "Columns of the source row; those that are not named are NULL."),
        "lookups": Named(
            Either((Text("It finds nothing, or several rows.", words=tuple(_FOUND)), _ROW)),
            "What each look-up finds; those that are not named find nothing.",
        ),
        "out": Named(
            Either((Text(null=True), Many(Either((_OUT_ROW, Text("CODE column")))))),
            "The canonical row; with several tables a list of rows for each. What is not named is NULL.",
        ),
        "refused": Text("The code that it is refused with."),
        "filtered": Text("`where` leaves it out.", words=("true",)),
    },
    one_of=("out", "refused", "filtered"),
)
_BEYOND = ("infinity", "-infinity")  # what PostgreSQL has and Python has not arrives as text


def run_example(mapping: Mapping, example: Example) -> str | None:
    """Run the mapping on the example; return what came out otherwise than expected, None if all is as it says."""
    try:
        outcome = mapping.normalise(example.row)
    except Refused as refused:
        return None if refused.code == example.code else f"refused with {refused}, expected {_shown(example)}"
    if outcome is None or not any(outcome):
        expected = example.expected is None and example.code is None
        return None if expected else f"filtered, expected {_shown(example)}"
    if example.expected is None:
        return f"gave a row, expected {_shown(example)}"
    pairs = zip(mapping.targets, outcome, example.expected, strict=True)
    named = len(mapping.targets) > 1
    wrong = [fault for target, got, want in pairs for fault in _differences(target, got, want, named=named)]
    return "; ".join(wrong) or None


def _differences(
    target: Target, got: tuple[Candidate, ...], want: tuple[Candidate, ...], *, named: bool
) -> Iterator[str]:
    """Yield in words what differs between the candidates of one target, place by place."""
    table = f"{target}: " if named else ""
    if len(got) != len(want):
        yield f"{table}{len(got)} rows, expected {len(want)}"
        return
    for place, (one, other) in enumerate(zip(got, want, strict=True), 1):
        row = f"row {place}: " if len(got) > 1 else ""
        for column, value, wanted in zip(target.columns, one, other, strict=True):
            if not _same(value, wanted):
                yield f"{table}{row}{column.name} is {value!r}, expected {wanted!r}"


def read_examples(section: Section, mapping: Mapping, inputs: Inputs, faults: Faults) -> Mapping:
    """Return `mapping` with the examples of its file."""
    nodes = section.items("examples")
    if "examples" in section and not nodes:
        faults.add(section.place_of("examples"), "DIC-141", "a mapping has at least one example")
    reader = _Reader(mapping, inputs, faults)
    read = [reader.read(node) for node in nodes]
    return replace(mapping, examples=tuple(example for example in read if example))


def _same(got: object, want: object) -> bool:
    # A Decimal with another number of digits prints differently: to a steward it is another value.
    return got == want and str(got) == str(want)


def _shown(example: Example) -> str:
    return example.code or ("a row" if example.expected is not None else "filtered")


@dataclass(slots=True)
class _Row:
    """The values of one example, as far as it names them."""

    values: dict[tuple[str, str], object] = field(default_factory=dict)
    found: dict[str, int] = field(default_factory=dict)

    def value(self, wanted: Input) -> object:
        if wanted.column is None:
            return self.found.get(wanted.alias, 0)
        # A look-up that did not find exactly one row has no values, whatever an earlier example gave it.
        if wanted.alias and self.found.get(wanted.alias, 0) != 1:
            return None
        return self.values.get((wanted.alias, wanted.column))


class _Reader:
    """Reads the examples of one mapping in order; later ones can be like earlier ones."""

    def __init__(self, mapping: Mapping, inputs: Inputs, faults: Faults) -> None:
        self._mapping, self._inputs, self._faults = mapping, inputs, faults
        self._rows: dict[str, _Row] = {}

    def read(self, node: Node) -> Example | None:
        section = read_section(node, self._faults, EXAMPLE)
        if section is None:
            return None
        name, code = section.text("name"), section.text("refused") or None
        section.choice("filtered")
        if len([key for key in EXAMPLE.one_of if key in section]) != 1:
            self._faults.add(section.place, "DIC-141", "an example has one of `out`, `refused` and `filtered`")
        if code and code not in self._mapping.codes:
            known = ", ".join(sorted(self._mapping.codes))
            message = f"this mapping never refuses with `{code}`, only with {known}"
            self._faults.add(section.place_of("refused"), "DIC-141", message)
        if name in self._rows:
            self._faults.add(section.place, "DIC-112", f"a second example `{name}`")
        before = len(self._faults.found)
        row = self._rows[name] = self._row(section)
        values = tuple(row.value(wanted) for wanted in self._mapping.inputs)
        example = Example(name, values, self._expected(section), code)
        told = run_example(self._mapping, example) if len(self._faults.found) == before else None
        if told:
            self._faults.add(section.place, "DIC-142", f"example `{name}`: {told}")
        return example

    def _row(self, section: Section) -> _Row:
        row = self._start(section.scalar("like"))
        row.values.update(self._values("", section))
        lookups = {lookup.alias for lookup in self._mapping.lookups}
        for alias, node in section.entries("lookups"):
            if alias.text not in lookups:
                message = f"unknown look-up `{alias.text}`{suggest(alias.text, lookups)}"
                self._faults.add(alias.place, "DIC-141", message)
            elif isinstance(node, Scalar) and node.text in _FOUND:
                row.found[alias.text] = _FOUND[node.text]
            else:
                row.found[alias.text] = 1
                row.values.update(self._texts(alias.text, node))
        return row

    def _start(self, like: Scalar | None) -> _Row:
        if like is None:
            return _Row()
        if like.text not in self._rows:
            message = f"no example `{like.text}` before this one{suggest(like.text, self._rows)}"
            self._faults.add(like.place, "DIC-111", message)
            return _Row()
        start = self._rows[like.text]
        return _Row(dict(start.values), dict(start.found))

    def _values(self, alias: str, section: Section) -> dict[tuple[str, str], object]:
        node = section.node("in")
        return {} if node is None else self._texts(alias, node)

    def _texts(self, alias: str, node: Node) -> dict[tuple[str, str], object]:
        values: dict[tuple[str, str], object] = {}
        for key, value in _pairs(node, self._faults):
            declared = self._inputs.declared_type(alias, key.text)
            if declared is None:
                message = f"column `{key.text}` is not declared{suggest(key.text, self._inputs.columns(alias))}"
                self._faults.add(key.place, "DIC-122", message)
            else:
                values[alias, key.text] = _parse(value, _INPUTS[declared], self._faults)
        return values

    def _expected(self, section: Section) -> Outcome | None:
        node = section.node("out")
        if node is None:
            return None
        targets = self._mapping.targets
        if len(targets) == 1 and not targets[0].explodes:
            return ((self._candidate(targets[0], node),),)
        tables = {str(target): target for target in targets}
        found: dict[str, tuple[Candidate, ...]] = {}
        for table, rows in section.entries("out"):
            if table.text not in tables:
                message = f"the mapping has no target `{table.text}`{suggest(table.text, tables)}"
                self._faults.add(table.place, "DIC-122", message)
            elif not isinstance(rows, Items):
                self._faults.add(rows.place, "DIC-105", "a list of rows is wanted here")
            else:
                found[table.text] = tuple(self._candidate(tables[table.text], row) for row in rows.nodes)
        return tuple(found.get(table, ()) for table in tables)

    def _candidate(self, target: Target, node: Node) -> Candidate:
        # What a contribution is ordered by is called as the target calls it.
        types = {column.name.removeprefix("_"): column.type for column in target.columns}
        values: dict[str, object] = {}
        if isinstance(node, Table) and isinstance(warned := node.entries.get("warnings", (None, None))[1], Items):
            values["warnings"] = [
                read.text for item in warned.nodes if (read := read_scalar(item, "warnings", self._faults))
            ]
            node = replace(node, entries={name: pair for name, pair in node.entries.items() if name != "warnings"})
        for key, value in _pairs(node, self._faults):
            if key.text in types:
                values[key.text] = _parse(value, _OUTPUTS.get(types[key.text].split("(")[0], str), self._faults)
            else:
                message = f"unknown canonical column `{key.text}`{suggest(key.text, types)}"
                self._faults.add(key.place, "DIC-122", message)
        return tuple(values.get(name) for name in types)


def _pairs(node: Node, faults: Faults) -> list[tuple[Scalar, Scalar]]:
    if not isinstance(node, Table):
        faults.add(node.place, "DIC-105", "a map of columns to values is wanted here")
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

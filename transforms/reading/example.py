"""Examples of a mapping as written, each run as it is read: a dictionary whose examples do not hold is no use.

- name: what it shows
  like: name of an earlier example                     its row is the start, `in` and `lookups` change it
  in: {column of the source row: text, ...}            columns that are not named are NULL
  lookups: {alias: {column: text, ...}}                not named or `missing`: finds nothing; `several`: many
  out: {canonical column: text, ...}                   columns that are not named must come out NULL
  # or instead of out:   refused: CODE, or CODE and the column or look-up   |   filtered: true
  then:                                                what happens to that row next, one after the other
    - in: {column: text, ...}                          what an update changes, or a look-up; the rest stays
      out: {canonical column: text, ...}               as above
      gone: {key column: text, ...}                    the rows that stood there before and do not any more, by key
    - delete: true
      marked: {key column: text, ...}                  those that stay as tombstones; `kept`: as they were

A mapping with several targets, or with one that may have several rows of one source row, says which; tables that are
not named have none.

  out: {trace.serial: [{canonical column: text, ...}], trace.material_lot: [{...}, {...}]}
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass, field, replace

from transforms.errors import Faults
from transforms.mapping import Candidate, Example, Input, Keys, Later, Mapping, Outcome, Target
from transforms.outcome import run_example
from transforms.reading.example_value import pairs_of, parse_input, read_row
from transforms.reading.inputs import Inputs
from transforms.refusal import DELETED, KEY
from transforms.yaml.document import Items, Node, Scalar, Table
from transforms.yaml.section import Section, read_section, suggest
from transforms.yaml.shape import Either, Many, Named, Shape, Text

_FOUND = {"missing": 0, "several": 2}
_ROW = Named(Text(null=True))
_OUT_ROW = Named(Either((Text(null=True), Many(Text("CODE column")))))
_OUT = Named(
    Either((Text(null=True), Many(Either((_OUT_ROW, Text("CODE column")))))),
    "The canonical row; with several tables a list of rows for each. What is not named is NULL.",
)
_FOUND_ROWS = Either((Text("It finds nothing, or several rows.", words=tuple(_FOUND)), _ROW))
_FILTERED = Text("`where` leaves it out.", words=("true",))
_REFUSED = Text("The code that it is refused with, and behind it the column or look-up.")
_OUTCOMES = ("out", "refused", "filtered")
_FATES = ("gone", "marked", "kept")
_KEYS = Either((Text(null=True), Many(_ROW)))
_LATER = Shape(
    {},
    {
        "in": Named(Text(null=True), "Columns that an update of the source row changes."),
        "lookups": Named(_FOUND_ROWS, "Look-ups that find something else by now."),
        "delete": Text("The source deletes the row.", words=("true",)),
        "out": _OUT,
        "refused": _REFUSED,
        "filtered": _FILTERED,
        "gone": Named(_KEYS, "The rows that have left, each by its key; with several tables a list for each."),
        "marked": Named(_KEYS, "The rows of a deleted row that stay as tombstones, by key."),
        "kept": Named(_KEYS, "The rows of a deleted row that stay as they were, by key."),
    },
    told="What happens to the source row next, and what stands then.",
)
EXAMPLE = Shape(
    {"name": Text("What it shows.")},
    {
        "like": Text("Name of an earlier example whose row is the start."),
        "in": Named(Text(null=True), "Columns of the source row; those that are not named are NULL."),
        "lookups": Named(_FOUND_ROWS, "What each look-up finds; those that are not named find nothing."),
        "out": _OUT,
        "refused": _REFUSED,
        "filtered": _FILTERED,
        "then": Many(_LATER, "What happens to the row next: updates and deletes, one after the other."),
    },
    one_of=_OUTCOMES,
)


def read_examples(section: Section, mapping: Mapping, inputs: Inputs, faults: Faults) -> Mapping:
    """Return `mapping` with the examples of its file."""
    nodes = section.items("examples")
    if "examples" in section and not nodes:
        faults.add(section.place_of("examples"), "DIC-141", "a mapping has at least one example")
    reader = _Reader(mapping, inputs, faults)
    read = [reader.read(node) for node in nodes]
    return replace(mapping, examples=tuple(example for example in read if example))


@dataclass(slots=True)
class _Row:
    """The values of one example, as far as it names them."""

    values: dict[tuple[str, str], object] = field(default_factory=dict)
    found: dict[str, int] = field(default_factory=dict)

    def copy(self) -> _Row:
        return _Row(dict(self.values), dict(self.found))

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
        # Two parts of one key: every other KEY-201 is between rows, which no example sees.
        self._codes = mapping.codes | ({KEY} if any(target.explodes for target in mapping.targets) else set())

    def read(self, node: Node) -> Example | None:
        section = read_section(node, self._faults, EXAMPLE)
        if section is None:
            return None
        name, (code, field) = section.text("name"), self._refused(section, self._codes)
        section.choice("filtered")
        if len([key for key in _OUTCOMES if key in section]) != 1:
            self._faults.add(section.place, "DIC-141", "an example has one of `out`, `refused` and `filtered`")
        if name in self._rows:
            self._faults.add(section.place, "DIC-112", f"a second example `{name}`")
        before = len(self._faults.found)
        row = self._rows[name] = self._start(section.scalar("like"))
        self._change(row, section)
        then = self._read_then(section, row.copy())
        example = Example(name, self._inputs_of(row), self._expected(section), code, then, field)
        told = run_example(self._mapping, example) if len(self._faults.found) == before else ()
        if told:
            self._faults.add(section.place, "DIC-142", f"example `{name}`: {'; '.join(told)}")
        return example

    def _refused(self, section: Section, codes: Set[str]) -> tuple[str | None, str]:
        """Return the code that a row is refused with, and by what."""
        code, _, field = section.text("refused").partition(" ")
        if code and code not in codes:
            message = f"this mapping never refuses with `{code}`, only with {', '.join(sorted(codes))}"
            self._faults.add(section.place_of("refused"), "DIC-141", message)
        return code or None, field

    def _read_then(self, section: Section, row: _Row) -> tuple[Later, ...]:
        """Return what happens next; `row` is changed as the source row is."""
        sections = (read_section(node, self._faults, _LATER) for node in section.items("then"))
        return tuple(self._read_later(later, row) for later in sections if later)

    def _read_later(self, section: Section, row: _Row) -> Later:
        deleted = section.choice("delete") == "true"
        section.choice("filtered")
        self._check_later(section, deleted=deleted)
        before = row.copy()
        self._change(row, section)
        self._check_source_key(section, before, row)
        forbids = any(target.on_delete == "forbid" for target in self._mapping.targets)
        codes = self._codes | ({DELETED} if deleted and forbids else set())
        values = None if deleted else self._inputs_of(row)
        code, field = self._refused(section, codes)
        gone, marked, kept = (self._keys(section, fate) for fate in _FATES)
        return Later(values, self._expected(section), code, gone, marked, kept, field)

    def _check_source_key(self, section: Section, before: _Row, row: _Row) -> None:
        for name in self._mapping.source_key:
            if before.values.get(("", name)) != row.values.get(("", name)):
                message = (
                    f"`{name}` is of the source's key: a change of it is a delete and a new row, with own examples"
                )
                self._faults.add(section.place_of("in"), "DIC-141", message)

    def _check_later(self, section: Section, *, deleted: bool) -> None:
        said = {key for key in (*_OUTCOMES, *_FATES) if key in section}
        if deleted == ("in" in section or "lookups" in section):
            message = "a row is changed by `in` and `lookups`, or it goes by `delete`"
        elif deleted and (not said or said & {"out", "filtered"}):
            message = "what a delete leaves is said by `gone`, `marked`, `kept` and `refused`"
        elif not deleted and (said & {"marked", "kept"} or len(said - {"gone"}) != 1):
            message = "what a change leaves is said by one of `out`, `refused` and `filtered`, and by `gone`"
        else:
            return
        self._faults.add(section.place, "DIC-141", message)

    def _inputs_of(self, row: _Row) -> tuple[object, ...]:
        return tuple(row.value(wanted) for wanted in self._mapping.inputs)

    def _change(self, row: _Row, section: Section) -> None:
        """Change what a section names of a row and of its look-ups."""
        node = section.node("in")
        row.values.update({} if node is None else self._texts("", node))
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

    def _start(self, like: Scalar | None) -> _Row:
        if like is None:
            return _Row()
        if like.text not in self._rows:
            message = f"no example `{like.text}` before this one{suggest(like.text, self._rows)}"
            self._faults.add(like.place, "DIC-111", message)
            return _Row()
        return self._rows[like.text].copy()

    def _texts(self, alias: str, node: Node) -> dict[tuple[str, str], object]:
        values: dict[tuple[str, str], object] = {}
        for key, value in pairs_of(node, self._faults):
            declared = self._inputs.declared_type(alias, key.text)
            if declared is None:
                message = f"column `{key.text}` is not declared{suggest(key.text, self._inputs.columns(alias))}"
                self._faults.add(key.place, "DIC-122", message)
            else:
                values[alias, key.text] = parse_input(value, declared, self._faults)
        return values

    def _expected(self, section: Section) -> Outcome | None:
        if section.node("out") is None:
            return None
        return self._rows_of(section, "out", lambda target, node: read_row(target.columns, node, self._faults))

    def _keys(self, section: Section, fate: str) -> Keys:
        def read_key(target: Target, node: Node) -> Candidate:
            return read_row(target.columns[: len(target.key)], node, self._faults)

        node = section.node(fate)
        if isinstance(node, Table) and not node.entries:  # an empty map names nothing
            return ((),) * len(self._mapping.targets)
        return self._rows_of(section, fate, read_key)

    def _rows_of(self, section: Section, key: str, read: Callable[[Target, Node], Candidate]) -> Outcome:
        """Return what is read of the rows under `key`, for each target."""
        node, targets = section.node(key), self._mapping.targets
        if node is not None and len(targets) == 1 and not targets[0].explodes:
            return ((read(targets[0], node),),)
        tables = {str(target): target for target in targets}
        found: dict[str, tuple[Candidate, ...]] = {}
        for table, rows in section.entries(key):
            if table.text not in tables:
                message = f"the mapping has no target `{table.text}`{suggest(table.text, tables)}"
                self._faults.add(table.place, "DIC-122", message)
            elif not isinstance(rows, Items):
                self._faults.add(rows.place, "DIC-105", "a list of rows is wanted here")
            else:
                found[table.text] = tuple(read(tables[table.text], row) for row in rows.nodes)
        return tuple(found.get(table, ()) for table in tables)

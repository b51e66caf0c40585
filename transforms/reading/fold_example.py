"""Examples of a fold as written, each run as it is read: what source rows say of a canonical row, and the row.

- name: what it shows
  contributions:
    - mapping: the mapping by which it is said
      source_key: text, or a list of texts             the key of the source row
      says: {canonical column: text, ..., order: text} what its target of this table gives, without the key
      deleted: true                                    the source has deleted that row since
  out: {canonical column: text, ...}                   columns that are not named must come out NULL
  # or instead of out:   refused: REQ-101, or REQ-101 and the column
  marked: true                                         the row is a tombstone
  conflicts:                                           what was said and not taken, all of it
    - {column: name, mapping: ..., source_key: ..., value: text}
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Map
from dataclasses import replace

from transforms.errors import Faults
from transforms.mapping import WARNINGS, Conflict, Fold, FoldExample, Mapping, Said, Target
from transforms.outcome import run_fold_example
from transforms.reading.example_value import parse_column, read_row
from transforms.refusal import REQUIRED
from transforms.yaml.document import Items, Node
from transforms.yaml.section import Section, read_scalar, read_section, suggest
from transforms.yaml.shape import Either, Many, Named, Shape, Text, Value, flag

_FAILED = "DIC-142"
_WHO: Map[str, Value] = {
    "mapping": Text("The mapping by which it is said."),
    "source_key": Either((Text(), Many(Text())), "The key of the source row that says it, as texts."),
}
_SAYS = Named(Either((Text(null=True), Many(Text("CODE column")))), "Columns that are not of the key, and `order`.")
_SAID = Shape(
    {**_WHO, "says": _SAYS},
    {"deleted": flag("The source has deleted the row since.")},
    told="What one source row says of the canonical row.",
)
_CONFLICT = Shape({"column": Text("The column."), **_WHO, "value": Text("What was said and not taken.")})
FOLD_EXAMPLE = Shape(
    {"name": Text("What it shows."), "contributions": Many(_SAID, "What is said of one row.")},
    {
        "out": Named(
            Either((Text(null=True), Many(Text("MAPPING CODE column")))),
            "The folded row without its key. What is not named is NULL.",
        ),
        "refused": Text(f"{REQUIRED}, and behind it the column that is required."),
        "marked": flag("The row is a tombstone: the source rows of all contributions are deleted."),
        "conflicts": Many(_CONFLICT, "All values that were said and not taken."),
    },
    one_of=("out", "refused"),
)


def read_fold_examples(
    fold: Fold, nodes: Sequence[Node], mappings: Sequence[Mapping], is_fixed: Callable[[str], bool], faults: Faults
) -> Fold:
    """Return the fold with its examples; `mappings` are all that may contribute to it.

    What the mappings cannot say is a fault, but not in a file that `is_fixed`, of the layer below: a layer may leave
    out a mapping or take another one without having to copy the fold. The example is left out then, and `test` names
    what is not shown without it.
    """
    contributing = {
        mapping.name: (mapping.source.schema, target)
        for mapping in mappings
        for target in mapping.targets
        if target.contributes and str(target) == str(fold)
    }
    read: dict[str, FoldExample] = {}
    for node in nodes:
        own = Faults()
        example = _Reader(fold, contributing, own).read(node)
        if is_fixed(node.place.file) and any(fault.code != _FAILED for fault in own.found):
            continue
        if example and example.name in read:
            own.add(node.place, "DIC-112", f"a second example `{example.name}`")
        for fault in own.found:
            faults.add(fault.place, fault.code, fault.message)
        if example:
            read[example.name] = example
    return replace(fold, examples=tuple(read.values()))


class _Reader:
    """Reads an example of a fold; `contributing` are source and target of each mapping that has one."""

    def __init__(self, fold: Fold, contributing: Map[str, tuple[str, Target]], faults: Faults) -> None:
        self._fold, self._contributing, self._faults = fold, contributing, faults

    def read(self, node: Node) -> FoldExample | None:
        section = read_section(node, self._faults, FOLD_EXAMPLE)
        if section is None:
            return None
        before = len(self._faults.found)
        self._check(section)
        code, _, field = section.text("refused").partition(" ")
        example = FoldExample(
            section.text("name"),
            tuple(said for item in section.items("contributions") if (said := self._said(item))),
            self._expected(section),
            code or None,
            frozenset(found for item in section.items("conflicts") if (found := self._conflict(item))),
            section.flag("marked"),
            field,
        )
        told = run_fold_example(self._fold, example) if len(self._faults.found) == before else ()
        if told:
            self._faults.add(section.place, _FAILED, f"example `{example.name}`: {'; '.join(told)}")
        return example

    def _check(self, section: Section) -> None:
        if not section.items("contributions"):
            self._faults.add(section.place, "DIC-141", "an example of a fold has at least one contribution")
        if section.text("refused").partition(" ")[0] not in ("", REQUIRED):
            self._faults.add(section.place_of("refused"), "DIC-141", f"a fold refuses a row with {REQUIRED} alone")
        if ("out" in section) == ("refused" in section):
            self._faults.add(section.place, "DIC-141", "an example of a fold has one of `out` and `refused`")
        if "refused" in section and ("marked" in section or "conflicts" in section):
            self._faults.add(section.place, "DIC-141", "a row that is refused has neither `marked` nor `conflicts`")

    def _said(self, node: Node) -> Said | None:
        section = read_section(node, self._faults, _SAID)
        who = section and self._who(section)
        says = section and section.node("says")
        if not (section and who and says):
            return None
        mapping, source_key = who
        source, target = self._contributing[mapping]
        deleted = section.flag("deleted")
        if deleted and target.on_delete != "tombstone":
            message = (
                f"a deleted row of `{mapping}` is no contribution by `on_delete: delete`; by others it counts as ever"
            )
            self._faults.add(section.place_of("deleted"), "DIC-141", message)
        columns = target.columns[len(target.key) :]
        row = read_row(columns, says, self._faults)
        values = {column.name: value for column, value in zip(columns, row, strict=True)}
        return Said(mapping, source, source_key, values, deleted)

    def _expected(self, section: Section) -> dict[str, object] | None:
        node = section.node("out")
        if node is None:
            return None
        columns = [column for column in self._fold.target.columns if column.name in (*self._fold.rules, WARNINGS)]
        row = read_row(columns, node, self._faults)
        return {column.name: value for column, value in zip(columns, row, strict=True)}

    def _conflict(self, node: Node) -> Conflict | None:
        section = read_section(node, self._faults, _CONFLICT)
        who = section and self._who(section)
        name, value = (section and section.scalar(key) for key in ("column", "value"))
        if not (who and name and value):
            return None
        types = {column.name: column.type for column in self._fold.target.columns if column.name in self._fold.rules}
        if name.text not in types:
            message = f"unknown canonical column `{name.text}`{suggest(name.text, types)}"
            self._faults.add(name.place, "DIC-122", message)
            return None
        return Conflict(name.text, *who, parse_column(value, types[name.text], self._faults))

    def _who(self, section: Section) -> tuple[str, tuple[str, ...]] | None:
        """Return mapping and source key, None where no such mapping contributes."""
        mapping, node = section.scalar("mapping"), section.node("source_key")
        if mapping is None or node is None:
            return None
        if mapping.text not in self._contributing:
            message = (
                f"no mapping `{mapping.text}` contributes to this table{suggest(mapping.text, self._contributing)}"
            )
            self._faults.add(mapping.place, "DIC-111", message)
            return None
        parts = node.nodes if isinstance(node, Items) else (node,)
        read = [read_scalar(part, "source_key", self._faults) for part in parts]
        return mapping.text, tuple(part.text for part in read if part)

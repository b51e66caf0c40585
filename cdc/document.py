"""A YAML file that people write, read strictly: every entry knows its place, a key that stands twice is a fault.

Both the settings and the connector files are read by this. Faults are collected, never raised one by one: the reader of
a file says all that is wrong with it in one go.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

# The parser of libyaml where PyYAML has it: a source of 350 tables has 350 contracts, which every command reads.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Entry = tuple[str | int, ...]
"""Path of an entry inside the file: keys and list indexes from the top."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where; line and column count from 1, line 0 is the file as a whole. `rule` is who says so."""

    file: str
    line: int
    column: int
    what: str
    rule: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}" if self.line else f"{self.file}: {self.what}"


@dataclass(frozen=True, slots=True)
class Document:
    """The plain data of a file, line and column of each entry, what is wrong with it as YAML, its lines as they are."""

    name: str
    data: Any
    marks: dict[Entry, tuple[int, int]] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    lines: tuple[str, ...] = ()

    def place(self, *entry: str | int) -> str:
        """Return `file:line` of an entry, or of the nearest one that encloses it."""
        return f"{self.name}:{self.mark(*entry)[0]}"

    def mark(self, *entry: str | int) -> tuple[int, int]:
        """Return line and column of an entry, or of the nearest one that encloses it."""
        while entry and entry not in self.marks:
            entry = entry[:-1]
        return self.marks.get(entry, (1, 1))

    def fault(self, entry: Entry, what: str, rule: str = "") -> Fault:
        """Return what is wrong with an entry."""
        return Fault(self.name, *self.mark(*entry), what, rule)


def read_document(path: Path) -> Document:
    """Read a file. What cannot be read is a fault of the document, with `data` None."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return Document(path.name, None, faults=(Fault(path.name, 0, 0, f"cannot be read ({type(error).__name__})"),))
    return parse_document(path.name, text)


def parse_document(name: str, text: str) -> Document:
    """Read the text of a file of that name; the same of what cannot be read."""
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return Document(name, None, faults=(Fault(name, line, column, "is not YAML"),))
    reader = _Reader(name)
    data = None if node is None else reader.read(node, ())
    return Document(name, data, reader.marks, tuple(reader.faults), tuple(text.splitlines()))


class _Reader:
    """Walks the nodes once; SafeLoader's constructor would drop lines and the first of two equal keys."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.marks: dict[Entry, tuple[int, int]] = {}
        self.faults: list[Fault] = []
        self._scalars = yaml.SafeLoader("")

    def read(self, node: yaml.Node, entry: Entry) -> Any:
        self.marks[entry] = _mark(node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, entry)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*entry, index)) for index, item in enumerate(node.value)]
        try:
            return self._scalars.construct_object(node)
        except (ValueError, yaml.YAMLError):
            self.faults.append(Fault(self.name, *_mark(node), "the value is not usable"))
            return None

    def _mapping(self, node: yaml.MappingNode, entry: Entry) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in data:
                self.faults.append(Fault(self.name, *_mark(key_node), f"{key} stands twice"))
            data[key] = self.read(value_node, (*entry, key))
            self.marks[(*entry, key)] = _mark(key_node)
        return data


def _mark(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1

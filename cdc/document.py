"""A YAML file that people write, read strictly: every entry knows its line, a key that stands twice is a fault.

Both the settings and the connector files are read by this. Faults are collected, never raised one by one: the reader of
a file says all that is wrong with it in one go.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Entry = tuple[str | int, ...]
"""Path of an entry inside the file: keys and list indexes from the top."""


@dataclass(frozen=True, slots=True)
class Document:
    """The plain data of a file, the line of each entry, and what is wrong with it as YAML."""

    name: str
    data: Any
    lines: dict[Entry, int] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    def place(self, *entry: str | int) -> str:
        """Return `file:line` of an entry, or of the nearest one that encloses it."""
        while entry and entry not in self.lines:
            entry = entry[:-1]
        return f"{self.name}:{self.lines.get(entry, 1)}"


def read_document(path: Path) -> Document:
    """Read a file. What cannot be read is a fault of the document, with `data` None."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return Document(path.name, None, faults=(f"{path.name}: cannot be read ({type(error).__name__})",))
    return parse_document(path.name, text)


def parse_document(name: str, text: str) -> Document:
    """Read the text of a file of that name; the same of what cannot be read."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        return Document(name, None, faults=(f"{name}:{line}: is not YAML",))
    reader = _Reader(name)
    data = None if node is None else reader.read(node, ())
    return Document(name, data, reader.lines, tuple(reader.faults))


class _Reader:
    """Walks the nodes once; SafeLoader's constructor would drop lines and the first of two equal keys."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Entry, int] = {}
        self.faults: list[str] = []
        self._scalars = yaml.SafeLoader("")

    def read(self, node: yaml.Node, entry: Entry) -> Any:
        self.lines[entry] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, entry)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*entry, index)) for index, item in enumerate(node.value)]
        try:
            return self._scalars.construct_object(node)
        except (ValueError, yaml.YAMLError):
            self.faults.append(f"{self.name}:{node.start_mark.line + 1}: the value is not usable")
            return None

    def _mapping(self, node: yaml.MappingNode, entry: Entry) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = str(key_node.value)
            if key in data:
                self.faults.append(f"{self.name}:{line}: {key} stands twice")
            data[key] = self.read(value_node, (*entry, key))
            self.lines[(*entry, key)] = line
        return data

"""Tables put into a connector file that people have written: lines are added, none is changed, comments stay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

import yaml

from cdc.capture.onboard.decision import Name
from cdc.errors import FatalError


def place_among(tables: Sequence[Name], parents: Set[Name], children: Set[Name]) -> int:
    """Return before which of the tables a new one belongs: its first child, or none (then it is their number).

    A child that stands before one of the new table's parents is not waited for: the order has a circle.
    """
    behind = max((index for index, name in enumerate(tables) if name in parents), default=-1)
    before = (index for index, name in enumerate(tables) if name in children and index > behind)
    return next(before, len(tables))


def insert_table(file: str, text: str, lines: Iterable[str], index: int) -> str:
    """Return the file's text with the lines of a table's entry before the entry `index` of `tables`, comments included.

    `lines` are those of `cdc.capture.onboard.file.entry`. Raises SRC-353 if the list is not one line or more per table.
    """
    entries = _entries(file, text)
    own = text.splitlines(keepends=True)
    if own and not own[-1].endswith("\n"):
        own[-1] += "\n"
    at = _end(own, entries[-1]) if index == len(entries) else _start(own, entries[index])
    column = own[entries[0].start_mark.line].index("-")
    added = [f"{' ' * column}{line.removeprefix('  ')}\n" for line in lines]
    return "".join([*own[:at], *added, *own[at:]])


def insert_policy(file: str, text: str, lines: Iterable[str]) -> str:
    """Return the text with lines of the top level before the entry `tables`. Raises SRC-353."""
    _entries(file, text)
    own = text.splitlines(keepends=True)
    at = _comments_above(own, _root(text)["tables"][0].start_mark.line)
    return "".join([*own[:at], *(f"{line}\n" for line in lines), *own[at:]])


def _entries(file: str, text: str) -> list[yaml.Node]:
    tables = _root(text)["tables"][1]
    if not isinstance(tables, yaml.SequenceNode):
        raise FatalError("SRC-353", file)
    lines = [node.start_mark.line for node in tables.value]
    own = text.splitlines()
    is_listed = not tables.flow_style and all(own[line].lstrip().startswith("-") for line in lines)
    if not is_listed or len(set(lines)) < len(lines):
        raise FatalError("SRC-353", f"{file}:{tables.start_mark.line + 1}")
    return list(tables.value)


def _root(text: str) -> Mapping[str, tuple[yaml.Node, yaml.Node]]:
    """Return the nodes of the top level, by key; the file was read before, so it is a mapping that has `tables`."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return {key.value: (key, value) for key, value in root.value} if root else {}


def _start(lines: Sequence[str], entry: yaml.Node) -> int:
    return _comments_above(lines, entry.start_mark.line)


def _comments_above(lines: Sequence[str], line: int) -> int:
    """Return the first of the comment lines that stand right above a line: they are about what it says."""
    while line > 0 and lines[line - 1].lstrip().startswith("#"):
        line -= 1
    return line


def _end(lines: Sequence[str], entry: yaml.Node) -> int:
    """Return the line behind an entry; the mark of a block's end is where the next token begins."""
    end = min(entry.end_mark.line + 1, len(lines))
    while end - 1 > entry.start_mark.line and _says_nothing(lines[end - 1], end - 1, entry):
        end -= 1
    return end


def _says_nothing(text: str, line: int, entry: yaml.Node) -> bool:
    behind = line == entry.end_mark.line and entry.end_mark.column == 0
    return behind or not text.strip() or text.lstrip().startswith("#")

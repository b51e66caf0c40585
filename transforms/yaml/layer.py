"""A dictionary laid over another one: entries by name, each taken whole from the upper layer or whole from the lower.

    kind       name              is
    fields     FIELD             a key under `fields` in any fields*.yaml
    units      UNIT              a key under `units` in units.yaml
    aliases    SOURCE/WORD       what one source calls a unit, under `aliases` in units.yaml
    errors     CODE              a key of errors.yaml
    codesets, sources, mappings, folds  the whole file of that name

Nothing is merged within an entry: who changes one synonym has the whole code set in his own file and reviews it whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import PurePosixPath

from transforms.errors import Place
from transforms.yaml.document import Node, Table

Documents = Map[str, Node]
FILES = ("codesets", "sources", "mappings", "folds")
# Where entries stand in a file: the way of keys from its root; None is any key and becomes part of the name.
_INSIDE: tuple[tuple[str, str, tuple[str | None, ...]], ...] = (
    ("fields*.yaml", "fields", ("fields", None)),
    ("units.yaml", "units", ("units", None)),
    ("units.yaml", "aliases", ("aliases", None, None)),
    ("errors.yaml", "errors", (None,)),
)
KINDS = ("fields", "codesets", "units", "aliases", "sources", "mappings", "folds", "errors")


@dataclass(frozen=True, slots=True)
class Entry:
    """One definition, and where it stands."""

    kind: str
    name: str
    place: Place

    @property
    def key(self) -> str:
        """How `without` names it: KIND/NAME."""
        return f"{self.kind}/{self.name}"


def entries_of(documents: Documents) -> Iterator[Entry]:
    """Yield every entry of one layer, in order of file and place."""
    for file, node in documents.items():
        path = PurePosixPath(file)
        if path.parent.name in FILES:
            yield Entry(path.parent.name, path.stem, Place(node.place.file))
        for pattern, kind, way in _INSIDE:
            if fnmatch(file, pattern):
                yield from _inside(kind, node, way, "")


def overlay(lower: Documents, upper: Documents, gone: Callable[[str], bool]) -> dict[str, Node]:
    """Return the documents of both layers as one, by path; of the lower one without the entries that are `gone`.

    Those that the upper layer defines have to be among them.
    """
    kept = {file: left for file, node in lower.items() if (left := _without(file, node, gone)) is not None}
    return {
        file: _joined(kept.get(file), upper.get(file))
        for file in sorted(kept.keys() | upper.keys(), key=lambda file: PurePosixPath(file).parts)
    }


def _inside(kind: str, node: Node, way: tuple[str | None, ...], name: str) -> Iterator[Entry]:
    if not isinstance(node, Table):
        return
    for key, value in node.entries.values():
        if way[0] in (None, key.text):
            longer = name if way[0] else f"{name}/{key.text}" if name else key.text
            if len(way) == 1:
                yield Entry(kind, longer, key.place)
            else:
                yield from _inside(kind, value, way[1:], longer)


def _without(file: str, node: Node, gone: Callable[[str], bool]) -> Node | None:
    path = PurePosixPath(file)
    if path.parent.name in FILES:
        return None if gone(f"{path.parent.name}/{path.stem}") else node
    for pattern, kind, way in _INSIDE:
        if fnmatch(file, pattern):
            node = _thinned(node, way, kind, gone)
    return node


def _thinned(node: Node, way: tuple[str | None, ...], name: str, gone: Callable[[str], bool]) -> Node:
    if not isinstance(node, Table):
        return node
    entries = {}
    for text, (key, value) in node.entries.items():
        on_the_way = way[0] in (None, text)
        longer = name if way[0] else f"{name}/{text}"
        if on_the_way and len(way) == 1 and gone(longer):
            continue
        deeper = on_the_way and len(way) > 1
        entries[text] = (key, _thinned(value, way[1:], longer, gone) if deeper else value)
    return replace(node, entries=entries)


def _joined(lower: Node | None, upper: Node | None) -> Node:
    """Return both in one table, the lower one's keys first; where they are not both tables, the upper one."""
    if isinstance(lower, Table) and isinstance(upper, Table):
        entries = dict(lower.entries)
        for text, (key, value) in upper.entries.items():
            entries[text] = (key, _joined(entries[text][1] if text in entries else None, value))
        return replace(upper, entries=entries)
    found = upper if upper is not None else lower
    if found is None:
        raise ValueError("neither layer has the file")
    return found

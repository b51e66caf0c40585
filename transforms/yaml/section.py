"""A table of a YAML file, read by its shape; what does not fit is a fault with place and suggestion."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from typing import Final

from transforms.errors import Fault, Faults, Place
from transforms.yaml.document import Items, Node, Scalar, Table
from transforms.yaml.name import check_names
from transforms.yaml.shape import Named, Shape, Text

UNKNOWN_KEY: Final = "DIC-103"
"""The code of a key that is none of a table's: what else stands there can be read all the same."""
# Names that a misspelt one is compared with, letter by letter; of longer lists only the case is forgiven, or a list of
# ten thousand wrong codes would take hours.
_COMPARED = 1000


def suggest(name: str, known: Collection[str]) -> str:
    """Return `; did you mean ...` for a misspelt name, or nothing."""
    meant = nearest(name, known)
    return f"; did you mean `{meant}`?" if meant else ""


def nearest(name: str, known: Collection[str]) -> str:
    """Return which of the known names a misspelt one may be, "" where it is like none of them."""
    lowered = {candidate.lower(): candidate for candidate in known}
    if len(lowered) > _COMPARED:
        return lowered.get(name.lower(), "")
    close = get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    return lowered[close[0]] if close else ""


class Section:
    """Typed access to the values of one table. Reading a key with a fault gives an empty value and goes on.

    What stands under a misspelt key is read as under the one that was meant, where that is not there: all of its faults
    are to be told at once. A key that the shape does not have cannot be read: a fault of the program, a KeyError.
    """

    def __init__(self, table: Table, faults: Faults, shape: Shape) -> None:
        self.place = table.place
        self._entries = dict(table.entries)
        self._faults = faults
        self._shapes = shape.keys
        for name, entry in table.entries.items():
            if name not in self._shapes:
                faults.add(entry[0].place, UNKNOWN_KEY, f"unknown key `{name}`{suggest(name, self._shapes)}")
                if meant := nearest(name, self._shapes):
                    self._entries.setdefault(meant, entry)
        for name in shape.required:
            if name not in self._entries:
                faults.add(table.place, "DIC-104", f"key `{name}` is missing")

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def node(self, key: str) -> Node | None:
        """Return the value as it stands, None when the key is not there."""
        self._shapes[key]
        return self._entries[key][1] if key in self._entries else None

    def place_of(self, key: str) -> Place:
        """Return where the value of `key` stands; without the key, where the table does."""
        node = self.node(key)
        return node.place if node else self.place

    def scalar(self, key: str) -> Scalar | None:
        """Return the scalar under `key`, None when it is not there or not a text."""
        node = self.node(key)
        return None if node is None else read_scalar(node, key, self._faults)

    def text(self, key: str, default: str = "") -> str:
        """Return the text under `key`."""
        scalar = self.scalar(key)
        return scalar.text if scalar else default

    def choice(self, key: str, default: str = "") -> str:
        """Return the text under `key`, which must be one of the words of its shape."""
        scalar = self.scalar(key)
        shape = self._shapes[key]
        words = shape.words if isinstance(shape, Text) else ()
        if scalar is None:
            return default
        if scalar.text not in words:
            allowed = ", ".join(f"`{word}`" for word in words)
            self._faults.add(scalar.place, "DIC-105", f"`{key}` must be one of {allowed}{suggest(scalar.text, words)}")
            return default
        return scalar.text

    def flag(self, key: str, default: str = "false") -> bool:
        """Return the truth under `key`; `default` when it is not there."""
        return self.choice(key, default) == "true"

    def entries(self, key: str) -> Iterator[tuple[Scalar, Node]]:
        """Yield (key, value) of the table under `key` in file order."""
        node = self.node(key)
        shape = self._shapes[key]
        if isinstance(node, Table):
            if isinstance(shape, Named) and shape.spelling:
                check_names((name for name, _ in node.entries.values()), shape.spelling, self._faults)
            yield from node.entries.values()
        elif node is not None:
            self._faults.add(node.place, "DIC-105", f"`{key}` must be a map of names to values")

    def items(self, key: str) -> tuple[Node, ...]:
        """Return the nodes of the list under `key`."""
        node = self.node(key)
        if isinstance(node, Items):
            return node.nodes
        if node is not None:
            self._faults.add(node.place, "DIC-105", f"`{key}` must be a list")
        return ()

    def texts(self, key: str) -> tuple[Scalar, ...]:
        """Return the texts of the list under `key`."""
        read = (read_scalar(node, key, self._faults) for node in self.items(key))
        return tuple(scalar for scalar in read if scalar)

    def section(self, key: str, shape: Shape) -> Section | None:
        """Return the table under `key` as a section of its own, None when it is not there or not a table."""
        node = self.node(key)
        return None if node is None else read_section(node, self._faults, shape)


def is_unusable(found: Iterable[Fault]) -> bool:
    """Tell whether faults keep the rest of an entry from being looked at."""
    return any(fault.code != UNKNOWN_KEY for fault in found)


def read_scalar(node: Node, name: str, faults: Faults) -> Scalar | None:
    """Return `node` as a text; a fault when it is a table, a list or empty."""
    if not isinstance(node, Scalar):
        faults.add(node.place, "DIC-105", f"`{name}` must be a text")
        return None
    if node.is_null:
        faults.add(node.place, "DIC-105", f'`{name}` has no value (an empty text is written "")')
        return None
    return node


def read_names(node: Node, faults: Faults) -> tuple[tuple[Scalar, Scalar], ...]:
    """Return (name, text) of a table whose keys are names; a fault when it is not a table."""
    if isinstance(node, Table):
        read = ((key, read_scalar(value, key.text, faults)) for key, value in node.entries.values())
        return tuple((key, scalar) for key, scalar in read if scalar)
    faults.add(node.place, "DIC-105", "a map of names to texts is wanted here")
    return ()


def read_section(node: Node, faults: Faults, shape: Shape) -> Section | None:
    """Return `node` as a section of this shape; a fault when it is not a table."""
    if isinstance(node, Table):
        return Section(node, faults, shape)
    faults.add(node.place, "DIC-105", "a map of keys to values is wanted here")
    return None

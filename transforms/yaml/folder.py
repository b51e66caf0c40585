"""The files of a dictionary and of the one that it extends, parsed once; a file that no reader asks for is a fault.

A folder stands alone, but for `errors.yaml`, unless its `dictionary.yaml` says `extends`: then its entries lie over
those of the packaged dictionary (`transforms.layer`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Map
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from transforms.errors import Faults, Place
from transforms.yaml.document import Items, Node, Scalar, Table, parse_document
from transforms.yaml.files import Files
from transforms.yaml.layer import KINDS, Entry, entries_of, overlay
from transforms.yaml.section import suggest

HEADER = "dictionary.yaml"
ERRORS = "errors.yaml"
SIGNATURES = "signatures/*.json"  # about the content, not of it
# What tools keep beside what people write: hidden files and folders (.git, .DS_Store); backups, locks and swap files of
# editors.
_BESIDE = re.compile(r"\..*|.*~|#.*#|.*\.sw[a-p]")
_KNOWN = (
    *(HEADER, ERRORS, "units.yaml", "fields*.yaml"),
    *("codesets/*.yaml", "sources/*.yaml", "mappings/*.yaml", "folds/*.yaml"),
)


@dataclass(frozen=True, slots=True)
class Layered:
    """An entry of the dictionary, the layer it comes from, and the one whose entry it takes the place of."""

    entry: Entry
    layer: str
    overrides: str | None


class Folder(Files):
    """The parsed documents by path relative to the folder, in order of path."""

    def __init__(self, root: Path, packaged: Path, faults: Faults) -> None:
        super().__init__({}, faults)
        self._lower: dict[str, Node] = {}
        self._left_out: list[Entry] = []
        if not root.is_dir():
            faults.add(Place(root.name), "DIC-113", "no such folder")
        self._own = _read_folder(root, "", faults)
        self._documents: dict[str, Node] = dict(self._own)
        self._base = _name_of(_read_folder(packaged, "", Faults(), only=HEADER))
        self.lower = f"{self._base}/"
        header = self._own.get(HEADER)
        self._extend(header if isinstance(header, Table) else None, packaged)
        if not self._has(ERRORS):
            self._lower = _read_folder(packaged, self.lower, faults, only=ERRORS)
            self._documents |= self._lower

    def layered(self) -> list[Layered]:
        """Return every entry with its layer, by kind, name."""
        own, name = {entry.key for entry in entries_of(self._own)}, _name_of(self._own)
        lower = {entry.key for entry in entries_of(self._lower)}
        found = [
            Layered(entry, name if entry.key in own else self._base, self._base if entry.key in own & lower else None)
            for entry in entries_of(self._documents)
        ]
        return sorted(found, key=lambda layered: (KINDS.index(layered.entry.kind), layered.entry.name))

    def left_out(self) -> list[Entry]:
        """Return the entries of the lower layer that `without` names."""
        return self._left_out

    def _extend(self, header: Table | None, packaged: Path) -> None:
        named = _value(header, "extends")
        without = _value(header, "without")
        if not isinstance(named, Scalar):
            if without is not None:
                self._faults.add(without.place, "DIC-105", "`without` leaves out entries of what `extends` names")
            return
        if named.text != self._base:
            message = f"no dictionary `{named.text}` to extend{suggest(named.text, (self._base,))}"
            self._faults.add(named.place, "DIC-111", message)
            return
        if _name_of(self._own) == self._base:
            self._faults.add(named.place, "DIC-112", "a dictionary that extends another one has a name of its own")
        lower = _read_folder(packaged, self.lower, self._faults)
        lower.pop(HEADER, None)
        self._lower = lower
        theirs, own = list(entries_of(lower)), {entry.key for entry in entries_of(self._own)}
        unwanted = self._unwanted(without, theirs)
        self._left_out = [entry for entry in theirs if entry.key in unwanted - own]
        self._documents = overlay(lower, self._own, (unwanted | own).__contains__)

    def _unwanted(self, without: Node | None, theirs: list[Entry]) -> set[str]:
        """Return the keys of the entries that `without` leaves out: KIND, KIND/NAME, or aliases/SOURCE."""
        unwanted: set[str] = set()
        for item in without.nodes if isinstance(without, Items) else ():
            if not isinstance(item, Scalar):
                continue  # the header's reader says so
            keys = {entry.key for entry in theirs if f"{entry.key}/".startswith(f"{item.text}/")}
            if not keys:
                known = [*KINDS, *(entry.key for entry in theirs)]
                message = f"`{self._base}` has no entry `{item.text}`{suggest(item.text, known)}"
                self._faults.add(item.place, "DIC-111", message)
            unwanted |= keys
        return unwanted


def _read_folder(root: Path, prefix: str, faults: Faults, only: str = "") -> dict[str, Node]:
    """Return the documents of one folder by path; in places they are called by `prefix` and path."""
    documents: dict[str, Node] = {}
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        file = relative.as_posix()
        if not any(map(_BESIDE.fullmatch, relative.parts)) and path.is_file() and only in ("", file):
            node = _read(path, file, prefix, faults)
            if node is not None:
                documents[file] = node
    return documents


def _read(path: Path, file: str, prefix: str, faults: Faults) -> Node | None:
    if file.endswith(".md") or fnmatch(file, SIGNATURES):
        return None
    if not any(fnmatch(file, pattern) and file.count("/") == pattern.count("/") for pattern in _KNOWN):
        faults.add(Place(prefix + file), "DIC-113", "the dictionary has no place for this file")
        return None
    try:
        text = path.read_bytes().decode("utf-8")
    except (UnicodeDecodeError, OSError):
        faults.add(Place(prefix + file), "DIC-101", "the file cannot be read as UTF-8")
        return None
    return parse_document(prefix + file, text, faults)


def _name_of(documents: Map[str, Node]) -> str:
    header = documents.get(HEADER)
    name = _value(header if isinstance(header, Table) else None, "dictionary")
    return name.text if isinstance(name, Scalar) else ""


def _value(table: Table | None, key: str) -> Node | None:
    return table.entries[key][1] if table and key in table.entries else None

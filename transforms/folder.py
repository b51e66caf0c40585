"""The files of a dictionary folder, parsed once; a file that no reader asks for is a fault."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from transforms.document import Node, parse_document
from transforms.errors import Faults, Place

_KNOWN = (
    *("dictionary.yaml", "errors.yaml", "units.yaml", "fields*.yaml"),
    *("codesets/*.yaml", "sources/*.yaml", "mappings/*.yaml"),
)


class Folder:
    """The parsed documents by path relative to the folder, in order of path."""

    def __init__(self, root: Path, faults: Faults) -> None:
        self._faults = faults
        self._documents: dict[str, Node] = {}
        if not root.is_dir():
            faults.add(Place(root.name), "DIC-113", "no such folder")
        for path in sorted(root.rglob("*")):
            file = path.relative_to(root).as_posix()
            if path.is_file() and not path.name.startswith("."):
                self._read(path, file)

    def one(self, file: str) -> Node | None:
        """Return the document of a file that must be there."""
        if not self._has(file):
            self._faults.add(Place(file), "DIC-113", "the file is missing")
        return self._documents.get(file)

    def inherited(self, file: str, base: Path) -> Node | None:
        """Return the document of a file that may be left to `base`; from there it counts like the folder's own."""
        if not self._has(file):
            self._read(base / file, file)
        return self._documents.get(file)

    def optional(self, file: str) -> Node | None:
        """Return the document of a file that need not be there."""
        return self._documents.get(file)

    def matching(self, pattern: str) -> list[tuple[str, Node]]:
        """Return (file, document) of the files that match."""
        return [(file, node) for file, node in self._documents.items() if fnmatch(file, pattern)]

    def documents(self) -> Iterator[tuple[str, Node]]:
        """Yield (file, document) of all files."""
        yield from self._documents.items()

    def _has(self, file: str) -> bool:
        """Tell whether the file is there, readable or not."""
        return file in self._documents or any(fault.place.file == file for fault in self._faults.found)

    def _read(self, path: Path, file: str) -> None:
        if file.endswith(".md"):
            return
        if not any(fnmatch(file, pattern) and file.count("/") == pattern.count("/") for pattern in _KNOWN):
            self._faults.add(Place(file), "DIC-113", "the dictionary has no place for this file")
            return
        try:
            text = path.read_bytes().decode("utf-8")
        except (UnicodeDecodeError, OSError):
            self._faults.add(Place(file), "DIC-101", "the file cannot be read as UTF-8")
            return
        node = parse_document(file, text, self._faults)
        if node is not None:
            self._documents[file] = node

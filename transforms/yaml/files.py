"""The documents of a dictionary by path, wherever they come from: what readers ask for, and what they miss."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Map
from fnmatch import fnmatch

from transforms.errors import Faults, Place
from transforms.yaml.document import Node


class Files:
    """Documents by path relative to the dictionary's folder, in the order in which they count."""

    def __init__(self, documents: Map[str, Node], faults: Faults) -> None:
        self._documents = documents
        self._faults = faults
        self.lower = ""
        """What the files of the layer below are called by in places, before their path; "" where there is none."""

    def one(self, file: str) -> Node | None:
        """Return the document of a file that must be there."""
        if not self._has(file):
            self._faults.add(Place(file), "DIC-113", "the file is missing")
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

    def is_fixed(self, file: str) -> bool:
        """Tell whether a file, as places call it, is not to be edited: one of the layer below, or all that is kept."""
        return file.startswith(self.lower)

    def _has(self, file: str) -> bool:
        """Tell whether the file is there, readable or not."""
        return file in self._documents or any(fault.place.file == file for fault in self._faults.found)

"""The connector files of a folder as they are now, for whoever goes on for months: read again where one has changed.

Somebody may be at a file at that very moment. One that has faults stays what it was when it had none, and is told once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import structlog

from cdc.capture.source import Source, SourceFile, raise_faults, read_source

_Stamp = tuple[int, int, int]

_logger = structlog.get_logger()


class SourceFolder:
    """The sources of a folder. Raises SRC-101 for files with faults when it is made, and never later."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamps: dict[Path, _Stamp] = {}
        self._sources: dict[Path, Source] = {}
        self._faulty: set[Path] = set()
        files = self._changed()
        raise_faults(files)
        self._sources = {file.path: file.source for file in files if file.source is not None}

    def read(self) -> Mapping[str, Source]:
        """Return every source, by name, as its file says now, or said when it had no faults."""
        for file in self._changed():
            if not file.faults and file.source is not None:
                self._sources[file.path] = file.source
                self._faulty.discard(file.path)
            elif file.path not in self._faulty:
                self._faulty.add(file.path)
                _logger.warning("connector_file_not_read", faults=[str(fault) for fault in file.faults])
        return {source.name: source for source in self._sources.values()}

    def _changed(self) -> list[SourceFile]:
        """Read the files that are not as they were; what was told of those that have gone is forgotten."""
        stamps = {path: stamp for path in sorted(self._folder.glob("*.yaml")) if (stamp := _stamp(path)) is not None}
        changed = [path for path, stamp in stamps.items() if self._stamps.get(path) != stamp]
        self._stamps = stamps
        self._sources = {path: source for path, source in self._sources.items() if path in stamps}
        self._faulty &= stamps.keys()
        return [read_source(path) for path in changed]


def _stamp(path: Path) -> _Stamp | None:
    """Return what another content, another file of that name, or other rights make another one."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ctime_ns, found.st_size, found.st_ino

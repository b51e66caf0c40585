"""The places to which anchors are published: a file that is only ever added to, and a topic."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from cdc.access import Brokers
from cdc.errors import CdcError, TransientError
from cdc.evidence.anchor import Anchor
from cdc.stream.appender import TopicAppender
from cdc.stream.topic import anchor_plan


class Place(Protocol):
    """Where anchors are kept. `str` of it names it in settings, records and errors."""

    def append(self, anchors: Sequence[Anchor]) -> None:
        """Add anchors, and return when they are safe. Raises TransientError EVD-121."""

    def close(self) -> None:
        """Give back what it takes to write there."""


class AnchorFile:
    """A file of lines, made if it is not there; its folder is not: a disk that is not mounted must not go unnoticed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __str__(self) -> str:
        return f"file {self._path}"

    def append(self, anchors: Sequence[Anchor]) -> None:
        """Add lines and wait until the disk has them."""
        try:
            opened = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                _append(opened, b"".join(anchor.line() + b"\n" for anchor in anchors))
            finally:
                os.close(opened)
        except OSError as error:
            raise TransientError("EVD-121", f"{self}: {error.strerror}") from error

    def close(self) -> None:
        """Nothing is kept open: the file may be moved away at any time."""


class AnchorTopic:
    """A topic of one partition, made if it is not there; the key of a record is the stream."""

    def __init__(self, brokers: Brokers, name: str) -> None:
        self._name = name
        self._appender = TopicAppender(brokers, anchor_plan(name))

    def __str__(self) -> str:
        return f"topic {self._name}"

    def append(self, anchors: Sequence[Anchor]) -> None:
        """Add records and wait until the brokers have them."""
        try:
            self._appender.append((anchor.stream.encode(), anchor.line()) for anchor in anchors)
        except CdcError as error:
            raise TransientError("EVD-121", f"{self}: {error}") from error

    def close(self) -> None:
        """End the client."""
        with suppress(CdcError):
            self._appender.close()


def _append(file: int, data: bytes) -> None:
    """Write in one piece; what a crash has left of a line before stays a line of its own."""
    size = os.fstat(file).st_size
    torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
    written = (b"\n" if torn else b"") + data
    if os.write(file, written) != len(written):
        with suppress(OSError):  # a file that may only grow keeps the piece
            os.ftruncate(file, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(file)

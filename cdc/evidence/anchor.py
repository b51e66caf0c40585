"""Anchors: heads of chains that are kept where whoever owns the database cannot change them.

A file of them has a line of JSON for each, and lines are only ever added.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from cdc.errors import FatalError


class Anchor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The head of a stream's chain over all records before `offset`, in hex; `time` is ISO 8601 with offset."""

    stream: str
    offset: int
    head: str
    time: str

    @property
    def chain(self) -> bytes:
        """The head itself."""
        return bytes.fromhex(self.head)


def read_anchors(path: Path) -> list[Anchor]:
    """Return the anchors of a file. Raises EVD-102 for a line that is none, CFG-101 for a file that cannot be read."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise FatalError("CFG-101", f"{path}: {error.strerror}") from error
    return [_anchor(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]


def _anchor(line: bytes, place: str) -> Anchor:
    try:
        anchor = msgspec.json.decode(line, type=Anchor)
        if len(anchor.chain) not in (0, 32):
            raise ValueError("not the length of a SHA-256")
    except (msgspec.MsgspecError, ValueError) as error:
        raise FatalError("EVD-102", f"{place}: {error}") from error
    return anchor

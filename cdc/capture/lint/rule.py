"""A rule, what it remarks on a file, and the finding that people read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cdc.capture.lint.file import ConnectorFile
from cdc.document import Entry

Remark = tuple[Entry, str]
"""The entry that is wrong (the whole file: ()), and what is wrong with it; never a value that may be a secret."""
Check = Callable[[ConnectorFile, Sequence[ConnectorFile]], Iterable[Remark]]
"""Yields what is wrong with a file among all files of the folder."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`title` is what is wrong in general, `cause` why that is bad, `action` what to do. One that is `final` cannot be
    allowed by a comment."""

    code: str
    title: str
    cause: str
    action: str
    check: Check
    final: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a file: line and column count from 1. `allowed` is the reason of the comment that allows it."""

    file: str
    line: int
    column: int
    code: str
    what: str
    cause: str
    action: str
    allowed: str = ""

    @property
    def place(self) -> str:
        """`file:line:column`, as editors open it."""
        return f"{self.file}:{self.line}:{self.column}"

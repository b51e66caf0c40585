"""One step of the target's plan, and how constraints and indexes are named: after what they say."""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

INDEX_NAME: Final = "^derive_[0-9a-f]{16}$"
"""What the indexes that are made here are called."""


class Statement(NamedTuple):
    """One step of the plan: what it does in words, and the SQL that does it.

    `locked`: the table, quoted, that nobody can write to meanwhile; `beside`: statements that do the same without that,
    each a transaction of its own. They are "" and () where it takes no time. `is_needed`: nothing is derived before.
    `is_beside`: done `beside` however small the table is, since it may have to wait for somebody.
    """

    title: str
    text: str
    locked: str = ""
    beside: tuple[str, ...] = ()
    is_needed: bool = True
    is_beside: bool = False


def digest_name(prefix: str, text: str) -> str:
    """Return a name that no other `text` has: 16 hex digits after the prefix."""
    return f"{prefix}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"

"""Anchors of the page: `column/trace.material_lot/status`; links from outside hold as long as names do.

Whatever a legacy name may have in it, an anchor has only letters, digits and `-._~%/`.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote

Kind = Literal[
    "mapping", "target", "rule", "look-up", "let", "example", "fold-example", "table", "column", "codeset", "code",
    "field", "unit", "error", "source", "source-table", "source-column", "function",
]  # fmt: skip


def anchor(kind: Kind, *names: str) -> str:
    """Return the anchor of one thing, for instance `anchor("code", "lot_status", "RELEASED")`."""
    return "/".join((kind, *(quote(name, safe="") for name in names)))

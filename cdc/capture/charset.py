"""MariaDB's character sets of Unicode, by how much of it they have."""

from __future__ import annotations

from typing import Final

FULL_UNICODE: Final = frozenset({"utf8mb4", "utf16", "utf16le", "utf32"})
"""All of it."""
BASIC_UNICODE: Final = frozenset({"utf8mb3", "ucs2"})
"""Its first 65,536 characters."""
UNICODE: Final = FULL_UNICODE | BASIC_UNICODE

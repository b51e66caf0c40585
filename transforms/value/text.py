"""Text rules: what blank means, LIKE patterns."""

from __future__ import annotations

import re

# Blanks at the ends of legacy texts: typed, padded, or the ideographic space of a Chinese keyboard. Not str.strip():
# that also removes the GS separator of a label scan.
BLANKS = " \t\r\n\u3000"


def compile_like(pattern: str, escape: str) -> re.Pattern[str]:
    """Return the expression that matches what `LIKE pattern ESCAPE escape` does; ValueError for a dangling escape.

    Every part between two `%` matches at its first place and is never tried again (atomic groups), so that no pattern
    makes a long text expensive.
    """
    parts, position = [""], 0
    while position < len(pattern):
        character = pattern[position]
        if escape and character == escape:
            position += 1
            if position == len(pattern):
                raise ValueError("the pattern ends in its escape character")
            parts[-1] += re.escape(pattern[position])
        elif character == "%":
            parts.append("")
        else:
            parts[-1] += "." if character == "_" else re.escape(character)
        position += 1
    if len(parts) == 1:
        return re.compile(parts[0] + r"\Z", re.DOTALL)
    middle = "".join(f"(?>.*?{part})" for part in parts[1:-1] if part)
    return re.compile(rf"{parts[0]}{middle}.*{parts[-1]}\Z", re.DOTALL)

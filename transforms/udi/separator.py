"""FNC1 between GS1 element strings: a scanner sends GS (U+001D); legacy systems store that in several spellings.

None of the spellings can be data, as their characters are outside GS1 character set 82; only `<GS>` could, and is taken
for what it says.
"""

from __future__ import annotations

from transforms import refusal
from transforms.errors import Refused

SPELLINGS = ("\x1d", "<GS>", "{GS}", "~", "^", "|", " ")


def split_elements(text: str) -> tuple[list[str], bool]:
    """Return what stands between separators, and whether any was kept between two parts.

    A separator before, after, or twice says nothing. UDI-106 where two spellings stand in one text: one of them would
    have to be data.
    """
    found = [spelling for spelling in SPELLINGS if spelling in text]
    if len(found) > 1:
        raise Refused(refusal.UDI_AMBIGUOUS, detail="two spellings of the separator in one label")
    parts = [part for part in text.split(found[0]) if part] if found else [text]
    return parts, len(parts) > 1

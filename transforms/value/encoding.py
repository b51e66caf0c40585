"""Texts that a database keeps in a column of the wrong character set, read as what was written.

An application that opens its connection with another character set than its tables have leaves its own bytes in them:
GBK in a column of latin1 reads `ÈÃ²½½ÓÊÕ` and means 让步接收. The database knows nothing of it, so a mirror keeps what
the database says; what was meant is the dictionary's to say.

latin1 of MySQL, MariaDB and of most drivers is windows-1252 in which the five bytes without a character (81, 8D, 8F,
90, 9D) are the control characters of that number: the index of windows-1252 in the Encoding Standard (WHATWG).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from transforms import refusal
from transforms.errors import Refused

_UNDEFINED: Final = {code: bytes([code]) for code in (0x81, 0x8D, 0x8F, 0x90, 0x9D)}
_LATIN1: Final = {
    ord(character): byte
    for byte, character in (
        *((bytes([code]), bytes([code]).decode("cp1252")) for code in range(256) if code not in _UNDEFINED),
        *((byte, chr(code)) for code, byte in _UNDEFINED.items()),
    )
}
# What a column says it is, and what can stand in it instead; all of them spell ASCII as ASCII.
DECLARED: Final = {"latin1": _LATIN1}
MEANT: Final = ("gbk", "gb18030", "big5", "utf8")


def recoder(declared: str, meant: str) -> Callable[[str], str]:
    """Return what reads a text of a column that is `declared` as one of `meant`; it raises Refused (ENC-101)."""
    bytes_of = DECLARED[declared]

    def recode(text: str) -> str:
        if text.isascii():
            return text
        try:
            return b"".join([bytes_of[ord(character)] for character in text]).decode(meant)
        except KeyError as other:
            raise Refused(refusal.ENCODING, detail=f"U+{other.args[0]:04X} is no character of {declared}") from None
        except UnicodeDecodeError as wrong:
            found = wrong.object[wrong.start : wrong.end].hex(" ")
            raise Refused(refusal.ENCODING, detail=f"bytes {found} at {wrong.start + 1} are no {meant}") from None

    return recode

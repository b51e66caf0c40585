"""The text constants of Java class files: what a connector reads beside the settings that it lists.

A connector's list (`GET /connector-plugins/X/config`) is not whole: MariaDB's reads `binary.handling.mode` and
PostgreSQL's `offset.mismatch.strategy` without naming them there. Each of them is a constant of a class that makes
fields of a configuration, so it stands in the constant pool of that class (Java Virtual Machine Specification, 4.4).
"""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

# Of each kind of constant but the text (1): how many bytes follow its tag.
_SIZES = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2}
_TEXT, _STRING, _LONG, _DOUBLE = 1, 8, 5, 6
_KEY = re.compile(r"[a-z][A-Za-z0-9]*(?:[_-][A-Za-z0-9]+)*(?:\.[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)*)+")
_PACKAGE = re.compile(r"(io|java|javax|jakarta|org|com|net|software)\..*|.*\.(txt|yml|Driver)")
# Settings of transforms and converters stand behind a name that the user gives them.
_OTHERS = re.compile(r".*/(transforms|converters|outbox)/.*")


def setting_names(jar: Path, maker: str) -> Iterator[str]:
    """Yield the constants that look like settings, of the classes of a jar that use the class `maker` (`a/b/C`).

    A name has a dot at least. Not all that looks like a setting is one; what is one is among them.
    """
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            if name.endswith(".class") and not _OTHERS.fullmatch(name):
                texts, strings = _constants(archive.read(name))
                if maker in texts:
                    yield from (text for text in strings if _KEY.fullmatch(text) and not _PACKAGE.fullmatch(text))


def _constants(content: bytes) -> tuple[set[str], list[str]]:
    """Return all texts of a class file's constant pool, and those that the code uses as strings."""
    (count,) = struct.unpack_from(">H", content, 8)
    texts: dict[int, str] = {}
    strings: list[int] = []
    place, index = 10, 1
    while index < count:
        tag = content[place]
        if tag == _TEXT:
            (length,) = struct.unpack_from(">H", content, place + 1)
            texts[index] = content[place + 3 : place + 3 + length].decode("utf-8", "replace")
            place += 3 + length
        else:
            if tag == _STRING:
                strings.append(struct.unpack_from(">H", content, place + 1)[0])
            place += 1 + _SIZES[tag]
        index += 2 if tag in (_LONG, _DOUBLE) else 1
    return set(texts.values()), [texts[number] for number in strings]

"""A Java properties file, read as `java.util.Properties.load` reads it: so does Kafka Connect's file provider.

The differences to lines of `key=value` are in what passwords are made of: a backslash escapes, white space at the end
of a value counts, the first `=`, `:` or blank ends a key.
"""

from __future__ import annotations

import re

_LINE_END = re.compile(r"\r\n|\r|\n")
_KEY = re.compile(r"(?:\\.|[^\\=: \t\f])*", re.DOTALL)
_SEPARATOR = re.compile(r"[ \t\f]*[=:]?[ \t\f]*")
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_CONTROL = {"t": "\t", "r": "\r", "n": "\n", "f": "\f"}
_BLANKS = " \t\f"


def read_properties(text: str) -> dict[str, str]:
    """Return keys and values; of a key that stands twice the last one counts. Raises ValueError for a bad `\\uXXXX`."""
    found: dict[str, str] = {}
    for line in _logical_lines(text):
        key = _KEY.match(line)
        end = key.end() if key else 0
        separator = _SEPARATOR.match(line, end)
        found[_unescaped(line[:end])] = _unescaped(line[separator.end() if separator else end :])
    return found


def _logical_lines(text: str) -> list[str]:
    """Join lines that end with an odd number of backslashes with the next ones; leave out blank lines and comments."""
    lines: list[str] = []
    continued = False
    for natural in _LINE_END.split(text):
        line = natural.lstrip(_BLANKS)
        if (not continued or not lines[-1]) and (not line or line[0] in "#!"):
            continue
        slashes = len(line) - len(line.rstrip("\\"))
        kept = line[:-1] if slashes % 2 else line
        if continued:
            lines[-1] += kept
        else:
            lines.append(kept)
        continued = slashes % 2 == 1
    return [line for line in lines if line]


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: _character(match[1]), text)


def _character(escaped: str) -> str:
    if escaped == "u":
        raise ValueError("no four digits after a backslash and u")
    return chr(int(escaped[1:], 16)) if len(escaped) == 5 else _CONTROL.get(escaped, escaped)

"""References to secrets and places: `${env:NAME}`, `${file:PATH:KEY}`, `${dir:PATH:KEY}`.

The syntax is that of Kafka's configuration providers on purpose: a connector file carries the same references, which
Kafka Connect resolves for itself, so that no secret passes through the service on its way there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_REFERENCE = re.compile(r"\$\{(?P<provider>[^:}]*):(?P<path>[^:}]*)(?::(?P<key>[^}]*))?\}")


class Secret:
    """A value that is used and never shown."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value; only for handing it to the client library that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class UnresolvedError(Exception):
    """A reference leads nowhere; the message names the reference, never a value."""


def is_reference(text: str) -> bool:
    """Tell whether the whole text is one reference."""
    return _REFERENCE.fullmatch(text) is not None


def resolve(text: str, environment: Mapping[str, str]) -> str:
    """Replace every reference in `text`. Raises `UnresolvedError` for the first one that leads nowhere."""
    return _REFERENCE.sub(lambda match: _value(match, environment), text)


def _value(match: re.Match[str], environment: Mapping[str, str]) -> str:
    provider, path, key = match["provider"], match["path"], match["key"]
    if provider == "env" and key is None:
        if path not in environment:
            raise UnresolvedError(f"environment variable {path} is not set")
        return environment[path]
    if provider == "file" and key:
        return _property(Path(path), key)
    if provider == "dir" and key:
        return _read(Path(path) / key)
    raise UnresolvedError(f"{match[0]} is none of ${{env:NAME}}, ${{file:PATH:KEY}}, ${{dir:PATH:KEY}}")


def _property(path: Path, key: str) -> str:
    for line in _read(path).splitlines():
        name, separator, value = line.partition("=")
        if separator and name.strip() == key and not line.lstrip().startswith(("#", "!")):
            return value.strip()
    raise UnresolvedError(f"{path} has no key {key}")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UnresolvedError(f"{path} cannot be read ({type(error).__name__})") from error

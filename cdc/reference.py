"""References to secrets and places: `${env:NAME}`, `${file:PATH:KEY}`, `${dir:PATH:KEY}`.

The syntax is that of Kafka's configuration providers on purpose: a connector file carries the same references, which
Kafka Connect resolves for itself, so that no secret passes through the service on its way there. What stands behind one
is read as Connect reads it, or the two would log in with different passwords. One thing is not: Connect takes a line
break at the end of a whole file as a part of the value, which only those references are refused for that it gets, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from cdc.properties import read_properties

_REFERENCE = re.compile(r"\$\{(?P<provider>[^:}]*):(?P<path>[^:}]*)(?::(?P<key>[^}]*))?\}")
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Secret:
    """A value that is used and never shown.

    One that stands behind a reference is looked up at each use: a file may get another password while the service runs.
    A variable of the environment cannot; a process keeps those that it was started with.
    """

    __slots__ = ("_environment", "_text", "reference")

    def __init__(self, value: str) -> None:
        self._text = value
        self._environment = _NOTHING
        self.reference: str | None = None

    @classmethod
    def behind(cls, reference: str, environment: Mapping[str, str]) -> Secret:
        """Return the secret that a reference leads to; it need not exist yet."""
        secret = cls("")
        secret.reference, secret._environment = reference, environment
        return secret

    def reveal(self) -> str:
        """Return the value, for handing it to the client library that needs it. Raises `UnresolvedError`."""
        return self._text if self.reference is None else resolve(self.reference, self._environment)

    def reveal_for_connect(self) -> str:
        """Return the same, of a reference that Connect gets, too. Raises `UnresolvedError` if it reads it otherwise."""
        return self._text if self.reference is None else resolve(self.reference, self._environment, for_connect=True)

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (other.reference, other._text) == (self.reference, self._text)

    def __hash__(self) -> int:
        return hash((self.reference, self._text))


class UnresolvedError(Exception):
    """A reference leads nowhere; the message names the reference, never a value."""


def is_reference(text: str) -> bool:
    """Tell whether the whole text is one reference."""
    return _REFERENCE.fullmatch(text) is not None


def resolve(text: str, environment: Mapping[str, str], *, for_connect: bool = False) -> str:
    """Replace every reference in `text`. Raises `UnresolvedError` for the first one that leads nowhere.

    `for_connect`: Connect gets the same references, so one that it reads differently is refused, too.
    """
    return _REFERENCE.sub(lambda match: _value(match, environment, for_connect=for_connect), text)


def _value(match: re.Match[str], environment: Mapping[str, str], *, for_connect: bool) -> str:
    provider, path, key = match["provider"], match["path"], match["key"]
    if provider == "env" and key is None:
        if path not in environment:
            raise UnresolvedError(f"environment variable {path} is not set")
        return environment[path]
    if provider == "file" and key:
        return _property(Path(path), key)
    if provider == "dir" and key:
        return _whole(Path(path) / key, for_connect=for_connect)
    raise UnresolvedError(f"{match[0]} is none of ${{env:NAME}}, ${{file:PATH:KEY}}, ${{dir:PATH:KEY}}")


def _property(path: Path, key: str) -> str:
    try:
        properties = read_properties(_read(path))
    except ValueError as error:
        raise UnresolvedError(f"{path} is no properties file: {error}") from None
    if key not in properties:
        raise UnresolvedError(f"{path} has no key {key}")
    return properties[key]


def _whole(path: Path, *, for_connect: bool) -> str:
    text = _read(path)
    if for_connect and text.endswith("\n"):
        raise UnresolvedError(f"{path} ends with a line break, which Kafka Connect takes as a part of the value")
    return text.removesuffix("\n")


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise UnresolvedError(f"{path} cannot be read ({type(error).__name__})") from error

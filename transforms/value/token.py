"""Tokens: what stands for a value that must not be read, and still joins (pseudonymisation, ISO 25237).

    v1:BASE32(HMAC-SHA-256(key of the domain, value in Unicode NFC))     RFC 2104, RFC 4648 without padding

The same value has the same token within a domain, and another one in another domain. A key never changes: a domain that
gets another one gets another version (`v2`), which the dictionary names and each token begins with. So all tokens of a
column are of one version, which joins rest on: the dictionary with the next one derives them all anew before it is in
force. Keys are no part of the dictionary; its examples use EXAMPLE_KEY.
"""

from __future__ import annotations

import hmac
import unicodedata
from base64 import b32encode
from collections.abc import Mapping
from typing import Final

from transforms.errors import DictionaryError, Fault, Place

EXAMPLE_KEY: Final = b"example"
NO_KEY: Final = "DIC-152"
FIRST: Final = "v1"
LENGTH: Final = len(FIRST) + 53


def key_name(domain: str, version: str) -> str:
    """Return what a domain's key is called: the first one as the domain, others `domain.v2`."""
    return domain if version == FIRST else f"{domain}.{version}"


def token_of(key: bytes, text: str, version: str = FIRST) -> str:
    """Return the token of a text: its version, a colon, 52 characters."""
    digest = hmac.digest(key, unicodedata.normalize("NFC", text).encode(), "sha256")
    return f"{version}:" + b32encode(digest).decode().rstrip("=")


def version_of(name: str) -> str:
    """Return the version that the tokens of a key begin with, by its name."""
    return name.partition(".")[2] or FIRST


class TokenKeys:
    """The keys of one dictionary, by name (`domains`); until they are given, all are that of the examples."""

    def __init__(self) -> None:
        self.domains: set[str] = set()
        self._keys: Mapping[str, bytes] | None = None

    def give(self, keys: Mapping[str, bytes]) -> None:
        """Use these keys from now on, and no example's."""
        self._keys = keys

    def token(self, name: str, text: str) -> str:
        """Return the token of a text by a key; DictionaryError (DIC-152) where there is none of that name."""
        version = version_of(name)
        if self._keys is None:
            return token_of(EXAMPLE_KEY, text, version)
        if name not in self._keys:
            raise DictionaryError([Fault(Place("tokens"), NO_KEY, f"no key is given for tokens of `{name}`")])
        return token_of(self._keys[name], text, version)

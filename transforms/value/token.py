"""Tokens: what stands for a value that must not be read, and still joins (pseudonymisation, ISO 25237).

    v1:BASE32(HMAC-SHA-256(key of the domain, value in Unicode NFC))     RFC 2104, RFC 4648 without padding

The same value has the same token within a domain, and another one in another domain. A domain's key never changes:
another key is another domain, so that the dictionary says what a token was made with. Keys are no part of the
dictionary; its examples use EXAMPLE_KEY.
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
LENGTH: Final = len("v1:") + 52


def token_of(key: bytes, text: str) -> str:
    """Return the token of a text, of 55 characters."""
    digest = hmac.digest(key, unicodedata.normalize("NFC", text).encode(), "sha256")
    return "v1:" + b32encode(digest).decode().rstrip("=")


class TokenKeys:
    """The keys of one dictionary's domains; until they are given, all have that of the examples."""

    def __init__(self) -> None:
        self.domains: set[str] = set()
        self._keys: Mapping[str, bytes] | None = None

    def give(self, keys: Mapping[str, bytes]) -> None:
        """Use these keys from now on, and no example's."""
        self._keys = keys

    def token(self, domain: str, text: str) -> str:
        """Return the token of a text; DictionaryError (DIC-152) where the domain has no key."""
        if self._keys is None:
            return token_of(EXAMPLE_KEY, text)
        if domain not in self._keys:
            raise DictionaryError([Fault(Place("tokens"), NO_KEY, f"no key is given for tokens of `{domain}`")])
        return token_of(self._keys[domain], text)

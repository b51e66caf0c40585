"""Bytes sealed by a data key: AES-256-GCM, bound to the place that they stand in.

    nonce (12 bytes), ciphertext, tag (16 bytes)          the place is authenticated, not kept (`stream offset part`)

A data key is random, one for a class of data and the month in which it lands. It is wrapped in the same way by a
master key, which is derived of a secret of the settings (HKDF-SHA-256), and kept in `cdc.data_key`. Unwrapped it is
nowhere but in memory: of who seals for one transaction, so that none is shredded that somebody is about to seal by, and
of a command that reads until it ends. Landing seals in each of its transactions: what that needs of the target is asked
for at once, with what landing asks for anyway.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final, get_args

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cdc.config import Protection
from cdc.errors import FatalError
from cdc.reference import Secret
from transforms.model import Sensitivity

UNCLASSED: Final = "unclassed"
"""The class of a mirror that no field is made of."""
CLEAR: Final = frozenset({"public", "internal"})
"""The classes of what everybody may see: it is not sealed."""
# Of what nobody has classed nothing is known: what somebody has called confidential, or more, goes before it.
_RANKS: Final = (UNCLASSED, *(name for name in get_args(Sensitivity) if name not in CLEAR))
_NONCE: Final = 12
_KEY: Final = 32
# Whoever shreds waits for those who seal and have not committed, and they for him.
_IN_USE: Final = b"LOCK TABLE cdc.data_key IN ROW EXCLUSIVE MODE"
_CLASSES: Final = b"SELECT mirror, class, columns FROM cdc.mirror_class WHERE mirror = ANY (%s)"
_KEYS: Final = (
    b"SELECT class, id, master, wrapped FROM cdc.data_key WHERE shredded_at IS NULL"
    b" AND month = date_trunc('month', now() AT TIME ZONE 'UTC')::date"
)


class ShreddedError(Exception):
    """What is asked for was sealed by a key that is gone: when, by whom and why."""

    def __init__(self, at: datetime, by: str, reason: str | None) -> None:
        super().__init__(f"shredded on {at:%Y-%m-%d} by {by}" + (f": {reason}" if reason else ""))


class Sealer:
    """Seals what mirrors are made of within one transaction of the connection, which is open or opens by this.

    In a pipeline nothing is waited for until something is sealed. A key that a class lacks for this month is made.
    Raises FatalError PRT-103 without the master key that a data key is wrapped by, PRT-104 if it is another one.
    """

    def __init__(self, connection: psycopg.Connection[Any], protection: Protection, mirrors: Collection[str]) -> None:
        self._connection = connection
        self._protection = protection
        self._mirrors = mirrors
        connection.execute(_IN_USE)
        self._classed = connection.execute(_CLASSES, (list(mirrors),))
        self._kept = connection.execute(_KEYS)
        self._keys: dict[str, tuple[int, bytes]] = {}

    @property
    def current(self) -> str:
        """The name of the master key that new data keys are wrapped by."""
        return self._protection.current

    def key_of(self, mirror: str) -> int:
        """Return the number of the key that seals what a mirror is made of, this month."""
        return self._key(self._classes[mirror])[0]

    def seal(self, mirror: str, place: str, data: bytes) -> bytes:
        """Return bytes as they are kept; they open at that place only."""
        return encrypt(self._key(self._classes[mirror])[1], data, place)

    def key_token(self, mirror: str, columns: Sequence[str], key: Sequence[object]) -> str | None:
        """Return what a row's key is found by where it is not kept; None if none of its columns is sensitive."""
        sensitive = {column for name, _, listed in self._said if name == mirror for column in listed}
        return key_token(self._key(self._classes[mirror])[1], mirror, key) if sensitive & {*columns} else None

    def seal_together(self, mirrors: Collection[str], place: str, data: bytes) -> tuple[bytes, int | None]:
        """Return what several mirrors are made of as it is kept, and the number of the key that has sealed it.

        That is the key of their most sensitive class; what is public or internal is kept as it is, without a key.
        """
        classes = {self._classes[mirror] for mirror in mirrors} - CLEAR
        if not classes:
            return data, None
        number, key = self._key(max(classes, key=_RANKS.index))
        return encrypt(key, data, place), number

    @cached_property
    def _classes(self) -> dict[str, str]:
        return {**dict.fromkeys(self._mirrors, UNCLASSED), **{mirror: name for mirror, name, _ in self._said}}

    @cached_property
    def _said(self) -> list[tuple[str, str, list[str]]]:
        return self._classed.fetchall()

    @cached_property
    def _wrapped(self) -> dict[str, tuple[int, str, bytes]]:
        return {name: (number, master, wrapped) for name, number, master, wrapped in self._kept.fetchall()}

    def _key(self, name: str) -> tuple[int, bytes]:
        if name not in self._keys:
            self._keys[name] = self._find(name) or self._make(name)
        return self._keys[name]

    def _find(self, name: str) -> tuple[int, bytes] | None:
        if name not in self._wrapped:
            return None
        number, master, wrapped = self._wrapped[name]
        return number, unwrap(self._protection, master, name, wrapped)

    def _make(self, name: str) -> tuple[int, bytes]:
        key, master = os.urandom(_KEY), self._protection.current
        row = self._connection.execute(
            "INSERT INTO cdc.data_key (class, month, master, wrapped)"
            " VALUES (%s, date_trunc('month', now() AT TIME ZONE 'UTC')::date, %s, %s)"
            " ON CONFLICT (class, month) WHERE shredded_at IS NULL DO NOTHING RETURNING id",
            (name, master, wrap(self._protection, master, name, key)),
        ).fetchone()
        if row is not None:
            return row[0], key
        # Somebody else has made it meanwhile.
        self._kept = self._connection.execute(_KEYS)
        del self._wrapped
        found = self._find(name)
        if found is None:
            raise FatalError("PRT-104", f"no key of class {name} can be made")
        return found


@dataclass(slots=True)
class Opener:
    """Opens what was sealed. `protection` None: the settings have no master keys."""

    connection: psycopg.Connection[Any]
    protection: Protection | None
    _keys: dict[int, bytes] = field(default_factory=dict)

    def open(self, key: int, place: str, sealed: bytes) -> bytes:
        """Return the bytes. Raises as `key`, FatalError PRT-104 if they are not ours."""
        return decrypt(self.key(key), sealed, place)

    def key(self, number: int) -> bytes:
        """Return a data key. Raises ShreddedError, FatalError PRT-103 without its master key, PRT-104 with another."""
        if number not in self._keys:
            self._keys[number] = self._read(number)
        return self._keys[number]

    def _read(self, key: int) -> bytes:
        row = self.connection.execute(
            "SELECT class, master, wrapped, shredded_at, shredded_by, reason FROM cdc.data_key WHERE id = %s", (key,)
        ).fetchone()
        if row is None:
            raise FatalError("PRT-104", f"there is no data key {key}")
        name, master, wrapped, at, by, reason = row
        if at is not None:
            raise ShreddedError(at, by, reason)
        return unwrap(self.protection, master, name, wrapped)


def key_token(data_key: bytes, mirror: str, key: Sequence[object]) -> str:
    """Return the HMAC-SHA-256 of the key of a mirror's row, hexadecimal, by a key that is made of a data key."""
    hashing = HKDF(SHA256(), _KEY, salt=None, info=b"cdc key of a row").derive(data_key)
    return hmac.digest(hashing, json.dumps([mirror, *map(str, key)]).encode(), "sha256").hex()


def place_of(stream: str, offset: int, part: str) -> str:
    """Return what binds sealed bytes to a record, or to records from an offset on."""
    return f"{stream} {offset} {part}"


def encrypt(key: bytes, data: bytes, place: str) -> bytes:
    """Return nonce, ciphertext and tag."""
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, data, place.encode())


def decrypt(key: bytes, sealed: bytes, place: str) -> bytes:
    """Return what was encrypted. Raises FatalError PRT-104 for other bytes, another key or another place."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], place.encode())
    except InvalidTag as error:
        raise FatalError("PRT-104", place) from error


def wrap(protection: Protection, master: str, name: str, key: bytes) -> bytes:
    """Return a data key of a class, wrapped by a master key of the settings."""
    return encrypt(_master(protection.keys[master]), key, f"{name} {master}")


def unwrap(protection: Protection | None, master: str, name: str, wrapped: bytes) -> bytes:
    """Return a data key. Raises FatalError PRT-103 if the settings lack its master key, PRT-104 if it is another."""
    keys: Mapping[str, Secret] = protection.keys if protection else {}
    if master not in keys:
        raise FatalError("PRT-103", f"protection.keys.{master}")
    return decrypt(_master(keys[master]), wrapped, f"{name} {master}")


def _master(secret: Secret) -> bytes:
    return HKDF(SHA256(), _KEY, salt=None, info=b"cdc master key").derive(secret.reveal().encode())

"""What a waiver gives to columns, as it is kept: in the clear, or sealed as the records of its source row are.

Where more than one mirror has a part in a row, by look-ups or by a fold, it is sealed as the most sensitive of them. It
is bound to that row, and to the version of it that the waiver is of.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from cdc.config import Protection
from cdc.errors import FatalError
from cdc.protect.seal import Opener, Sealer, ShreddedError, decrypt

Connection = psycopg.Connection[Any]
Values = list[str | None]


class LostError(Exception):
    """What was given can be read by nobody any more, or is not what the service wrote; in words, why."""


@dataclass(frozen=True, slots=True)
class Of:
    """Which waiver it is: its mapping or fold, the key of its row there, and the digest of that row's version."""

    mapping: str
    source_key: Sequence[str]
    version: str

    @property
    def place(self) -> str:
        """What sealed values are bound to."""
        return json.dumps(["waiver", self.mapping, list(self.source_key), self.version], ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """Values as `cdc.waiver` keeps them: either `given`, or `sealed` by a data key."""

    given: Values | None
    sealed: bytes | None = None
    data_key: int | None = None

    def open(self, opener: Opener, of: Of) -> Values:
        """Return the values. Raises LostError; FatalError PRT-103 and PRT-104 as `Opener.key`."""
        if self.sealed is None or self.data_key is None:
            return self.given or []
        try:
            key = opener.key(self.data_key)
        except ShreddedError as gone:
            raise LostError(f"what it gives was {gone}") from gone
        try:
            values = json.loads(decrypt(key, self.sealed, of.place))
        except (FatalError, ValueError) as error:
            raise LostError("what it gives does not open") from error
        return list(values)


class Keeper:
    """Seals what waivers give of rows made of `mirrors`, within a transaction of the connection, as its first.

    Before the snapshot of that transaction is taken: a key that somebody is shredding is not sealed by.
    """

    def __init__(self, connection: Connection, protection: Protection | None, mirrors: Collection[str]) -> None:
        self._connection, self._mirrors = connection, mirrors
        self._sealer = None if protection is None else Sealer(connection, protection, mirrors)

    def keep(self, of: Of, values: Sequence[str | None]) -> Kept:
        """Return the values as they are kept. Raises FatalError PRT-103 where records of a mirror are sealed, and the
        settings have no master key.
        """
        if self._sealer is None:
            self._require_clear()
            return Kept(list(values))
        data = json.dumps(list(values), ensure_ascii=False).encode()
        sealed, key = self._sealer.seal_together(self._mirrors, of.place, data)
        return Kept(list(values)) if key is None else Kept(None, sealed, key)

    def _require_clear(self) -> None:
        row = self._connection.execute(
            "SELECT min(m.mirror) FROM cdc.data_key k JOIN cdc.mirror_class m USING (class) WHERE m.mirror = ANY (%s)",
            (list(self._mirrors),),
        ).fetchone()
        if row is not None and row[0] is not None:
            raise FatalError("PRT-103", f"protection.keys, by which what is kept of {row[0]} is sealed")

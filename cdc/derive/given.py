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
from cdc.protect.seal import CLEAR, Opener, Sealer, ShreddedError, decrypt

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
        """Return the values as they are kept. Raises FatalError PRT-103 where records are sealed, and the settings have
        no master key, or another one than the workers.
        """
        if self._sealer is None:
            self._require_clear()
            return Kept(list(values))
        self._require_known_master(self._sealer.current)
        data = json.dumps(list(values), ensure_ascii=False).encode()
        sealed, key = self._sealer.seal_together(self._mirrors, of.place, data)
        return Kept(list(values)) if key is None else Kept(None, sealed, key)

    def _require_clear(self) -> None:
        row = self._connection.execute(
            "SELECT min(m.mirror) FROM unnest(%s::text[]) m (mirror) LEFT JOIN cdc.mirror_class c USING (mirror)"
            " WHERE coalesce(c.class, '') <> ALL (%s) AND EXISTS (SELECT FROM cdc.data_key)",
            (list(self._mirrors), list(CLEAR)),
        ).fetchone()
        if row is not None and row[0] is not None:
            raise FatalError("PRT-103", f"protection.keys, by which what is kept of {row[0]} is sealed")

    def _require_known_master(self, current: str) -> None:
        """Raise PRT-103 for a master key that the workers may lack: landing would stop at a data key of it."""
        row = self._connection.execute(
            "SELECT count(*) > 0 AND count(*) FILTER (WHERE master = %s) = 0 FROM cdc.data_key"
            " WHERE shredded_at IS NULL",
            (current,),
        ).fetchone()
        if row == (True,):
            raise FatalError("PRT-103", f"protection.current is {current}, by which no data key is wrapped yet")

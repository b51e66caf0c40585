"""Mirror rows that are not what the journal says, written anew from it, beside landing and without asking the source.

A row is mended while landing waits, and only if nothing has landed for it since it was found wrong, and its history
ends with the event that says so. A column that the source has dropped stays as it is where the journal has no value of
it. What mappings make of it is derived again; what looked it up is found by `cdc audit rows`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.sql import SQL, Composable
from psycopg.types.json import Jsonb

from cdc.capture.contract import Contract
from cdc.evidence.history import Entry, Image, images_of, read_history
from cdc.evidence.mirrors import MirrorFault
from cdc.evidence.rows import queue_rows
from cdc.land.mirror.table import MirrorTable, list_of, name_of
from cdc.protect.classes import key_on_record
from cdc.protect.seal import Opener
from cdc.reference import Secret
from cdc.store.action import record_action

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Mender:
    """Mends rows of one source. `mappings` are, by mirror, those whose source it is."""

    opener: Opener
    database: str
    mappings: Mapping[str, tuple[str, ...]]
    tokens: Mapping[str, Secret]
    reason: str

    @property
    def connection(self) -> Connection:
        """The connection that it reads and writes by, in autocommit."""
        return self.opener.connection

    def mend(self, contract: Contract, fault: MirrorFault) -> str:
        """Mend one row, in a transaction of its own, with the record of it: "written", "removed", or why it was not."""
        entries = list(read_history(self.opener, contract, self.database, fault.key, self.tokens))
        with self.connection.transaction():
            self.connection.execute("SELECT FROM cdc.position WHERE stream = %s FOR UPDATE", (fault.stream,))
            done = self._mend(contract, fault, entries)
            if done in {"written", "removed"}:
                self._note(contract, fault, done)
        return done

    def _mend(self, contract: Contract, fault: MirrorFault, entries: list[Entry]) -> str:
        table = MirrorTable(contract)
        last = entries[-1] if entries else None
        if self._last_batch(table, fault.key) != (last.batch if last else None):
            return "nothing: something has landed since"
        if fault.offset is not None and (last is None or last.offset != fault.offset):
            return "nothing: its history ends with another event, take a new snapshot"
        *_, image = images_of(entries) if entries else (Image(None, is_deleted=True),)
        if image.is_deleted:
            self._remove(table, table.name, fault.key)
            return "removed"
        columns = {column.name for column in contract.columns if column.name not in contract.dropped}
        if last is None or image.row is None or not columns <= image.row.keys():
            return "nothing: the journal does not have the whole row, take a new snapshot"
        row = {name: value for name, value in image.row.items() if name in columns or value is not None}
        self._write(table, fault.key, {**row, "_offset": last.offset, "_source_ts": str(last.committed_at)})
        return "written"

    def _last_batch(self, table: MirrorTable, key: tuple[str, ...]) -> int | None:
        row = self.connection.execute(
            "SELECT max(batch) FROM cdc.journal_key WHERE hashes @> ARRAY[hash_array(%(key)s::text[])]"
            " AND key = %(key)s::text[] AND mirror = %(mirror)s",
            {"key": list(key), "mirror": table.contract.mirror},
        ).fetchone()
        return row[0] if row else None

    def _remove(self, table: MirrorTable, name: Composable, key: tuple[str, ...]) -> None:
        """Remove the row from the mirror, or from its deleted twin."""
        where = SQL("DELETE FROM {} m WHERE {} = %s::text[]")
        self.connection.execute(where.format(name, table.key_array("m")), (list(key),))

    def _write(self, table: MirrorTable, key: tuple[str, ...], row: Mapping[str, object]) -> None:
        names = sorted(row)
        insert = SQL(
            "INSERT INTO {name} ({names}) SELECT {values} FROM jsonb_populate_record(NULL::{name}, %s) r"
            " ON CONFLICT ({key}) DO UPDATE SET {changes}"
        ).format(
            name=table.name,
            names=list_of(names),
            values=SQL(", ").join(name_of("r", name) for name in names),
            key=list_of(table.contract.key),
            changes=SQL(", ").join(SQL("{0} = excluded.{0}").format(name_of(name)) for name in names),
        )
        self.connection.execute(insert, (Jsonb(dict(row)),))
        self._remove(table, table.deleted, key)

    def _note(self, contract: Contract, fault: MirrorFault, done: str) -> None:
        queue_rows(self.connection, ((mapping, fault.key) for mapping in self.mappings.get(fault.mirror, ())))
        key = key_on_record(self.connection, contract, fault.key)
        effect = {"key": key, "was": fault.what, "done": done, "by": fault.batch, "offset": fault.offset}
        record_action(self.connection, "stream repair", fault.mirror, effect, self.reason)

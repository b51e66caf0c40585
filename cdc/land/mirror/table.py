"""The names of one mirror's tables and columns, as the statements write them: all of them quoted.

Every statement takes parameters, if only `()`: a percent sign in a legacy column's name is written twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from cdc.capture.contract import Contract
from cdc.capture.keyless import source_columns
from cdc.key import text_template
from transforms.beside import CHANGE, DELETED


@dataclass(frozen=True, slots=True)
class MirrorTable:
    """The names of one mirror, its deleted twin and its staging table; `watched` are columns that look-ups read.

    `keeps_changes`: there is a change mirror, too (`cdc.land.mirror.versions`).
    """

    contract: Contract
    watched: tuple[str, ...] = ()
    keeps_changes: bool = False

    @property
    def name(self) -> Composable:
        """The mirror."""
        return name_of(self.contract.schema, self.contract.table)

    @property
    def deleted(self) -> Composable:
        """The table of last images of deleted rows."""
        return name_of(self.contract.schema + DELETED, self.contract.table)

    @property
    def changes(self) -> Composable:
        """The change mirror: all versions of all rows."""
        return name_of(self.contract.schema + CHANGE, self.contract.table)

    @property
    def stage_name(self) -> str:
        """The staging table without its schema: another one for each mirror, however long and alike their names are."""
        return f"stage_{hashlib.sha256(self.contract.mirror.encode()).hexdigest()[:32]}"

    @property
    def stage(self) -> Composable:
        """The temporary table through which a batch reaches the mirror."""
        return name_of("pg_temp", self.stage_name)

    @property
    def text(self) -> Literal:
        """The mirror's name as a value: `schema.table`."""
        return text_of(self.contract.mirror)

    @property
    def columns(self) -> tuple[str, ...]:
        """Source columns in the contract's order."""
        return tuple(column.name for column in self.contract.columns)

    @property
    def source_columns(self) -> tuple[str, ...]:
        """The same without what only the mirror of a table without a key has."""
        return tuple(column.name for column in source_columns(self.contract.columns))

    def key_array(self, alias: str) -> Composed:
        """A row's key as text[] (`cdc.key`)."""
        return SQL("ARRAY[{}]").format(
            SQL(", ").join(self.text_of(name, name_of(alias, name)) for name in self.contract.key)
        )

    def text_of(self, column: str, value: Composable) -> Composed:
        """A value of a key column as text."""
        return SQL(text_template(self.contract.column(column).mirror_type)).format(value)

    def match(self, alias: str) -> Composed:
        """The condition that a row has the key of the staged row s."""
        return SQL(" AND ").join(
            SQL("{} = {}").format(name_of(alias, name), name_of("s", name)) for name in self.contract.key
        )

    def given_keys(self) -> tuple[Composed, Composed, Composed]:
        """Keys given as one array of text per key column; returns what `given` does."""
        return self.given(self.contract.key)

    def given(self, columns: Sequence[str]) -> tuple[Composed, Composed, Composed]:
        """Values of some columns given as one array of text per column, and two conditions on them.

        Returns the FROM item `k` (its `n` is a value's place from 1 on), the condition that the mirror's row `m` has
        the values, and the values as text[] (`cdc.key`).
        """
        aliases = [f"k{number}" for number in range(len(columns))]
        values = [
            SQL("k.{}::{}").format(Identifier(alias), SQL(self.contract.column(name).mirror_type))
            for alias, name in zip(aliases, columns, strict=True)
        ]
        pairs = zip(columns, values, strict=True)
        return (
            SQL("unnest({}) WITH ORDINALITY AS k({})").format(
                SQL(", ").join([SQL("%s::text[]")] * len(aliases)), list_of([*aliases, "n"])
            ),
            SQL(" AND ").join(SQL("{} = {}").format(name_of("m", name), value) for name, value in pairs),
            SQL("ARRAY[{}]").format(SQL(", ").join(map(self.text_of, columns, values))),
        )

    def exists(self, alias: str) -> Composed:
        """The condition that an outer join found a row: no key column is NULL."""
        return SQL("{} IS NOT NULL").format(name_of(alias, self.contract.key[0]))


def list_of(names: Iterable[str]) -> Composed:
    """Return names as a list of columns."""
    return SQL(", ").join(name_of(name) for name in names)


def name_of(*parts: str) -> Identifier:
    """Return a quoted name."""
    return Identifier(*(part.replace("%", "%%") for part in parts))


def text_of(value: str) -> Literal:
    """Return a quoted value."""
    return Literal(value.replace("%", "%%"))

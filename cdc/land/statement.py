"""The SQL that writes one mirror: staging, upsert, update, delete, tombstones, changed keys.

Everything is set-wise from one temporary staging table per mirror. `INSERT ... ON CONFLICT` on the key, not `MERGE`:
it ran twice as fast, and its plan cannot fall back to a scan of the mirror. All names are quoted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg import sql
from psycopg.sql import SQL, Composable, Composed, Identifier

from cdc.capture.contract import Contract


@dataclass(frozen=True, slots=True)
class MirrorTable:
    """The names of one mirror, its deleted twin and its staging table; `watched` are columns that look-ups match by."""

    contract: Contract
    watched: tuple[str, ...] = ()

    @property
    def name(self) -> Composable:
        """The mirror."""
        return Identifier(self.contract.schema, self.contract.table)

    @property
    def deleted(self) -> Composable:
        """The table of last images of deleted rows."""
        return Identifier(f"{self.contract.schema}_deleted", self.contract.table)

    @property
    def stage(self) -> Composable:
        """The temporary table through which a batch reaches the mirror."""
        return Identifier("pg_temp", stage_name(self.contract))

    @property
    def columns(self) -> tuple[str, ...]:
        """Source columns in the contract's order."""
        return tuple(column.name for column in self.contract.columns)


def stage_name(contract: Contract) -> str:
    """Return a staging table's name, at most 63 bytes and unique per mirror."""
    return f"stage_{contract.mirror}".encode()[:63].decode(errors="ignore")


def create_stage(table: MirrorTable) -> Composed:
    """One row per key: `_op` u writes, d deletes what the mirror has, x deletes and brings the last image along."""
    columns = [
        SQL("{} {}").format(Identifier(column.name), SQL(_stage_type(column.mirror_type)))
        for column in table.contract.columns
    ]
    return SQL(
        'CREATE TEMP TABLE {} ({}, _offset bigint, _source_ts timestamptz, _op "char", _shape int, _created boolean)'
        " ON COMMIT DELETE ROWS"
    ).format(Identifier(stage_name(table.contract)), SQL(", ").join(columns))


def _stage_type(mirror_type: str) -> str:
    return mirror_type


def copy_stage(table: MirrorTable, columns: Sequence[str]) -> Composed:
    """COPY of the given source columns, then `_offset, _source_ts, _op, _shape, _created`."""
    names = [*columns, "_offset", "_source_ts", "_op", "_shape", "_created"]
    return SQL("COPY {} ({}) FROM STDIN").format(table.stage, _list(names))


def upsert(table: MirrorTable, columns: Sequence[str]) -> Composed:
    """Write whole rows of shape %s; a column that they do not carry keeps its default or its value."""
    names = [*columns, "_offset", "_source_ts"]
    return SQL(
        "INSERT INTO {mirror} ({names}) SELECT {names} FROM {stage} WHERE _op = 'u' AND _shape = %s"
        " ON CONFLICT ({key}) DO UPDATE SET {sets}"
    ).format(
        mirror=table.name,
        names=_list(names),
        stage=table.stage,
        key=_list(table.contract.key),
        sets=SQL(", ").join(SQL("{0} = EXCLUDED.{0}").format(Identifier(name)) for name in names),
    )


def update(table: MirrorTable, columns: Sequence[str]) -> Composed:
    """Write rows of shape %s whose other columns the log left out because they did not change."""
    names = [*columns, "_offset", "_source_ts"]
    return SQL("UPDATE {mirror} m SET {sets} FROM {stage} s WHERE _op = 'u' AND _shape = %s AND {match}").format(
        mirror=table.name,
        sets=SQL(", ").join(SQL("{0} = s.{0}").format(Identifier(name)) for name in names),
        stage=table.stage,
        match=_match(table, "m"),
    )


def revive(table: MirrorTable) -> Composed:
    """Remove the tombstones of rows that exist again."""
    return SQL("DELETE FROM {deleted} m USING {stage} s WHERE s._op = 'u' AND s._created AND {match}").format(
        deleted=table.deleted, stage=table.stage, match=_match(table, "m")
    )


def delete(table: MirrorTable) -> Composed:
    """Move the rows of `_op` d to the deleted twin, with the delete's own offset and time."""
    columns = table.columns
    return SQL(
        "WITH gone AS (DELETE FROM {mirror} m USING {stage} s WHERE s._op = 'd' AND {match}"
        " RETURNING {kept}, m._offset, m._source_ts, s._offset AS _deleted_offset, s._source_ts AS _deleted_ts)"
        " INSERT INTO {deleted} ({names}) SELECT {names} FROM gone {conflict}"
    ).format(
        mirror=table.name,
        stage=table.stage,
        match=_match(table, "m"),
        kept=SQL(", ").join(Identifier("m", name) for name in columns),
        deleted=table.deleted,
        names=_list(_twin(columns)),
        conflict=_overwrite(table, _twin(columns)),
    )


def delete_known(table: MirrorTable) -> Composed:
    """Delete the rows of `_op` x; the stage itself holds their last image."""
    columns = table.columns
    return SQL(
        "WITH gone AS (DELETE FROM {mirror} m USING {stage} s WHERE s._op = 'x' AND {match})"
        " INSERT INTO {deleted} ({names}) SELECT {kept}, _offset, _source_ts, _offset, _source_ts FROM {stage}"
        " WHERE _op = 'x' {conflict}"
    ).format(
        mirror=table.name,
        stage=table.stage,
        match=_match(table, "m"),
        deleted=table.deleted,
        names=_list(_twin(columns)),
        kept=_list(columns),
        conflict=_overwrite(table, _twin(columns)),
    )


def delete_where(table: MirrorTable, condition: Composable) -> Composed:
    """Delete the mirror rows that meet `condition` (on m), keep them in the deleted twin, note their keys.

    Parameters: deleted_offset, deleted_ts, stream, batch.
    """
    columns = table.columns
    return SQL(
        "WITH gone AS (DELETE FROM {mirror} m WHERE {condition} RETURNING m.*),"
        " kept AS (INSERT INTO {deleted} ({names}) SELECT {columns}, _offset, _source_ts,"
        " %(deleted_offset)s, %(deleted_ts)s FROM gone {conflict})"
        " INSERT INTO cdc.journal_key (stream, batch, mirror, key, op, old)"
        " SELECT %(stream)s, %(batch)s, {mirror_text}, {key}, 'd', {old} FROM gone m"
    ).format(
        mirror=table.name,
        condition=condition,
        deleted=table.deleted,
        names=_list(_twin(columns)),
        columns=_list(columns),
        conflict=_overwrite(table, _twin(columns)),
        mirror_text=table.contract.mirror,
        key=_key_array(table, "m"),
        old=_old(table),
    )


def note_keys(table: MirrorTable) -> Composed:
    """Write the staged keys to the journal's key index, with the watched values that the mirror still holds.

    Runs before the mirror is written. Parameters: stream, batch.
    """
    old = SQL(" LEFT JOIN {mirror} m ON {match}").format(mirror=table.name, match=_match(table, "m"))
    return SQL(
        "INSERT INTO cdc.journal_key (stream, batch, mirror, key, op, old)"
        " SELECT %s, %s, {text}, {key}, CASE s._op WHEN 'u' THEN 'u' ELSE 'd' END::\"char\", {old} FROM {stage} s{join}"
    ).format(
        text=table.contract.mirror,
        key=_key_array(table, "s"),
        old=_old(table),
        stage=table.stage,
        join=old if table.watched else SQL(""),
    )


def _old(table: MirrorTable) -> Composable:
    if not table.watched:
        return SQL("NULL")
    pairs = SQL(", ").join(SQL("{}, {}::text").format(name, Identifier("m", name)) for name in table.watched)
    exists = Identifier("m", table.contract.key[0])
    return SQL("CASE WHEN {exists} IS NOT NULL THEN jsonb_build_object({pairs}) END").format(exists=exists, pairs=pairs)


def select_columns(table: MirrorTable, columns: Sequence[str]) -> Composed:
    """Read columns as text by keys given as one array of text per key column: `key columns..., columns...`."""
    types = {column.name: column.mirror_type for column in table.contract.columns}
    arrays = SQL(", ").join(SQL("%s::text[]") for _ in table.contract.key)
    aliases = [f"k{number}" for number in range(len(table.contract.key))]
    match = SQL(" AND ").join(
        SQL("m.{} = k.{}::{}").format(Identifier(name), Identifier(alias), SQL(types[name]))
        for name, alias in zip(table.contract.key, aliases, strict=True)
    )
    return SQL("SELECT {ordinal}, {columns} FROM unnest({arrays}) WITH ORDINALITY AS k({aliases}) JOIN {mirror} m ON {match}").format(
        ordinal=SQL("k.n"),
        columns=SQL(", ").join(SQL("{}::text").format(Identifier("m", name)) for name in columns),
        arrays=arrays,
        aliases=_list([*aliases, "n"]),
        mirror=table.name,
        match=match,
    )


def _twin(columns: Iterable[str]) -> list[str]:
    return [*columns, "_offset", "_source_ts", "_deleted_offset", "_deleted_ts"]


def _overwrite(table: MirrorTable, names: Iterable[str]) -> Composed:
    return SQL("ON CONFLICT ({key}) DO UPDATE SET {sets}").format(
        key=_list(table.contract.key),
        sets=SQL(", ").join(SQL("{0} = EXCLUDED.{0}").format(Identifier(name)) for name in names),
    )


def _key_array(table: MirrorTable, alias: str) -> Composed:
    return SQL("ARRAY[{}]").format(
        SQL(", ").join(SQL("{}::text").format(Identifier(alias, name)) for name in table.contract.key)
    )


def _match(table: MirrorTable, alias: str) -> Composed:
    return SQL(" AND ").join(
        SQL("{} = {}").format(Identifier(alias, name), Identifier("s", name)) for name in table.contract.key
    )


def _list(names: Iterable[str]) -> Composed:
    return sql.SQL(", ").join(Identifier(name) for name in names)

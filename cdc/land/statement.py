"""The SQL that writes one mirror: staging, upsert, update, delete, tombstones, changed keys, stale rows.

Everything is set-wise from one temporary staging table per mirror. `INSERT ... ON CONFLICT` on the key, not `MERGE`:
it ran twice as fast, and its plan cannot fall back to a scan of the mirror. All names are quoted.

A staged row has an operation: u writes the row, d deletes what the mirror has, x writes the row and then deletes it,
s only notes that the row is stale. `_shape` numbers the sets of columns that the batch's rows carry.

Every statement takes parameters, if only `()`: a percent sign in a legacy column's name is written twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from cdc.capture.contract import Contract

STAGE_COLUMNS = {
    "_offset": "bigint",
    "_source_ts": "timestamptz",
    "_deleted_offset": "bigint",
    "_deleted_ts": "timestamptz",
    "_op": '"char"',
    "_shape": "int",
    "_whole": "boolean",
    "_code": "text",
    "_code_offset": "bigint",
}


@dataclass(frozen=True, slots=True)
class MirrorTable:
    """The names of one mirror, its deleted twin and its staging table; `watched` are columns that look-ups read."""

    contract: Contract
    watched: tuple[str, ...] = ()

    @property
    def name(self) -> Composable:
        """The mirror."""
        return _name(self.contract.schema, self.contract.table)

    @property
    def deleted(self) -> Composable:
        """The table of last images of deleted rows."""
        return _name(f"{self.contract.schema}_deleted", self.contract.table)

    @property
    def stage(self) -> Composable:
        """The temporary table through which a batch reaches the mirror."""
        return _name("pg_temp", stage_name(self.contract))

    @property
    def columns(self) -> tuple[str, ...]:
        """Source columns in the contract's order."""
        return tuple(column.name for column in self.contract.columns)


def stage_name(contract: Contract) -> str:
    """Return a staging table's name: another one for each mirror, however long and alike their names are."""
    return f"stage_{hashlib.sha256(contract.mirror.encode()).hexdigest()[:32]}"


def create_stage(table: MirrorTable) -> Composed:
    """Make the staging table; it is empty again after each transaction."""
    columns = [SQL("{} {}").format(_name(column.name), SQL(column.mirror_type)) for column in table.contract.columns]
    columns += [SQL("{} {}").format(_name(name), SQL(type_text)) for name, type_text in STAGE_COLUMNS.items()]
    return SQL("CREATE TEMP TABLE {} ({}) ON COMMIT DELETE ROWS").format(
        _name(stage_name(table.contract)), SQL(", ").join(columns)
    )


def copy_stage(table: MirrorTable) -> Composed:
    """COPY of all source columns and STAGE_COLUMNS."""
    return SQL("COPY {} FROM STDIN").format(table.stage)


def insert_stage(table: MirrorTable) -> Composed:
    """The same for few rows: one parameter per source column and STAGE_COLUMNS."""
    count = len(table.contract.columns) + len(STAGE_COLUMNS)
    return SQL("INSERT INTO {} VALUES ({})").format(table.stage, SQL(", ").join([SQL("%s")] * count))


def empty_stage(table: MirrorTable) -> Composed:
    """Remove what an earlier stretch of the same batch staged."""
    return SQL("DELETE FROM {}").format(table.stage)


def drop_stage(table: MirrorTable) -> Composed:
    """Remove the staging table of an earlier contract."""
    return SQL("DROP TABLE IF EXISTS {}").format(table.stage)


def upsert(table: MirrorTable, columns: Sequence[str]) -> Composed:
    """Write the rows of shape %s; a column that they do not carry keeps its default or its value."""
    names = [*columns, "_offset", "_source_ts"]
    return SQL("{insert} ON CONFLICT ({key}) DO UPDATE SET {sets}").format(
        insert=_insert(table, names),
        key=_list(table.contract.key),
        sets=SQL(", ").join(SQL("{0} = EXCLUDED.{0}").format(_name(name)) for name in names),
    )


def upsert_reread(table: MirrorTable, columns: Sequence[str]) -> Composed:
    """Write the re-read rows of shape %s: what is newer stays, and a row of equal values moves its offset only."""
    names = [*columns, "_offset", "_source_ts"]
    # As text: json and the geometric types have no equality.
    same = SQL(" AND ").join(
        SQL("m.{0}::text IS NOT DISTINCT FROM EXCLUDED.{0}::text").format(_name(name)) for name in columns
    )
    return SQL(
        "{insert} ON CONFLICT ({key}) DO UPDATE SET {sets}, _offset = EXCLUDED._offset,"
        " _source_ts = CASE WHEN {same} THEN m._source_ts ELSE EXCLUDED._source_ts END"
        " WHERE m._offset < EXCLUDED._offset"
    ).format(
        insert=_insert(table, names),
        key=_list(table.contract.key),
        sets=SQL(", ").join(SQL("{0} = EXCLUDED.{0}").format(_name(name)) for name in columns),
        same=same,
    )


def _insert(table: MirrorTable, names: Sequence[str]) -> Composed:
    return SQL(
        "INSERT INTO {mirror} AS m ({names}) SELECT {names} FROM {stage} WHERE _op IN ('u', 'x') AND _shape = %s"
    ).format(mirror=table.name, names=_list(names), stage=table.stage)


def update(table: MirrorTable, columns: Sequence[str]) -> Composed:
    """Write the rows of shape %s whose other columns the log left out because they did not change."""
    names = [*columns, "_offset", "_source_ts"]
    return SQL(
        "UPDATE {mirror} m SET {sets} FROM {stage} s WHERE s._op IN ('u', 'x') AND s._shape = %s AND {match}"
    ).format(
        mirror=table.name,
        sets=SQL(", ").join(SQL("{0} = s.{0}").format(_name(name)) for name in names),
        stage=table.stage,
        match=_match(table, "m"),
    )


def revive(table: MirrorTable) -> Composed:
    """Remove the tombstones of rows that exist again."""
    return SQL("DELETE FROM {deleted} m USING {stage} s WHERE s._op = 'u' AND {match}").format(
        deleted=table.deleted, stage=table.stage, match=_match(table, "m")
    )


def delete(table: MirrorTable) -> Composed:
    """Move the rows of `_op` d and x to the deleted twin, with the delete's own offset and time."""
    columns = table.columns
    return SQL(
        "WITH gone AS (DELETE FROM {mirror} m USING {stage} s WHERE s._op IN ('d', 'x') AND {match}"
        " RETURNING {kept}, m._offset, m._source_ts, s._deleted_offset, s._deleted_ts)"
        " INSERT INTO {deleted} ({names}) SELECT {names} FROM gone {conflict}"
    ).format(
        mirror=table.name,
        stage=table.stage,
        match=_match(table, "m"),
        kept=SQL(", ").join(_name("m", name) for name in columns),
        deleted=table.deleted,
        names=_list(_twin(columns)),
        conflict=_overwrite(table),
    )


def truncate(table: MirrorTable) -> Composed:
    """Move all rows of the mirror to the deleted twin. Parameters: deleted_offset, deleted_ts."""
    return SQL("{gone} SELECT").format(gone=_delete_where(table, SQL("true")))


def delete_ghosts(table: MirrorTable) -> Composed:
    """Delete the rows that a closed snapshot generation did not bring, and note their keys.

    A row whose re-read image was refused is there, only stale. Parameters: generation_from, deleted_offset,
    deleted_ts, stream, batch.
    """
    refused = SQL(
        'SELECT FROM cdc.stale c WHERE c.mirror = {} AND c.key = {} AND c."offset" >= %(generation_from)s'
    ).format(_text(table.contract.mirror), key_array(table, "m"))
    return SQL(
        "{gone} INSERT INTO cdc.journal_key (stream, batch, mirror, key, op, old)"
        " SELECT %(stream)s, %(batch)s, {mirror_text}, {key}, 'd', {old} FROM gone m"
    ).format(
        gone=_delete_where(table, SQL("m._offset < %(generation_from)s AND NOT EXISTS ({})").format(refused)),
        mirror_text=_text(table.contract.mirror),
        key=key_array(table, "m"),
        old=_old(table),
    )


def _delete_where(table: MirrorTable, condition: Composable) -> Composed:
    columns = table.columns
    return SQL(
        "WITH gone AS (DELETE FROM {mirror} m WHERE {condition} RETURNING m.*),"
        " kept AS (INSERT INTO {deleted} ({names}) SELECT {columns}, _offset, _source_ts,"
        " %(deleted_offset)s, %(deleted_ts)s FROM gone {conflict})"
    ).format(
        mirror=table.name,
        condition=condition,
        deleted=table.deleted,
        names=_list(_twin(columns)),
        columns=_list(columns),
        conflict=_overwrite(table),
    )


def note_keys(table: MirrorTable) -> Composed:
    """Write the staged keys to the journal's key index, with the watched values that the mirror still holds.

    Runs before the mirror is written. Parameters: stream, batch.
    """
    exists = _name("m", table.contract.key[0])
    return SQL(
        "INSERT INTO cdc.journal_key (stream, batch, mirror, key, op, old) SELECT %s, %s, {text}, {key},"
        " (CASE s._op WHEN 'u' THEN 'u' WHEN 's' THEN CASE WHEN {exists} IS NULL THEN 'd' ELSE 'u' END"
        " ELSE 'd' END)::\"char\", {old} FROM {stage} s LEFT JOIN {mirror} m ON {match}{twin}"
    ).format(
        text=_text(table.contract.mirror),
        key=key_array(table, "s"),
        exists=exists,
        old=_old_or_deleted(table),
        stage=table.stage,
        mirror=table.name,
        match=_match(table, "m"),
        twin=SQL(" LEFT JOIN {} d ON {}").format(table.deleted, _match(table, "d")) if table.watched else SQL(""),
    )


def _old(table: MirrorTable) -> Composable:
    if not table.watched:
        return SQL("NULL")
    exists = _name("m", table.contract.key[0])
    return SQL("CASE WHEN {exists} IS NOT NULL THEN {values} END").format(exists=exists, values=_watched(table, "m"))


def _old_or_deleted(table: MirrorTable) -> Composable:
    """A row that comes back takes its last image away from the tombstones that look it up: `_deleted` says so."""
    if not table.watched:
        return SQL("NULL")
    return SQL(
        "CASE WHEN {live} IS NOT NULL THEN {old} WHEN {gone} IS NOT NULL THEN {last} || '{{\"_deleted\": true}}' END"
    ).format(
        live=_name("m", table.contract.key[0]),
        old=_watched(table, "m"),
        gone=_name("d", table.contract.key[0]),
        last=_watched(table, "d"),
    )


def _watched(table: MirrorTable, alias: str) -> Composed:
    pairs = SQL(", ").join(SQL("{}::text, {}::text").format(_text(name), _name(alias, name)) for name in table.watched)
    return SQL("jsonb_build_object({})").format(pairs)


def heal(table: MirrorTable) -> Composed:
    """Remove the stale marks of staged rows that came whole or went."""
    return SQL("DELETE FROM cdc.stale c USING {stage} s WHERE c.mirror = {text} AND c.key = {key} AND s._whole").format(
        stage=table.stage, text=_text(table.contract.mirror), key=key_array(table, "s")
    )


def mark_stale(table: MirrorTable) -> Composed:
    """Mark the staged rows that a refused change leaves behind the source. Parameter: stream."""
    return SQL(
        'INSERT INTO cdc.stale (mirror, key, code, stream, "offset")'
        " SELECT {text}, {key}, s._code, %s, s._code_offset FROM {stage} s WHERE s._code IS NOT NULL"
        ' ON CONFLICT (mirror, key) DO UPDATE SET code = EXCLUDED.code, "offset" = EXCLUDED."offset"'
    ).format(text=_text(table.contract.mirror), key=key_array(table, "s"), stage=table.stage)


def select_values(table: MirrorTable, columns: Sequence[str]) -> Composed:
    """Read columns as text by keys, given as one array of text per key column.

    One row per key: its place among them, whether the mirror has the row, code and offset of its stale mark, columns.
    """
    key = table.contract.key
    aliases = [f"k{number}" for number in range(len(key))]
    values = [
        SQL("k.{}::{}").format(Identifier(alias), SQL(table.contract.column(name).mirror_type))
        for alias, name in zip(aliases, key, strict=True)
    ]
    return SQL(
        'SELECT k.n, m._offset IS NOT NULL, c.code, c."offset"{columns}'
        " FROM unnest({arrays}) WITH ORDINALITY AS k({aliases}) LEFT JOIN {mirror} m ON {match}"
        " LEFT JOIN cdc.stale c ON c.mirror = {text} AND c.key = ARRAY[{texts}]"
    ).format(
        columns=SQL("").join(SQL(", {}::text").format(_name("m", name)) for name in columns),
        arrays=SQL(", ").join([SQL("%s::text[]")] * len(key)),
        aliases=_list([*aliases, "n"]),
        mirror=table.name,
        match=SQL(" AND ").join(
            SQL("{} = {}").format(_name("m", name), value) for name, value in zip(key, values, strict=True)
        ),
        text=_text(table.contract.mirror),
        texts=SQL(", ").join(SQL("{}::text").format(value) for value in values),
    )


def refuse(table: MirrorTable) -> Composed:
    """Keep a refused record. Parameters: stream, offset, batch, key columns..., code, detail, record key, value."""
    keys = SQL(", ").join(
        SQL("%s::{}::text").format(SQL(table.contract.column(name).mirror_type)) for name in table.contract.key
    )
    return SQL(
        'INSERT INTO cdc.refused (stream, "offset", batch, mirror, key, code, detail, record_key, record_value)'
        " VALUES (%s, %s, %s, {mirror}, ARRAY[{keys}], %s, %s, %s, %s)"
    ).format(mirror=_text(table.contract.mirror), keys=keys)


def _twin(columns: Iterable[str]) -> list[str]:
    return [*columns, "_offset", "_source_ts", "_deleted_offset", "_deleted_ts"]


def _overwrite(table: MirrorTable) -> Composed:
    return SQL("ON CONFLICT ({key}) DO UPDATE SET {sets}").format(
        key=_list(table.contract.key),
        sets=SQL(", ").join(SQL("{0} = EXCLUDED.{0}").format(_name(name)) for name in _twin(table.columns)),
    )


def key_array(table: MirrorTable, alias: str) -> Composed:
    """A row's key as text[], each column as PostgreSQL prints it."""
    return SQL("ARRAY[{}]").format(
        SQL(", ").join(SQL("{}::text").format(_name(alias, name)) for name in table.contract.key)
    )


def _match(table: MirrorTable, alias: str) -> Composed:
    return SQL(" AND ").join(SQL("{} = {}").format(_name(alias, name), _name("s", name)) for name in table.contract.key)


def _list(names: Iterable[str]) -> Composed:
    return SQL(", ").join(_name(name) for name in names)


def _name(*parts: str) -> Identifier:
    return Identifier(*(part.replace("%", "%%") for part in parts))


def _text(value: str) -> Literal:
    return Literal(value.replace("%", "%%"))
